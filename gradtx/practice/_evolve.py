"""Population-based training: the numbers of a sweep change while its members train."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax

from gradtx.core import GradientTransformation, Params, Schedule, constant_schedule, find
from gradtx.practice._population import Search, evolved
from gradtx.practice._seeds import order_of
from gradtx.practice._sweep import Sweep
from gradtx.practice._task import as_task, require_arguments, rounds_of
from gradtx.tree import is_function, outline


class Evolved(NamedTuple):
    """The result of `evolve`: parameters, states, optimizers and histories, each with an axis of members.

    The history has the numbers that each member used in each round, and as `parent` the index of the member
    from which it went on after the round: its own, or that of another one.
    """

    params: Any
    state: Any
    optimizer: Any
    history: Any


def evolve(
    loss_fn: Callable[[Any, Any], Any],
    params: Params,
    population: Any,
    batches: Any,
    *,
    steps: int,
    every: int,
    eval_fn: Callable[[Any], Any] | None = None,
    share: float = 0.2,
    factors: tuple[float, float] = (0.8, 1.2),
    seed: int = 0,
) -> Evolved:
    r"""Population-based training: members train at once, and bad ones go on as changed copies of good ones.

    After each round of `every` steps but the last, the members are ordered by their loss:

    - *exploit*, by truncation: each of the worst $k$ members takes the parameters, the state and the numbers
      of a member that is drawn from the best $k$, with $k$ = `share` of all, at least 1;
    - *explore*, by perturbation: each number of such a copy is multiplied by one of the two `factors`, drawn
      for each number; a number that would leave its bounds stays.

    So every member finds a schedule of its numbers. The numbers that change are those of the sweep.

    **Reference**: Jaderberg et al. (2017), *Population based training of neural networks*, arXiv:1711.09846,
    section 3 and appendix A.2.1.

    Args:
      loss_fn: as in `train`.
      params: the parameters with which all members begin.
      population: the sweep. Its members are the first population.
      batches: as in `train`.
      steps: the number of steps of each member.
      every: the number of steps in a round, which divides `steps`.
      eval_fn: a function from parameters to a number, by which the members are compared; by default the mean
        loss of the round.
      share: the share of the members that is replaced after a round, above 0 and at most a half.
      factors: the two factors of a perturbation.
      seed: the seed of the draws.

    Raises:
      ValueError: for fewer than two members, for a share or factors out of bounds, and as `train` does.
      TypeError: for a sweep over schedules: sweep their numbers instead, such as `peak_value`.

    >>> import gradtx, jax.numpy as jnp
    >>> from gradtx.practice import sweep
    >>> def loss_fn(w, batch):
    ...     return jnp.sum((w - batch) ** 2)
    >>> members = sweep(gradtx.sgd(0.1), learning_rate=[1e-4, 1e-3, 1e-2, 1e-1])
    >>> result = evolve(loss_fn, jnp.ones(2), members, jnp.zeros((30, 2)), steps=30, every=10)
    >>> bool((result.history.final("loss") < 1).all()), result.history["parent"].shape
    (True, (4, 3))
    """
    steps, every = rounds_of(steps, every)
    search = _search(population, share, factors)
    require_arguments("evolve", population.optimizer)
    if is_function(params):
        raise ValueError(
            f"evolve takes the parameters themselves, got {outline(params)}: call it with a key."
        )
    if eval_fn is not None:
        _require_number(eval_fn, params)
    task = as_task(loss_fn, eval_fn, batches, steps)
    order = order_of(steps, task.length)
    params, state, optimizer, history = evolved(
        every, search, task, population.optimizer, params, order, jax.random.key(seed)
    )
    return Evolved(params, state, optimizer, history)


def _search(population: Any, share: float, factors: tuple[float, float]) -> Search:
    """The structure of the search.

    Raises:
      TypeError, ValueError: as `evolve` does.
    """
    if not isinstance(population, Sweep) or len(population) < 2:
        raise ValueError(f"evolve takes a sweep of two members or more, got {outline(population)}.")
    if not 0 < share <= 0.5:
        raise ValueError(f"evolve: share must be above 0 and at most 0.5, got {share}.")
    if len(factors) != 2 or not all(factor > 0 for factor in factors):
        raise ValueError(f"evolve: factors must be two positive numbers, got {factors}.")
    names = tuple(_number_in(population.optimizer, name) for name, _ in population.axes)
    replaced = max(1, round(share * len(population)))
    return Search(names, replaced, (float(factors[0]), float(factors[1])))


def _number_in(tx: GradientTransformation, name: str) -> str:
    """The name under which `replace` finds the number: for a constant schedule that of its value."""
    _, held = find(tx, name)
    if not isinstance(held, Schedule):
        return name
    if isinstance(held, constant_schedule):
        return f"{name}.value"
    raise TypeError(
        f"evolve changes numbers, and {name} is {type(held).__name__}. Sweep its numbers, by their names: "
        f"{', '.join(held.hyperparameters())}."
    )


def _require_number(eval_fn: Callable[[Any], Any], params: Params) -> None:
    found = jax.eval_shape(eval_fn, params)
    if getattr(found, "shape", None) != ():
        raise ValueError(f"evolve: eval_fn must return one number, got {outline(found)}.")
