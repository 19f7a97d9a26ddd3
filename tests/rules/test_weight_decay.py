"""Weight decay: decoupled, coupled, masked, scheduled and cautious, against papers in double precision."""

from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gradtx import (
    adadelta,
    adamaxw,
    adamw,
    add_decayed_weights,
    by_path,
    chain,
    l2_regularization,
    momentum,
    nadamw,
    scale_by_adam,
    scale_by_learning_rate,
)
from gradtx.selection import except_bias_norm_embedding
from tests.moments import along, decayed
from tests.trajectories import DTYPES, TOLERANCE, Rule, Tree, distance, parameters, rate

DECAY, MU, B1, B2, EPS = 0.3, 0.8, 0.85, 0.97, 1e-2
SHAPES = {"kernel": (3, 4), "bias": (4,), "embedding": (5, 2), "norm_scale": (4,)}
MATRICES = {"kernel": True, "bias": False, "embedding": False, "norm_scale": False}
KERNEL_OR_BIAS = {"kernel": True, "bias": True, "embedding": False, "norm_scale": False}
MASK = {"matrix": True, "scalar": False}


def falling(count: Any) -> Any:
    """A scheduled decay."""
    return 4.0 * rate(count)


def decayed_adam(mask: Tree, decay: Callable[[int], float]) -> Rule:
    """Loshchilov and Hutter (2019), algorithm 2, decoupled, where the mask is true."""

    def rule(params: Tree, gradients: list[Tree]) -> Iterator[Tree]:
        m, v = dict.fromkeys(params, 0.0), dict.fromkeys(params, 0.0)
        for t, g in enumerate(gradients, start=1):
            m = {name: B1 * m[name] + (1 - B1) * g[name] for name in g}
            v = {name: B2 * v[name] + (1 - B2) * g[name] ** 2 for name in g}
            params = {
                name: theta
                - rate(t - 1) * m[name] / (1 - B1**t) / (np.sqrt(v[name] / (1 - B2**t)) + EPS)
                - rate(t - 1) * mask[name] * decay(t - 1) * theta
                for name, theta in params.items()
            }
            yield params

    return rule


def penalized_momentum(mask: Tree) -> Rule:
    """The heavy ball on the gradient of loss + DECAY / 2 ||theta||^2, where the mask is true."""

    def rule(params: Tree, gradients: list[Tree]) -> Iterator[Tree]:
        v = dict.fromkeys(params, 0.0)
        for t, g in enumerate(gradients):
            v = {name: MU * v[name] + g[name] + mask[name] * DECAY * theta for name, theta in params.items()}
            params = {name: theta - rate(t) * v[name] for name, theta in params.items()}
            yield params

    return rule


MASKS = [
    (None, dict.fromkeys(SHAPES, True)),
    (True, dict.fromkeys(SHAPES, True)),
    (False, dict.fromkeys(SHAPES, False)),
    (MATRICES, MATRICES),
    (except_bias_norm_embedding, MATRICES),
    (by_path({"kernel|bias": True, ".*": False}), KERNEL_OR_BIAS),
    (lambda params: {name: name[0] in "kb" for name in params}, KERNEL_OR_BIAS),
]


@pytest.mark.parametrize(("mask", "selected"), MASKS)
def test_decoupled(mask, selected):
    tx = adamw(rate, B1, B2, EPS, weight_decay=DECAY, mask=mask)
    rule = decayed_adam(selected, lambda t: DECAY)
    assert distance(tx, rule, "float64", shapes=SHAPES) < TOLERANCE["float64"]


@pytest.mark.parametrize(("mask", "selected"), MASKS)
def test_coupled(mask, selected):
    tx = chain(l2_regularization(DECAY, mask), momentum(rate, MU))
    assert distance(tx, penalized_momentum(selected), "float64", shapes=SHAPES) < TOLERANCE["float64"]


@DTYPES
def test_scheduled_and_masked(dtype):
    """The schedules of the decay and of the learning rate both start at count 0, and multiply."""

    def rule(params: Tree, gradients: list[Tree]) -> Iterator[Tree]:
        for t, g in enumerate(gradients):
            params = {
                name: theta - rate(t) * (g[name] + MATRICES[name] * falling(t) * theta)
                for name, theta in params.items()
            }
            yield params

    tx = chain(add_decayed_weights(falling, MATRICES), scale_by_learning_rate(rate))
    assert distance(tx, rule, dtype, shapes=SHAPES) < TOLERANCE[dtype]


def test_adamw_with_a_scheduled_decay():
    tx = adamw(rate, B1, B2, EPS, weight_decay=falling, mask=MATRICES)
    assert distance(tx, decayed_adam(MATRICES, falling), "float64", shapes=SHAPES) < TOLERANCE["float64"]


def chen(t: int, u: Any, theta: Any) -> Any:
    """Chen et al. (2025), algorithm 1."""
    return DECAY * (along(u, theta) >= 0) * theta


@DTYPES
def test_cautious_decay(dtype):
    tx = chain(
        scale_by_adam(B1, B2, EPS), add_decayed_weights(DECAY, cautious=True), scale_by_learning_rate(rate)
    )
    assert distance(tx, decayed(chen), dtype) < TOLERANCE[dtype]


def test_cautious_decay_spares_what_the_step_leads_away_from_zero():
    """Where the step is 0 the parameter decays: the paper's mask is of at least 0."""
    theta = jnp.array([2.0, 2.0, 2.0, -2.0, -2.0, 0.0, 1e-30])
    g = jnp.array([1.0, -1.0, 0.0, 1.0, -1.0, -1.0, -1e-30])
    tx = add_decayed_weights(0.5, cautious=True)
    np.testing.assert_array_equal(
        tx.update(g, tx.init(theta), theta)[0], [2.0, -1.0, 1.0, 1.0, -2.0, -1.0, jnp.float32(-1e-30)]
    )


@pytest.mark.exhaustive
def test_masks_of_decay():
    """The scalar has no decay, in each optimizer that takes a mask."""
    for tx in (
        nadamw(0.1, weight_decay=DECAY, mask=MASK),
        adamaxw(0.1, weight_decay=DECAY, mask=MASK),
        adadelta(0.1, weight_decay=DECAY, weight_decay_mask=MASK),
    ):
        params = parameters()
        updates, _ = tx.update(jax.tree.map(jnp.zeros_like, params), tx.init(params), params)
        assert updates["scalar"] == 0
        assert np.all(updates["matrix"] != 0)
