"""A peak learning rate for an optimizer without a default learning rate.

The unit of a learning rate differs between methods: at rate 1, a step of Adam moves each parameter by about
1, and a step of gradient descent along a clipped gradient by about 0.001. The size of a good step differs
little. The rate is therefore measured instead of looked up in a table: it is the rate at which a step has the
root mean square that trains this model well.

Over 400 steps of the default model, the peaks found in this way bring gradient descent, momentum, AdaGrad,
RMSprop, Adam and AMSGrad each below a validation loss of 1.9.
"""

from functools import partial
from itertools import islice

import jax
import jax.numpy as jnp
import numpy as np

import gradtx
from gradtx.cli.catalogue import OptimizerFactory, own_learning_rate
from gradtx.cli.concepts import DEFAULT_LEARNING_RATE, MAX_NORM, chained, concepts_of
from gradtx.cli.language_model import Architecture, Params
from gradtx.cli.step import next_update
from gradtx.cli.task import Task

STEP_SIZE = 4e-3  # the root mean square, over all parameters, of a step at the peak
BATCHES = 20  # enough for averages with a decay of 0.9 to settle


def peak_rate(
    factory: OptimizerFactory | None,
    task: Task,
    weight_decay: float | None = None,
    max_norm: float = MAX_NORM,
) -> float:
    """The peak of the learning rate: that of the optimizer, if it has one, else measured and printed."""
    if factory is None:
        return DEFAULT_LEARNING_RATE
    if (own := own_learning_rate(factory)) is not None:
        return own
    tx = chained(concepts_of(factory, 1.0, weight_decay, max_norm))
    batches = jnp.asarray(np.stack(list(islice(task.batches(), BATCHES))))
    peak = calibrated_learning_rate(tx, task.architecture, task.params, batches)
    print(
        f"Learning rate of {factory.__name__}: {peak:g}, measured: there a step moves a parameter by about "
        f"{STEP_SIZE:g}"
    )
    return peak


def calibrated_learning_rate(
    at_rate_one: gradtx.GradientTransformation,
    architecture: Architecture,
    params: Params,
    batches: jax.Array,
) -> float:
    """The learning rate at which a step has the root mean square `STEP_SIZE`, to two digits.

    Args:
      at_rate_one: the optimizer with the learning rate 1.
      architecture: the architecture of the model.
      params: the parameters at which the gradients are taken; they do not change.
      batches: one batch for each gradient, in an array of shape `(BATCHES, batch_size, context + 1)`.
    """
    size = float(_size_of_last_update(at_rate_one, architecture, params, batches))
    # With a gradient of zero, as on a text of one character, all rates are equal.
    return float(f"{STEP_SIZE / size:.2g}") if size > 0.0 else STEP_SIZE


@partial(jax.jit, static_argnames="architecture")
def _size_of_last_update(
    tx: gradtx.GradientTransformation, architecture: Architecture, params: Params, batches: jax.Array
) -> jax.Array:
    def step(state: gradtx.OptState, batch: jax.Array) -> tuple[gradtx.OptState, jax.Array]:
        updates, state, _, _ = next_update(architecture, tx, params, state, batch)
        return state, gradtx.global_norm(updates)

    norms = jax.lax.scan(step, tx.init(params), batches)[1]
    return norms[-1] / sum(leaf.size for leaf in jax.tree.leaves(params)) ** 0.5
