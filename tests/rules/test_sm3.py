"""SM3 against its paper in double precision, and what its state costs."""

from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gradtx import chain, scale_by_learning_rate, scale_by_sm3, sm3
from gradtx.tree import TreeMismatchError
from tests.trajectories import DTYPES, TOLERANCE, distance, leafwise, rate

B1, B2, EPS = 0.7, 0.8, 2e-2
SHAPES = {"matrix": (3, 4), "stack": (2, 3, 4), "kernel": (2, 3, 2, 4), "vector": (5,), "scalar": ()}


@leafwise
def anil(
    theta: Any, gradients: list[Any], eps: float = 0.0, b1: float = 0.0, beta: float = 1.0, gain: float = 1.0
) -> Iterator[Any]:
    """Anil et al. (2019), SM3-II, index by index; its cover: the slices along each axis, a scalar itself."""
    mu: dict[tuple[int, int], float] = {}
    m = 0.0
    for t, g in enumerate(gradients):
        v, new = np.empty(g.shape), {}
        for i in np.ndindex(g.shape):
            cover = list(enumerate(i)) or [(0, 0)]
            v[i] = beta * min(mu.get(r, 0.0) for r in cover) + gain * np.abs(g[i]) ** 2
            for r in cover:
                new[r] = max(new.get(r, 0.0), v[i])
        mu = new
        m = b1 * m + (1 - b1) * g / np.sqrt(v + eps)
        theta = theta - rate(t) * m
        yield theta


@DTYPES
def test_sm3_of_the_paper(dtype):
    tx = chain(scale_by_sm3(eps=0.0, average=False), scale_by_learning_rate(rate))
    assert distance(tx, anil(), dtype, shapes=SHAPES) < TOLERANCE[dtype]


@DTYPES
def test_with_everything(dtype):
    tx = chain(scale_by_sm3(B1, B2, EPS), scale_by_learning_rate(rate))
    rule = anil(EPS, B1, B2, 1 - B2)
    assert distance(tx, rule, dtype, shapes=SHAPES) < TOLERANCE[dtype]


@pytest.mark.parametrize(("momentum", "b1"), [(B1, B1), (None, 0.0)])
def test_sm3(momentum, b1):
    tx = sm3(rate, momentum)
    assert distance(tx, anil(1e-8, b1), "float64", shapes=SHAPES) < TOLERANCE["float64"]


def test_the_state_is_as_many_numbers_as_the_axes_are_long():
    params = {"w": jnp.zeros((64, 3, 16), jnp.bfloat16), "b": jnp.zeros(7), "s": jnp.zeros(())}
    frugal = sm3(0.1, momentum=None).init(params)
    assert sum(leaf.nbytes for leaf in jax.tree.leaves(frugal)) == 4 * (64 + 3 + 16 + 7 + 1)
    with_momentum = sm3(0.1).init(params)
    numbers = 64 * 3 * 16 + 7 + 1
    assert sum(leaf.nbytes for leaf in jax.tree.leaves(with_momentum)) == 4 * (64 + 3 + 16 + 7 + 1 + numbers)


def test_a_vector_is_scaled_by_adagrad():
    """Each element is a slice of its own: the bound is the sum itself."""
    tx = scale_by_sm3(eps=0.0, average=False)
    state = tx.init(jnp.zeros(2))
    for g in ([3.0, -1.0], [4.0, 0.0], [0.0, 2.0]):
        update, state = tx.update(jnp.array(g), state)
    np.testing.assert_allclose(update, [0.0, 2.0 / np.sqrt(5.0)], rtol=1e-6)


@pytest.mark.parametrize(
    ("average", "shape"),
    [(average, shape) for average in (True, False) for shape in ((1, 4), (4, 1), (4, 4, 1), ())]
    + [(True, (4,))],
)
def test_a_gradient_of_another_shape_is_refused(average, shape):
    """Without parameters to compare it with, too: the bounds would be broadcast against it."""
    tx = scale_by_sm3(average=average)
    with pytest.raises(TreeMismatchError, match=r"parameters of shape \(4,"):
        tx.update(jnp.ones(shape), tx.init(jnp.zeros((4, 4))))


def test_an_element_that_never_moves_stays():
    """The paper's convention 0 / 0 = 0."""
    tx = scale_by_sm3(eps=0.0)
    update, _ = tx.update(jnp.zeros((2, 2)), tx.init(jnp.zeros((2, 2))))
    np.testing.assert_array_equal(update, np.zeros((2, 2)))
