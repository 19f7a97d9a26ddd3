"""The normalized update against Hazan et al. (2015), in double precision."""

from collections.abc import Iterator

import jax.numpy as jnp
import numpy as np
import pytest

from gradtx import chain, normalize_by_update_norm, scale_by_learning_rate
from tests.trajectories import DTYPES, TOLERANCE, Tree, distance, rate

EPS = 0.6


def hazan(params: Tree, gradients: list[Tree]) -> Iterator[Tree]:
    """Hazan et al. (2015), algorithm 1, with a length and an epsilon; the norm is that of all leaves."""
    for t, g in enumerate(gradients):
        length = np.sqrt(sum(np.sum(np.abs(leaf) ** 2) for leaf in g.values()))
        params = {name: theta - rate(t) * 0.3 * g[name] / (length + EPS) for name, theta in params.items()}
        yield params


@DTYPES
def test_the_update_at_one_length(dtype):
    tx = chain(normalize_by_update_norm(0.3, EPS), scale_by_learning_rate(rate))
    assert distance(tx, hazan, dtype) < TOLERANCE[dtype]


@pytest.mark.parametrize(("g", "expected"), [([0.0, 0.0], 0.0), ([jnp.inf, 1.0], jnp.nan)])
def test_an_update_without_a_direction(g, expected):
    tx = normalize_by_update_norm(eps=0.0)
    np.testing.assert_array_equal(tx.update(jnp.array(g), tx.init(jnp.array(g)))[0], [expected] * 2)
