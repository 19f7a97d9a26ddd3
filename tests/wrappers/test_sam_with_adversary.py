"""Sharpness-aware minimization with an optimizer as adversary, in double precision."""

from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import PartitionSpec as P

from gradtx import (
    add_decayed_weights,
    apply_updates,
    chain,
    eval_params,
    momentum,
    normalize,
    sam,
    sam_with_adversary,
    sgd,
)
from tests.trajectories import (
    TOLERANCE,
    gradients,
    in_precision_of,
    parameters,
    rate,
    relative_error,
    stacked,
)
from tests.wrappers.points import doubled, points
from tests.wrappers.test_sam import curved

PERIOD, STEPS = 3, 12
OUTER = chain(add_decayed_weights(0.3), momentum(0.05))


def foret(theta: Any, given: list[Any], resets: bool) -> Iterator[Any]:
    """Foret et al. (2021), algorithm 1, with momentum on both sides and decay of theta."""
    # It yields the point of the next gradient, and theta.
    point, m, climb = theta, (zeros := dict.fromkeys(theta, 0.0)), zeros
    yield point, theta
    for t, tree in enumerate(given):
        g = curved(point, tree)
        if (t + 1) % PERIOD:
            climb = {name: 0.9 * climb[name] + g[name] for name in g}
            turns = t - t // PERIOD  # the schedule counts the steps of the adversary alone
            point = {name: point[name] + rate(turns) * climb[name] for name in g}
        else:
            m = {name: 0.9 * m[name] + g[name] + 0.3 * theta[name] for name in g}
            point = theta = {name: theta[name] - 0.05 * m[name] for name in g}
            climb = zeros if resets else climb
        yield point, theta


def expected(dtype: str, resets: bool) -> Any:
    return stacked(foret(doubled(parameters(dtype)), doubled(gradients(dtype, STEPS)), resets))


@pytest.mark.parametrize(("resets", "dtype"), [(True, "float32"), (False, "float64")])
def test_a_step_a_call(resets: bool, dtype: str) -> None:
    tx = sam_with_adversary(OUTER, momentum(rate), PERIOD, resets)
    got = points(tx, dtype, STEPS, grad_fn=curved)
    assert relative_error(got, expected(dtype, resets)) < TOLERANCE[dtype]


@pytest.mark.parametrize("resets", [True, False])
def test_a_period_a_call(resets: bool) -> None:
    tx = sam_with_adversary(OUTER, momentum(rate), PERIOD, resets, opaque_mode=True)
    start, given = parameters("float64"), gradients("float64", STEPS)
    thetas = [start]
    with in_precision_of("float64"):
        params, state = start, tx.init(start)
        assert state.cache is None
        for t in range(0, STEPS, PERIOD):
            grad_fn = lambda params, i, t=t: curved(params, given[t + i + 1])  # noqa: E731
            updates, state = tx.update(curved(params, given[t]), state, params, grad_fn=grad_fn)
            params = apply_updates(params, updates)
            jax.tree.map(np.testing.assert_array_equal, eval_params(tx, state, params), params)
            thetas.append(params)
    _, theta = expected("float64", resets)
    assert relative_error(stacked(thetas), {name: theta[name][::PERIOD] for name in theta}) < 1e-12


def test_one_normalized_step_is_sam() -> None:
    tx = sam_with_adversary(momentum(0.05), chain(normalize(), sgd(rate)), opaque_mode=True)
    start, tree = parameters(), gradients(steps=1)[0]
    (one, _), (other, _) = (
        own.update(curved(start, tree), own.init(start), start, grad_fn=lambda p, *_: curved(p, tree))
        for own in (tx, sam(momentum(0.05), rate))
    )
    assert relative_error(one, other) < 1e-6


def test_a_period_of_one_is_the_optimizer() -> None:
    start = parameters()
    for opaque in (False, True):
        tx, plain = sam_with_adversary(momentum(0.1), sgd(9.0), 1, opaque_mode=opaque), momentum(0.1)
        params, state, own = start, tx.init(start), plain.init(start)
        for g in gradients(steps=3):
            updates, state = tx.update(g, state, params, grad_fn=curved)
            expected, own = plain.update(g, own, params)
            jax.tree.map(np.testing.assert_array_equal, updates, expected)
            params = apply_updates(params, updates)


@pytest.mark.exhaustive
def test_gradients_are_averaged_over_devices() -> None:
    """Of the batch 1, 3 the mean is 2, on every device."""
    tx, params = (
        sam_with_adversary(sgd(1.0), sgd(1.0), opaque_mode=True, batch_axis_name="batch"),
        jnp.zeros(()),
    )

    def step(batch: Any) -> Any:
        return tx.update(params, tx.init(params), params, grad_fn=lambda p, i: p + batch[0])[0]

    mesh = jax.make_mesh(
        (2,), ("batch",), devices=jax.devices()[:2], axis_types=(jax.sharding.AxisType.Auto,)
    )
    run = jax.shard_map(step, mesh=mesh, in_specs=P("batch"), out_specs=P())
    assert run(jnp.array([1.0, 3.0])) == -2.0
