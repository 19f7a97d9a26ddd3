"""A population: rounds of training, and after each the selection and the change of its members."""

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from gradtx.core import GradientTransformation, OptState, Params, find, replace, state_axes
from gradtx.practice._grids import at_path
from gradtx.practice._history import History
from gradtx.practice._loop import Trained, run, started
from gradtx.practice._task import Task


class Search(NamedTuple):
    """The names of the numbers that change, how many members are replaced, and the two factors."""

    names: tuple[str, ...]
    replaced: int
    factors: tuple[float, float]


class Population(NamedTuple):
    """The parameters, the states and the optimizers of all members."""

    params: Params
    state: OptState
    tx: GradientTransformation


@partial(jax.jit, static_argnums=(0, 1))
def evolved(
    every: int,
    search: Search,
    task: Task,
    tx: GradientTransformation,
    params: Params,
    order: Array,
    key: Array,
) -> tuple[Params, OptState, GradientTransformation, History]:
    """The population after all rounds, and its history."""
    axes = state_axes(tx, params)
    count = jax.tree.leaves(tx)[0].shape[0]
    begin = Population(
        jax.tree.map(lambda x: jnp.stack([x] * count), params),
        jax.vmap(lambda tx: tx.init(params), out_axes=axes)(tx),
        tx,
    )
    rounds = len(order) // every
    given = order.reshape(rounds, every), jax.random.split(key, rounds), jnp.arange(rounds) < rounds - 1
    last, (records, numbers) = jax.lax.scan(partial(_round, every, search, task, axes), started(begin), given)
    series = jax.tree.map(lambda x: jnp.moveaxis(x, 0, 1).reshape(count, -1), records.series)
    numbers = {name: values.T for name, values in numbers.items()}
    intervals = {**dict(records.every), **dict.fromkeys(numbers, every)}
    return last.params, last.state, last.tx, History({**series, **numbers}, every=intervals)


def _round(
    every: int, search: Search, task: Task, axes: Any, members: Population, given: tuple[Array, Array, Array]
) -> tuple[Population, tuple[History, dict[str, Array]]]:
    """A round of training, and the next population, which is this one after the last round."""
    order, key, goes_on = given
    params, state, history = jax.vmap(
        partial(run, every), in_axes=(None, 0, 0, axes, None), out_axes=Trained(0, axes, 0)
    )(task, members.tx, members.params, members.state, order)
    numbers = {name.removesuffix(".value"): find(members.tx, name)[1] for name in search.names}
    choice, change = jax.random.split(key)
    scores = history["validation"][:, -1] if task.evaluate is not None else history["loss"].mean(1)
    own = jnp.arange(len(scores))
    parents = jnp.where(goes_on, parents_of(choice, scores, search.replaced), own)
    chosen = _copied(Population(params, state, members.tx), axes, parents)
    changed = explored(change, chosen.tx, search, parents != own)
    return chosen._replace(tx=changed), (history, {**numbers, "parent": parents})


def parents_of(key: Array, scores: Array, replaced: int) -> Array:
    """The index of the member from which each one goes on: the worst ones from one of the best.

    Args:
      key: the key of the draw.
      scores: the loss of each member; NaN is the worst.
      replaced: the number of members that are replaced, and of those from which is drawn.
    """
    ranked = jnp.argsort(scores)  # NaN comes last
    drawn = jax.random.randint(key, (replaced,), 0, replaced)
    return jnp.arange(len(scores)).at[ranked[-replaced:]].set(ranked[drawn])


def _copied(members: Population, axes: Any, parents: Array) -> Population:
    """The members at the indices `parents`; what they share stays."""

    def at_parents(x: Array) -> Array:
        return x[parents]

    state = jax.tree.map(
        lambda axis, x: x if axis is None else at_parents(x), axes, members.state, is_leaf=lambda x: x is None
    )
    return Population(jax.tree.map(at_parents, members.params), state, jax.tree.map(at_parents, members.tx))


def explored(key: Array, tx: GradientTransformation, search: Search, copied: Array) -> GradientTransformation:
    """The optimizers with each number of a copy multiplied by one of the factors, within its bounds."""
    for name, own in zip(search.names, jax.random.split(key, len(search.names)), strict=True):
        path, values = find(tx, name)
        changed = values * jax.random.choice(own, jnp.array(search.factors, values.dtype), copied.shape)
        field = next(field for field in at_path(tx, path[:-1])._fields if field.name == path[-1].name)
        legal = field.metadata["bounds"].contains(changed)
        new = jnp.where(copied & legal, changed, values)
        tx = jax.vmap(lambda member, value, name=name: replace(member, **{name: value}))(tx, new)
    return tx
