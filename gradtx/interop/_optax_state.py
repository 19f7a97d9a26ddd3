"""States of Optax as states of gradtx, and back."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array
from jax.tree_util import tree_leaves_with_path

from gradtx.checkpoints import SCHEDULE_COUNT, Entry, entries
from gradtx.core import OptState, Params, StateMismatchError, as_transformation
from gradtx.formats import decoded, is_stored
from gradtx.tree import entry_name, outline

Names = tuple[str, ...]
"""The entries of a path as text: a restored checkpoint has `"0"` and `"mu"` for an index and a field."""

Key = tuple[str, Names]
"""The owner and the path of an entry of ours."""

_OURS = {("acc_weight",), ("updated",)}
"""Fields of `accumulate` that Optax's `MultiSteps` lacks; they begin as `init` makes them."""
_RECOVERED = {("schedule_free", "x"), ("mechanize", "delta")}
"""Classes and fields of ours that Optax recovers from the parameters."""
_THEIRS = {"ns_coeffs"}
"""Numbers that Optax keeps in the state, and gradtx in the optimizer."""

_MOST = 6


def from_optax(optax_state: Any, tx: Any, params: Params) -> OptState:
    """The state of Optax's optimizer as that of the same optimizer of gradtx, so that a run goes on.

    The moments of each transformation are found by the names of their fields and the paths of the
    parameters, in the order of the transformations. A count that Optax keeps for schedules alone is left out
    if `tx` has no schedule.

    Args:
      optax_state: a state of Optax, as it is or as nested dictionaries from a checkpoint of Orbax or Flax.
      tx: the equivalent optimizer of gradtx.
      params: the parameters.

    Raises:
      StateMismatchError: for arrays without a place in the new state, places without an array, and other
        shapes, with a list of them.

    >>> import jax.numpy as jnp
    >>> from gradtx import momentum
    >>> restored = {"0": {"trace": {"w": jnp.ones(2)}}, "1": {}}  # of optax.sgd(0.1, momentum=0.9)
    >>> from_optax(restored, momentum(0.1), {"w": jnp.zeros(2)})[0]
    TraceState(trace={'w': Array([1., 1.], dtype=float32)})
    """
    tx = as_transformation(tx)
    made = tx.init(params)
    ours, theirs = entries(tx, made), _by_path(optax_state)
    placed = _placed(ours, theirs)
    given = {key: theirs[path] for key, path in placed.items()}
    given |= dict(_schedule_counts(ours, given)) | dict(_recovered(ours, given, params))
    unused = _telling(theirs.keys() - placed.values(), theirs, params)
    missing = [entry for entry in ours if _key(entry) not in given and entry.path not in _OURS]
    _refuse(
        "from_optax",
        *(f"{entry.field} has no array in Optax's state" for entry in missing),
        *(f"{'/'.join(path)} of Optax's state has no place" for path in unused),
        *(_other_shape(entry, given[_key(entry)]) for entry in ours if _key(entry) in given),
    )
    leaves = [_as(given.get(_key(entry)), entry.leaf) for entry in ours]
    return jax.tree.unflatten(jax.tree.structure(made, is_leaf=is_stored), leaves)


def to_optax_state(state: OptState, tx: Any, optax_tx: Any, params: Params) -> Any:
    """The state of an optimizer of gradtx as that of the same one of Optax; the reverse of `from_optax`.

    Args:
      state: the state of `tx`.
      tx: the optimizer of gradtx.
      optax_tx: the equivalent optimizer of Optax.
      params: the parameters.

    Raises:
      StateMismatchError: for arrays without a place in Optax's state, and places without an array.
    """
    made = optax_tx.init(params)
    ours, theirs = entries(as_transformation(tx), state), _by_path(made)
    placed = _placed(ours, theirs)
    given = {placed[_key(entry)]: decoded(entry.leaf) for entry in ours if _key(entry) in placed}
    count = next((leaf for path, leaf in given.items() if path[-1] == "count"), None)
    unplaced = [entry for entry in ours if _key(entry) not in placed and entry.path != SCHEDULE_COUNT]
    unfilled = _telling(theirs.keys() - given.keys(), theirs, params)
    _refuse(
        "to_optax_state",
        *(f"{entry.field} has no place in Optax's state" for entry in unplaced if not _is_ours(entry)),
        *(f"{'/'.join(path)} of Optax's state has no array" for path in unfilled),
    )
    leaves = [
        _as(given.get(path, count if path[-1] == "count" else None), leaf) for path, leaf in theirs.items()
    ]
    return jax.tree.unflatten(jax.tree.structure(made), leaves)


def _by_path(state: Any) -> dict[Names, Any]:
    return {tuple(map(entry_name, path)): leaf for path, leaf in tree_leaves_with_path(state)}


def _key(entry: Entry) -> Key:
    return entry.owner, entry.path


def _placed(ours: Iterable[Entry], theirs: Mapping[Names, Any]) -> dict[Key, Names]:
    """For the owner and path of each of our entries, the path of the array that Optax has for it.

    An owner has the first node of Optax's state that has all of its fields; no two owners have the same. The
    owners with most arrays choose first.
    """
    groups: dict[tuple[str, bool], dict[Names, Names]] = {}
    for entry in ours:
        if not _is_ours(entry):
            of_owner = groups.setdefault((entry.owner, entry.path == SCHEDULE_COUNT), {})
            of_owner[entry.path] = _counterpart(entry)
    below = _below(theirs)
    placed: dict[Key, Names] = {}
    for (owner, _), paths in sorted(groups.items(), key=lambda group: -len(group[1])):
        wanted = set(paths.values())
        node = next((node for node, inside in below.items() if wanted <= inside), None)
        if node is not None:
            del below[node]
            placed |= {(owner, path): (*node, *there) for path, there in paths.items()}
    return placed


def _below(theirs: Iterable[Names]) -> dict[Names, set[Names]]:
    """For each node of a state, in their order, the paths of the arrays below it."""
    below: dict[Names, set[Names]] = {}
    for path in theirs:
        for length in range(len(path)):
            below.setdefault(path[:length], set()).add(path[length:])
    return below


def _counterpart(entry: Entry) -> Names:
    """The path of an array of ours in Optax's state of the same transformation."""
    field, *rest = entry.path
    if entry.path == SCHEDULE_COUNT:
        return ("count",)
    if entry.kind == "scale_by_sm3" and field == "mu":  # by axis and leaf here, by leaf and axis there
        axis, *leaf = rest
        return (field, *leaf, axis)
    return ("estim_lr",) if field == "estim_lr_max" else entry.path


def _is_ours(entry: Entry) -> bool:
    """Whether Optax has no such field in its state of the same transformation."""
    return entry.path in _OURS or (entry.kind, entry.path[0]) in _RECOVERED


def _schedule_counts(ours: list[Entry], given: Mapping[Key, Any]) -> Iterator[tuple[Key, Any]]:
    """The count for each schedule that Optax counts with the moments, as all counts of one run are equal."""
    count = next((leaf for (_, path), leaf in given.items() if path in (("count",), SCHEDULE_COUNT)), None)
    for entry in ours if count is not None else ():
        if entry.path == SCHEDULE_COUNT and _key(entry) not in given:
            yield _key(entry), count


def _recovered(
    ours: Iterable[Entry], given: Mapping[Key, Any], params: Params
) -> Iterator[tuple[Key, Array]]:
    """The arrays that Optax recovers from the parameters at each step.

    They are the average x of `schedule_free`, from y = b1 x + (1 - b1) z, and the sum of the updates of
    `mechanize`, from theta = x0 + sum(s) delta.
    """
    now = _by_path(params)
    for entry in ours:
        field, *leaf = entry.path

        def of(name: str, *path: str, owner: str = entry.owner) -> Any:
            return given.get((owner, (name, *path)))

        if (entry.kind, field) == ("schedule_free", "x") and (b1 := of("b1")):
            yield _key(entry), (now[tuple(leaf)] - (1 - b1) * of("z", *leaf)) / b1
        if (entry.kind, field) == ("mechanize", "delta") and (s := of("s")) is not None and jnp.sum(s) > 0:
            yield _key(entry), (now[tuple(leaf)] - of("x0", *leaf)) / jnp.sum(s)


def _telling(paths: Iterable[Names], theirs: Mapping[Names, Any], params: Params) -> list[Names]:
    """Those of the paths in Optax's state with more than a count, a constant, or a stand-in for no array."""
    larger = {name for name, param in _by_path(params).items() if jnp.size(param) != 1}

    def stands_in(path: Names) -> bool:
        of_larger = any(path[start:] in larger for start in range(len(path) + 1))
        return jnp.size(theirs[path]) <= 1 and (of_larger or not jnp.any(theirs[path]))

    told = (path for path in paths if path[-1] != "count" and not _THEIRS & set(path))
    return sorted(path for path in told if not stands_in(path))


def _as(leaf: Any, like: Any) -> Any:
    """`leaf` in the dtype of `like`, or `like` where there is none; a random key may be typed or not."""
    if leaf is None:
        return like
    if is_stored(like):
        return like.encode(jnp.asarray(leaf))
    typed, wanted = (jnp.issubdtype(one.dtype, jax.dtypes.prng_key) for one in (leaf, like))
    if typed and not wanted:
        return jax.random.key_data(leaf)
    if wanted and not typed:
        return jax.random.wrap_key_data(jnp.asarray(leaf))
    return jnp.asarray(leaf, like.dtype)


def _other_shape(entry: Entry, leaf: Any) -> str:
    """The difference between an array of ours and of Optax in words, empty where there is none."""
    same = jnp.shape(leaf) == jnp.shape(entry.leaf) or jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key)
    return "" if same else f"{entry.name}: expected {outline(entry.leaf)}, got {outline(leaf)}"


def _refuse(who: str, *differences: str) -> None:
    """Raises for the differences between two states, each once."""
    if wrong := list(dict.fromkeys(filter(None, differences))):
        more = [f"and {len(wrong) - _MOST} other places"] if len(wrong) > _MOST else []
        lines = [f"{who}: the states are not of the same optimizer:", *wrong[:_MOST], *more]
        raise StateMismatchError("\n  ".join(lines))
