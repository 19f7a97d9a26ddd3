"""Averages of the parameters as weighted sums, in double precision."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gradtx import (
    apply_updates,
    average_params,
    eval_params,
    momentum,
    schedule_free,
    sgd,
    stochastic_weight_average,
)
from tests.trajectories import TOLERANCE, gradients, parameters, rate, relative_error, rising
from tests.wrappers.points import doubled, points


def weighted_means(
    path: np.ndarray, decay: float, debias: bool = True, start: int = 1, every: int = 1
) -> np.ndarray:
    """At every step the mean of what has entered, weight by weight, and not as a recurrence."""
    means = []
    for t in range(len(path)):
        entered = path[start : t + 1 : every]
        weights = decay ** np.arange(len(entered))[::-1]
        if not debias:
            weights[1:] *= 1.0 - decay  # the first keeps what is left
        means.append(np.tensordot(weights, entered, axes=1) / weights.sum() if len(entered) else path[t])
    return np.stack(means)


@pytest.mark.parametrize(
    ("tx", "options", "dtype"),
    [
        (average_params(momentum(rate), 0.7), {"decay": 0.7}, "float32"),
        (
            average_params(momentum(rate), 0.7, False, 0),
            {"decay": 0.7, "debias": False, "start": 0},
            "complex64",
        ),
        (
            average_params(momentum(rate), 0.7, True, 2, 3),
            {"decay": 0.7, "start": 2, "every": 3},
            "float64",
        ),
        (
            average_params(momentum(rate), 0.7, False, 3, 2),
            {"decay": 0.7, "debias": False, "start": 3, "every": 2},
            "float64",
        ),
        (stochastic_weight_average(momentum(rate), 0, 2), {"decay": 1.0, "start": 0, "every": 2}, "float64"),
        (stochastic_weight_average(momentum(rate), 4), {"decay": 1.0, "start": 4}, "float32"),
    ],
    ids=["debiased", "biased", "debiased at times", "biased at times", "uniform at times", "uniform"],
)
def test_averages(tx: Any, options: Any, dtype: str) -> None:
    params, averages = points(tx, dtype)
    expected = {name: weighted_means(path, **options) for name, path in doubled(params).items()}
    assert relative_error(averages, expected) < TOLERANCE[dtype]
    alone, _ = points(momentum(rate), dtype)
    jax.tree.map(np.testing.assert_array_equal, params, alone)


def test_a_scheduled_decay_counts_as_if_it_had_held_from_the_start() -> None:
    params, averages = points(average_params(sgd(0.1), rising, start_step=2, every_k=2))

    def expected(path: np.ndarray) -> np.ndarray:
        means = [path[0], path[1], path[2]]
        for t in range(3, len(path)):
            d, n = rising(t - 1), t // 2
            c = (1 - d) / (1 - d**n) if t % 2 == 0 else 0.0
            means.append(means[-1] + c * (path[t] - means[-1]))
        return np.stack(means)

    assert relative_error(averages, jax.tree.map(expected, params)) < TOLERANCE["float64"]


def test_the_weights_of_a_long_average_are_exact() -> None:
    """From the decay in float32 they would be off by 1e-5."""
    tx, c = average_params(sgd(1.0)), 1 - 0.999
    share = np.asarray(jax.jit(jax.vmap(tx._weight))(jnp.array([1, 2, 1000, 100_000])))
    np.testing.assert_allclose(share, [1.0, c / (1 - 0.999**2), c / (1 - 0.999**1000), c], rtol=3e-7)


def test_in_float32_an_average_moves_where_16_bits_stand_still() -> None:
    """The parameter jumps from 1 to 2 in the first step, and stays: 1/1000 of the way rounds to nothing."""
    for dtype, expected in ((None, 2.0 - 0.999**10), ("bfloat16", 1.0)):
        tx = average_params(sgd(1.0), 0.999, debias=False, start_step=0, average_dtype=dtype)
        params = jnp.ones((), jnp.bfloat16)
        state = tx.init(params)
        for step in (-1.0, *[0.0] * 9):
            updates, state = tx.update(jnp.bfloat16(step), state, params)
            params = apply_updates(params, updates)
        np.testing.assert_allclose(state.average.astype(float), expected, rtol=1e-6)
        assert eval_params(tx, state, params).dtype == params.dtype == jnp.bfloat16


def test_what_enters_is_rounded_as_the_parameters_are() -> None:
    """With the decay 0 the average is the newest value alone."""
    tx, params = average_params(sgd(0.1), 0.0), parameters("bfloat16")
    updates, state = tx.wide_update(gradients("bfloat16")[0], tx.init(params), params)
    jax.tree.map(np.testing.assert_array_equal, state.average, apply_updates(params, updates))


def test_an_average_is_of_the_points_at_which_its_optimizer_evaluates() -> None:
    inner = schedule_free(sgd(rate), rate, b1=0.5)
    _, evaluated = points(inner)
    _, averages = points(average_params(inner, 0.7))
    expected = {name: weighted_means(path, 0.7) for name, path in evaluated.items()}
    assert relative_error(averages, expected) < TOLERANCE["float64"]
