"""What `accumulate` is told to leave out; and functions with arguments given, which are values."""

import functools
import pickle
from typing import Any

import jax
import jax.numpy as jnp
import pytest

import gradtx
from gradtx import accumulate, monitor, skip_large_updates


def bounded(bound: Any) -> accumulate:
    return accumulate(
        gradtx.sgd(1.0),
        2,
        should_skip_update_fn=functools.partial(skip_large_updates, max_squared_norm=bound),
    )


def test_a_function_with_arguments_given_compares_by_them() -> None:
    """Two equal optimizers are one program."""
    traces = []

    @functools.partial(jax.jit, static_argnums=0)
    def init(tx: Any, params: Any) -> Any:
        traces.append(tx)
        return tx.init(params)

    for bound in (1.0, 1.0, 2.0, -0.0, 0.0, 1):
        init(bounded(bound), jnp.zeros(2))
    assert len(traces) == 5  # a whole number may be another program than the float of its value
    assert hash(bounded(1.0)) == hash(bounded(1.0))
    assert pickle.loads(pickle.dumps(bounded(1.0))) == bounded(1.0)
    assert "partial(skip_large_updates, max_squared_norm=1.0)" in repr(bounded(1.0))


def test_so_do_measures_and_arguments_that_are_arrays_or_lists() -> None:
    def share(updates: Any, weights: Any, places: Any) -> Any:
        return sum(updates[place] * weight for place, weight in zip(places, weights, strict=True))

    def monitored(weight: float) -> monitor:
        given = functools.partial(share, weights=jnp.array([weight, 1.0]), places=[0, 1])
        return monitor({"share": given})

    assert monitored(1.0) == monitored(1.0) != monitored(2.0)
    tx = monitored(3.0)
    assert tx.update(jnp.array([2.0, 1.0]), tx.init(jnp.zeros(2)))[1].measurements["share"] == 7.0


def test_what_cannot_be_compared_is_itself_alone() -> None:
    def with_traced(bound: Any) -> Any:
        tx = bounded(bound)
        assert tx == gradtx.replace(tx, every_k_schedule=2)
        assert tx != bounded(bound)
        return tx.update(jnp.ones(2), tx.init(jnp.ones(2)))[1].skip_state["should_skip"]

    assert jax.jit(with_traced)(1.0)


@pytest.mark.parametrize("dtype", [jnp.bfloat16, jnp.float16, jnp.float32, jnp.float64])
def test_the_norm_is_told_in_one_dtype_whatever_that_of_the_gradients(dtype: Any) -> None:
    with jax.enable_x64(True):
        tx, params = bounded(1.0), jnp.zeros(2, jnp.float64)
        state = tx.init(params)
        _, after = tx.update(jnp.ones(2, dtype), state, params)
        assert after.skip_state["norm_squared"] == 2.0
    assert jax.tree.map(lambda x: x.dtype, after.skip_state) == jax.tree.map(
        lambda x: x.dtype, state.skip_state
    )
