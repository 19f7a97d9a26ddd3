"""MoMo and MoMo-Adam against their paper, in double precision."""

from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gradtx import momo, momo_adam, scale_by_momo, scale_by_momo_adam
from tests.rules.test_prodigy import factor
from tests.trajectories import (
    TOLERANCE,
    gradients,
    in_precision_of,
    parameters,
    reference_updates,
    relative_error,
    trajectory,
)

B1, B2, EPS, BOUND, DECAY = 0.7, 0.8, 0.1, 0.3, 0.2
STEPS = 12
# The loss falls below the estimates of its lower bound, and rises again.
LOSSES = np.array([4.0, 3.0, 9.0, 2.0, 1.0, 6.0, 0.5, 0.4, 7.0, 3.0, 0.1, 8.0])


def inner(x: dict[str, Any], y: dict[str, Any]) -> float:
    return sum(np.sum(np.real(np.conj(leaf) * y[name])) for name, leaf in x.items())


def schaipp(adam: bool, adapts: bool, taken: list[Any] | None = None) -> Any:
    """Schaipp et al. (2023), algorithms 1 and 2, the estimate of the bound, and the weight decay.

    `taken` collects for each step whether it is the longest one, and whether the bound was reset.
    """

    def rule(params: dict[str, Any], steps: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
        d, v = (dict.fromkeys(params, 0.0) for _ in range(2))
        average, gamma, bound = 0.0, 0.0, BOUND
        for t, (g, loss) in enumerate(zip(steps, LOSSES, strict=True)):
            alpha = factor(t)
            b1 = 0.0 if t == 0 and not adam else B1
            rho = 1 - B1 ** (t + 1) if adam else 1.0
            average = b1 * average + (1 - b1) * loss
            gamma = b1 * gamma + (1 - b1) * inner(g, params)
            for name in params:
                d[name] = b1 * d[name] + (1 - b1) * g[name]
                v[name] = B2 * v[name] + (1 - B2) * np.abs(g[name]) ** 2
            metric = {n: np.sqrt(x / (1 - B2 ** (t + 1))) + EPS if adam else 1.0 for n, x in v.items()}
            direction = {name: d[name] / metric[name] for name in params}
            square, shrinkage, height = inner(d, direction), 1 + alpha * DECAY, inner(d, params)
            value = shrinkage * (average - gamma) + height
            resets = adapts and value < shrinkage * rho * bound
            if resets:
                bound = max(value / (2 * shrinkage * rho), BOUND)
            polyak = max(value - shrinkage * rho * bound, 0.0) / square
            tau = min(alpha / rho, polyak)
            if adapts:
                bound = max((average + height - gamma - tau * square / 2) / rho, BOUND)
            if taken is not None:
                taken.append((tau == alpha / rho, resets))
            params = {name: (p - tau * direction[name]) / shrinkage for name, p in params.items()}
            yield params

    return rule


OPTIONS = {"lower_bound": BOUND, "weight_decay": DECAY}
MAKERS = {
    "momo": lambda adapts: momo(factor, B1, adapt_lower_bound=adapts, **OPTIONS),
    "momo_adam": lambda adapts: momo_adam(factor, B1, B2, EPS, adapt_lower_bound=adapts, **OPTIONS),
}


@pytest.mark.parametrize("dtype", ["float64", "complex64"])
@pytest.mark.parametrize("adapts", [False, True])
@pytest.mark.parametrize("name", MAKERS)
def test_the_paper(name, adapts, dtype):
    start, steps = parameters(dtype), gradients(dtype, STEPS)
    taken: list[Any] = []
    expected = reference_updates(schaipp(name == "momo_adam", adapts, taken), start, steps)
    with in_precision_of(dtype):
        updates, _, _ = trajectory(MAKERS[name](adapts), start, steps, value=jnp.asarray(LOSSES, float))
    # Inner products of both signs cancel in the excess of the model over its bound.
    assert relative_error(updates, expected) < 10 * TOLERANCE[dtype]
    longest, resets = zip(*taken, strict=True)
    assert {*longest} == {False, True}
    assert any(resets) == adapts


RULES = {"momo": scale_by_momo(0.5), "momo_adam": scale_by_momo_adam(0.5)}


@pytest.mark.parametrize("name", RULES)
def test_without_a_gradient_nothing_moves(name):
    tx, params = RULES[name], jnp.ones(2)
    updates, state = tx.update(jnp.zeros(2), tx.init(params), params, value=1.0)
    np.testing.assert_array_equal(updates, np.zeros(2))
    updates, _ = tx.update(jnp.ones(2), state, params, value=1.0)
    assert (updates > 0).all()


@pytest.mark.parametrize("size", [1e-25, 1.0, 1e25])
def test_a_loss_of_any_size_is_followed_to_its_bound(size):
    """A loss linear along its gradient g, at the distance 2 from its bound, takes the step 2."""
    tx, g = scale_by_momo(1e30, beta=0.5), size * jnp.array([0.6, 0.8])
    params = jnp.zeros(2)
    updates, _ = tx.update(g, tx.init(params), params, value=2 * size)
    np.testing.assert_allclose(updates, [1.2, 1.6], rtol=1e-6)


@pytest.mark.parametrize("name", RULES)
def test_a_large_gradient_leaves_a_finite_update(name):
    tx, params = RULES[name], jnp.ones(2)
    state = tx.init(params)
    for g in (jnp.array([1e30, 1.0]), jnp.ones(2)):
        updates, state = tx.update(g, state, params, value=1.0)
        assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves((updates, state)))


def test_a_loss_below_its_bound_takes_no_step():
    tx, params = scale_by_momo(lower_bound=1.0), jnp.zeros(2)
    updates, _ = tx.update(jnp.ones(2), tx.init(params), params, value=0.5)
    np.testing.assert_array_equal(updates, np.zeros(2))


def test_the_estimate_is_never_below_the_least_bound():
    tx, params = scale_by_momo(100.0, lower_bound=1.0, adapt_lower_bound=True), jnp.zeros(2)
    state = tx.init(params)
    too_high = state._replace(lb=jnp.array(10.0))
    updates, reset = tx.update(jnp.ones(2), too_high, params, value=1.5)  # half of 1.5 is below 1
    np.testing.assert_allclose(updates, [0.25, 0.25])  # 0.5 above the bound, over the square of the norm
    assert reset.lb == 1.25  # half of the way
    assert tx.update(jnp.ones(2), state, params, value=-4.0)[1].lb == 1.0


@pytest.mark.parametrize("name", RULES)
def test_the_loss_is_one_number(name):
    tx, params = RULES[name], jnp.ones(2)
    with pytest.raises(ValueError, match=rf"scale_by_{name}: value= must be one number.*\(2,\)"):
        tx.update(params, tx.init(params), params, value=params)
