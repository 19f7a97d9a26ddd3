"""The compiled training step, with its loss and its update."""

from functools import partial

import jax
import jax.numpy as jnp

import gradtx
from gradtx.cli.language_model import Architecture, Params, logits, loss

# The arguments for every optimizer: `update` ignores those that it does not need.
PROVIDED = frozenset({"params", "value", "grad", "value_fn", "obj_fn", "logits_fn"})


def next_update(
    architecture: Architecture,
    tx: gradtx.GradientTransformation,
    params: Params,
    state: gradtx.OptState,
    batch: jax.Array,
) -> tuple[gradtx.Updates, gradtx.OptState, jax.Array, jax.Array]:
    """The update for a batch, the next state of the optimizer, the loss and the gradient's norm."""
    value_fn = partial(loss, architecture, batch=batch)
    value, grad = jax.value_and_grad(value_fn)(params)

    def logits_fn(params: Params) -> jax.Array:
        return jax.vmap(partial(logits, architecture, params))(batch[:, :-1])

    functions = {"value_fn": value_fn, "obj_fn": value_fn, "logits_fn": logits_fn}
    updates, state = tx.update(grad, state, params, value=value, grad=grad, **functions)
    return updates, state, value, gradtx.global_norm(grad)


# The optimizer is an argument, a pytree of its numbers: another learning rate compiles nothing.
@partial(jax.jit, static_argnames="architecture", donate_argnames=("params", "state"))
def training_step(
    architecture: Architecture,
    tx: gradtx.GradientTransformation,
    params: Params,
    state: gradtx.OptState,
    batch: jax.Array,
) -> tuple[Params, gradtx.OptState, jax.Array, jax.Array]:
    """The next parameters and state, in the memory of the old ones, the loss and the gradient's norm."""
    updates, state, value, norm = next_update(architecture, tx, params, state, batch)
    return gradtx.apply_updates(params, updates), state, value, norm


@partial(jax.jit, static_argnames="architecture")
def mean_loss(architecture: Architecture, params: Params, sequences: jax.Array) -> jax.Array:
    """The mean loss over many sequences, shape `(n, context + 1)`, a few at a time to bound the memory."""

    def one(sequence: jax.Array) -> jax.Array:
        return loss(architecture, params, sequence[None])

    return jnp.mean(jax.lax.map(one, sequences, batch_size=32))
