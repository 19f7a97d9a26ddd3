"""A training as a function: of one optimizer, or of all members of a sweep."""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
from jax import Array

from gradtx.core import GradientTransformation, OptState, Params, as_transformation
from gradtx.practice._loop import Trained, run
from gradtx.practice._seeds import order_of, orders_of, params_of, seeds_of
from gradtx.practice._sweep import Sweep
from gradtx.practice._task import Task, as_task, chunk_of, require_arguments, rounds_of
from gradtx.tree import is_traced
from gradtx.wrappers import MonitorState, monitor as monitored


def train(
    loss_fn: Callable[[Any, Any], Any],
    params: Any,
    tx: Any,
    batches: Any,
    *,
    steps: int,
    eval_fn: Callable[[Any], Any] | None = None,
    every: int | None = None,
    monitor: Any = None,
    state: Any = None,
    seeds: Any = None,
    batch_size: int | None = None,
) -> Trained:
    """Trains parameters for a number of steps, as one `jax.lax.scan`, and returns all that it recorded.

    It is for the choice of an optimizer and for diagnosis, not a trainer: it has no checkpoints, no devices
    and no callbacks. It is a pure function, so that `jax.vmap` and `jax.grad` of it work.

    Recorded at every step are the `loss` before it, the numbers in `aux` and the measures of `monitor`, by
    name, and every other number that the state publishes for `metrics`. An evaluation is recorded every
    `every` steps, at the parameters of `eval_params`. Arguments that the optimizer `needs`, such as `value`,
    come from the loss.

    Given a `Sweep`, it trains all members as one program, which is traced once. Each array of the result has
    an axis of members. The members share their counts of updates inside, so that a condition on a count stays
    a branch. No member touches another one: those that diverge leave the others as they are, bit for bit.
    Outside of `jax.jit` the program is compiled once for each function.

    Args:
      loss_fn: a function `loss_fn(params, batch)` to the loss, one number, or to `(loss, aux)`. Randomness
        is a key in the batch.
      params: the parameters to begin with. With seeds, a function from a key to parameters may stand in
        their place; it gets `jax.random.key(seed)`.
      tx: the optimizer, or a `Sweep`.
      batches: a tree of arrays with a leading axis of steps, or an iterator over batches, of which `steps`
        are taken and stacked. Fewer batches than steps repeat in their order. A list of batches is a tree as
        well: give `iter(...)` of it.
      steps: the number of steps.
      eval_fn: a function from parameters to a number, recorded as `validation`, or to a dictionary of them.
      every: the number of steps from one evaluation to the next, which divides `steps`; by default the
        evaluation is at the end.
      monitor: measures to record, as `gradtx.monitor` takes them.
      state: the state of the optimizer to begin with, to go on with a training; by default a new one.
      seeds: a number of seeds, or a list of them. The results have an axis of seeds, after that of members.
        Each seed has its own order of the batches, alike for all members.
      batch_size: the number of members that are trained at the same time, to bound the memory; by default
        all.

    Raises:
      ValueError: for batches without an axis of steps, for rounds that do not divide the steps, for a loss
        that is not one number, and for an optimizer that needs an argument which no training has.

    >>> import gradtx, jax.numpy as jnp
    >>> def loss_fn(w, batch):
    ...     return (w - batch) ** 2
    >>> result = train(loss_fn, jnp.array(3.0), gradtx.sgd(0.25), jnp.ones(4), steps=4)
    >>> result.history
    step    loss
       1       4
       2       1
       3    0.25
       4  0.0625
    >>> result.params
    Array(1.125, dtype=float32)
    """
    steps, every = rounds_of(steps, every)
    swept = isinstance(tx, Sweep)
    tx = tx.optimizer if isinstance(tx, Sweep) else as_transformation(tx)
    _refuse_together(state, swept, seeds, batch_size)
    batch_size = chunk_of(batch_size)
    require_arguments("train", tx)
    task = as_task(loss_fn, eval_fn, batches, steps)
    inner = tx
    if monitor is not None:
        tx = monitored(monitor, tx)
        state = None if state is None else tx.init(params)._replace(inner_state=state)
    known = seeds_of(seeds)
    begin, axis = params_of(params, known)
    order = order_of(steps, task.length) if known is None else orders_of(known, steps, task.length)
    program = trained if is_traced(task, tx, begin, state) else compiled
    seeding = None if known is None else (axis,)
    result = program(every, swept, seeding, batch_size, task, tx, begin, state, order)
    return result if tx is inner else result._replace(state=_inner(result.state))


def _inner(state: MonitorState) -> OptState:
    return state.inner_state


def _refuse_together(state: Any, swept: bool, seeds: Any, batch_size: Any) -> None:
    """Raises for arguments that exclude each other."""
    if state is not None and (swept or seeds is not None):
        raise ValueError(
            "train: a state goes with one optimizer and no seeds, since each member has a state of its own. "
            "Train for all steps at once, or let evolve go on with the members."
        )
    if batch_size is not None and not swept:
        raise ValueError("train: batch_size is the number of members at the same time, and needs a Sweep.")


def trained(
    every: int,
    swept: bool,
    seeding: tuple[int | None] | None,
    batch_size: int | None,
    task: Task,
    tx: GradientTransformation,
    params: Params,
    state: OptState,
    order: Array,
) -> Trained:
    """The training of one optimizer, or of each member, with each seed.

    Args:
      every: the number of steps in a round.
      swept: whether `tx` is a stack.
      seeding: the axis of seeds in the parameters, in a tuple; `None` without seeds.
      batch_size: the number of members at the same time.
      task: the loss, the evaluation and the batches.
      tx: the optimizer.
      params: the initial parameters.
      state: the state to begin with, or `None`.
      order: the indices of the batches; with seeds, one row for each.
    """
    one = jax.jit(partial(run, every))  # traced once: `lax.map` maps the chunks and the rest by themselves
    if seeding is not None:
        one = jax.vmap(one, in_axes=(None, None, *seeding, None, 0))

    def of(member: GradientTransformation) -> Trained:
        return one(task, member, params, state, order)

    if not swept:
        return of(tx)
    return jax.vmap(of)(tx) if batch_size is None else jax.lax.map(of, tx, batch_size=batch_size)


compiled = jax.jit(trained, static_argnums=(0, 1, 2, 3))
