"""Short runs in which the learning rate of each step is given, as one compiled program."""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from gradtx.core import GradientTransformation, OptState, Params, apply_updates
from gradtx.practice._rates import Fields, at_rates, written
from gradtx.searches import value_and_grad_at
from gradtx.tree import conj


def loss_of(loss_fn: Callable[..., Any], params: Params, batch: Any) -> Any:
    """The loss of a function that returns it alone, or a pair with something else."""
    result = loss_fn(params, batch)
    return result[0] if isinstance(result, tuple) and len(result) == 2 else result


@partial(jax.jit, static_argnames=("loss_fn", "fields"))
def losses_of_runs(
    loss_fn: Callable[..., Any],
    tx: GradientTransformation,
    params: Params,
    batches: Any,
    orders: Any,
    sizes: Any,
    peaks: Any,
    fields: Fields,
) -> Array:
    """The loss before each step of each run, shape `(runs, steps)`.

    Args:
      loss_fn: the loss of parameters and a batch.
      tx: the optimizer.
      params: the parameters to begin with.
      batches: the batches, in arrays with a leading axis.
      orders: the index of the batch of each step, shape `(runs, steps)`.
      sizes: the largest learning rate in each step, shape `(steps,)`, the same for all runs.
      peaks: the learning rates of `tx`, which stay in proportion.
      fields: the fields of these rates.
    """
    initial, largest = tx.init(params), jnp.max(jnp.abs(peaks))

    def step(carry: tuple[Params, OptState], now: tuple[Array, Array]) -> tuple[Any, Array]:
        params, state = carry
        size, index = now
        tuned = at_rates(tx, fields, size * (peaks / largest))
        state = written(state, initial, fields, size / largest)
        batch = jax.tree.map(lambda leaf: leaf[index], batches)
        return _stepped(tuned, partial(loss_of, loss_fn, batch=batch), params, state)

    def run(order: Array) -> Array:
        return jax.lax.scan(step, (params, initial), (sizes, order))[1]

    return jax.vmap(run)(orders)


def _stepped(
    tx: GradientTransformation, function: Callable[[Params], Any], params: Params, state: OptState
) -> tuple[tuple[Params, OptState], Array]:
    """The parameters and the state after a step, and the loss before it."""
    value, grad = value_and_grad_at(function, params)

    def grad_fn(params: Params) -> Any:
        return conj(value_and_grad_at(function, params)[1])

    extra = {"value_fn": function, "obj_fn": function, "grad_fn": grad_fn}
    updates, state = tx.update(conj(grad), state, params, value=value, grad=grad, **extra)
    return (apply_updates(params, updates), state), value
