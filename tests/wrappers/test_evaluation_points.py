"""Wrappers that keep a second point: `eval_params` finds it, and it is no alias of the parameters."""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gradtx import (
    accumulate,
    apply_updates,
    average_params,
    by_path,
    chain,
    clip,
    eval_params,
    lookahead,
    masked,
    momentum,
    partition,
    sgd,
    stochastic_weight_average,
)

LEAVES = {"kernel": jnp.array([1.0, -2.0]), "bias": jnp.array(0.5)}
ON_KERNELS = by_path({"bias": False, "": True})


@pytest.mark.parametrize(
    "wrap",
    [
        lambda tx: chain(clip(9.0), tx),
        lambda tx: masked(tx, ON_KERNELS),
        lambda tx: partition({True: tx, False: sgd(1.0)}, ON_KERNELS),
        lambda tx: accumulate(chain(masked(tx, ON_KERNELS)), 2),
    ],
    ids=["chain", "masked", "partition", "accumulate"],
)
@pytest.mark.parametrize(
    ("tx", "expected"),
    # The kernel's first element goes from 1 to 0, -1, -2; or back after -1, and on.
    [
        (stochastic_weight_average(sgd(1.0), 1), -1.0),
        (average_params(sgd(1.0), 0.5), (-2.0 * 4 - 1.0 * 2 - 0.0) / 7),
        (lookahead(sgd(1.0), 2, 0.25), 1.0 - 0.25 * 2),
    ],
    ids=["uniform", "exponential", "lookahead"],
)
def test_the_other_point_is_found_wherever_it_stands(wrap: Any, tx: Any, expected: float) -> None:
    tx, params, calls = wrap(tx), LEAVES, 3
    update, state = jax.jit(tx.update), tx.init(LEAVES)
    if isinstance(tx, accumulate):
        calls *= 2  # of which every other one moves the parameters, and counts
    for _ in range(calls):
        updates, state = update(jax.tree.map(jnp.ones_like, LEAVES), state, params)
        params = apply_updates(params, updates)
    np.testing.assert_allclose(eval_params(tx, state, params)["kernel"][0], expected, rtol=1e-6)


@pytest.mark.parametrize(
    "tx",
    [
        average_params(momentum(0.1)),
        stochastic_weight_average(momentum(0.1), 0),
        lookahead(momentum(0.1), 2, 1.0, reset_state=True),
    ],
    ids=["exponential", "uniform", "lookahead"],
)
def test_no_array_of_the_state_is_one_of_the_parameters(tx: Any) -> None:
    """They could not be donated together; while an average is the parameters, it has their values alone."""

    @partial(jax.jit, donate_argnums=(0, 1))
    def step(params: Any, state: Any) -> Any:
        updates, state = tx.update(jax.tree.map(jnp.ones_like, params), state, params)
        return apply_updates(params, updates), state

    for init in (tx.init, jax.jit(tx.init)):
        params = jax.tree.map(jnp.copy, LEAVES)
        state = init(params)
        for _ in range(3):
            places = [leaf.unsafe_buffer_pointer() for leaf in jax.tree.leaves((params, state))]
            assert len(set(places)) == len(places)
            params, state = step(params, state)
