"""A comparison of optimizers: the best of each sweep, over several seeds."""

import time
from collections.abc import Callable, Mapping
from typing import Any

import jax
import numpy as np

from gradtx.practice._comparison import Comparison, Entry
from gradtx.practice._loop import Trained
from gradtx.practice._seeds import orders_of, params_of, seeds_of
from gradtx.practice._sweep import Sweep, as_sweep
from gradtx.practice._task import as_task, chunk_of, require_arguments, rounds_of
from gradtx.practice._train import compiled
from gradtx.tree import outline


def compare(
    entries: Any,
    loss_fn: Callable[[Any, Any], Any],
    params: Any,
    batches: Any,
    *,
    steps: int,
    seeds: Any = 3,
    target: float | None = None,
    eval_fn: Callable[[Any], Any] | None = None,
    every: int | None = None,
    batch_size: int | None = None,
) -> Comparison:
    """Trains sweeps of several optimizers on one task, and compares the best member of each.

    Every member trains with every seed: with its initial parameters, if `params` is a function, and with its
    order of the batches. All entries have the same ones. The best member has the lowest mean final loss. The
    comparison is fair if each sweep is as fine as the others, and the best member is not the end of a list:
    the table says so.

    Args:
      entries: sweeps, or optimizers, by name. The others are compared with the first.
      loss_fn: as in `train`.
      params: as in `train`: the initial parameters, or a function from a key to them.
      batches: as in `train`.
      steps: the number of steps of each training.
      seeds: a number of seeds, or a list of them.
      target: a loss, for which the steps to it are compared. Of a validation each record counts by itself, of
        the training loss the mean of the last twentieth of the steps.
      eval_fn: as in `train`.
      every: as in `train`.
      batch_size: the number of members that are trained at the same time; by default all.

    Raises:
      ValueError: for no entries, for an entry whose members all diverge, and as `train` does.

    >>> import gradtx, jax, jax.numpy as jnp
    >>> from gradtx.practice import sweep
    >>> def loss_fn(w, batch):
    ...     return jnp.sum((w - batch) ** 2)
    >>> result = compare(
    ...     {"sgd": sweep(gradtx.sgd(0.1), learning_rate=[0.001, 0.01, 0.1]), "adam": gradtx.adam(0.001)},
    ...     loss_fn, lambda key: jax.random.normal(key, (3,)), jnp.zeros((20, 3)), steps=20, target=0.1,
    ... )
    >>> result.entries["sgd"].optimizer == gradtx.sgd(0.1)
    True
    >>> result.table().rows[0][:2]
    ('sgd', 'learning_rate 0.1')
    """
    if not isinstance(entries, Mapping) or not entries:
        raise ValueError(
            f"compare takes sweeps by name, as in {{'adam': sweep(...)}}, got {outline(entries)}."
        )
    steps, every = rounds_of(steps, every)
    swept = {name: as_sweep(entry) for name, entry in entries.items()}
    for own in swept.values():
        require_arguments("compare", own.optimizer)
    task, known = as_task(loss_fn, eval_fn, batches, steps), seeds_of(seeds) or (0,)
    begin, axis = params_of(params, known)
    given = begin, None, orders_of(known, steps, task.length)
    structure = (every, True, (axis,), chunk_of(batch_size))
    trained = {name: _timed(structure, task, own, given) for name, own in swept.items()}
    made = {name: _entry(name, own, *trained[name], target) for name, own in swept.items()}
    return Comparison(made, target)


def _timed(structure: Any, task: Any, swept: Sweep, given: Any) -> tuple[Any, float]:
    """The result of the program of a sweep, and the seconds that it runs, without its compilation."""
    program = compiled.lower(*structure, task, swept.optimizer, *given).compile()
    begin = time.perf_counter()
    result = jax.block_until_ready(program(task, swept.optimizer, *given))
    return result, time.perf_counter() - begin


def _entry(name: str, swept: Sweep, result: Trained, seconds: float, target: float | None) -> Entry:
    """The best member of a sweep, with the numbers that its table shows."""
    try:
        best_index = swept.best_index(result.history)
    except ValueError as error:
        raise ValueError(f"compare: {name!r}: {error}") from None
    best = result.history.member(best_index)
    window = max(1, best["loss"].shape[-1] // 20) if best.judged == "loss" else 1
    final = np.asarray(best.final(), float)
    reached = np.full(final.shape, np.inf) if target is None else best.steps_to(target, window=window)
    one = jax.tree.map(lambda x: x[best_index, 0], result.params)
    state = jax.tree.leaves(jax.eval_shape(swept[best_index].init, one))
    size = sum(leaf.size * leaf.dtype.itemsize for leaf in state)
    runs = result.history["loss"].size
    return Entry(swept, best_index, result.history, final, np.asarray(reached, float), size, seconds / runs)
