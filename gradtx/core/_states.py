"""The words for a state that does not fit an optimizer: the places that differ, and the parts to keep."""

from collections.abc import Iterable, Iterator, Mapping
from textwrap import wrap
from typing import Any

import jax
import jax.numpy as jnp
from jax.tree_util import keystr

from gradtx.tree import Path, abstract, children_of, is_function, listed, nodes, outline

MAKE_ONE = " Make it with init(params)."

_MOST_PLACES = 3


class StateMismatchError(ValueError):
    """A state is not one of this optimizer for these parameters."""


def explained(error: StateMismatchError, tx: Any, state: Any, params: Any) -> StateMismatchError:
    """`error` with the places where `state` differs from that of `tx`, and with a remedy.

    Args:
      error: the error that one transformation raised.
      tx: the whole optimizer.
      state: its state.
      params: the parameters, or updates in their place.
    """
    try:
        expected = jax.eval_shape(tx.init, abstract(params))
    except (TypeError, ValueError):
        return error  # `params` are updates, which `init` cannot take
    names = dict(_names(tx, expected))
    local = str(error).removesuffix(MAKE_ONE)
    for mistake in _likely_mistakes(expected, state, params):
        return StateMismatchError(f"{local}\n{mistake}")
    places = [f"  {line}" for line in _differences(expected, state, names)]
    if len(places) > _MOST_PLACES + 1:
        places = [*places[:_MOST_PLACES], f"  and {len(places) - _MOST_PLACES} other places"]
    kept: dict[str, str] = {}
    for there, here in _kept(expected, list(nodes(state)), names):
        if not any(here == used or here.startswith((f"{used}.", f"{used}[")) for used in kept.values()):
            kept[there] = here
    remedy = [] if "\n" in local and not kept else _remedy(kept)
    return StateMismatchError("\n".join([local, *places, *remedy]))


def _likely_mistakes(expected: Any, state: Any, params: Any) -> Iterator[str]:
    """The objects that were probably passed as the state, each with a remedy."""
    if is_function(state):
        yield f"This is {outline(state)}: call it, as in state = tx.init(params)."
    if state is None:
        yield "Make it with state = tx.init(params), once before the first update."
    of_params = jax.tree.structure(params)
    if type(state) is tuple and len(state) == 2 and jax.tree.structure(state[0]) == of_params:
        yield "The second entry fits: unpack the result of update, as in updates, state = tx.update(...)."
    if jax.tree.structure(state) == of_params:
        yield "It has the structure of the parameters. The order is update(gradients, state, params)."
    if isinstance(state, Mapping) and isinstance(expected, tuple) and set(state) == _keys_of(expected):
        yield (
            "This is a state as flax.serialization.to_state_dict stores it. Restore it with "
            "flax.serialization.from_state_dict(tx.init(params), state)."
        )
    if isinstance(state, list) and _shapes(state) == _shapes(expected) != []:
        yield (
            "It has the right arrays in other containers. To keep them: "
            "state = jax.tree.unflatten(jax.tree.structure(tx.init(params)), jax.tree.leaves(state))."
        )


def _keys_of(state: tuple[Any, ...]) -> set[str]:
    """The keys under which `flax.serialization.to_state_dict` stores the entries of a tuple."""
    return set(getattr(state, "_fields", map(str, range(len(state)))))


def _differences(expected: Any, got: Any, names: Mapping[int, str], path: Path = ()) -> Iterator[str]:
    """A line for each place where two states differ."""
    who = f" ({names[id(expected)]})" if id(expected) in names else ""
    place = f"{keystr(path) or 'the state'}{who}"
    if not isinstance(expected, tuple | dict):
        if not _serves(got, expected):
            yield f"{place}: made for other parameters"
        return
    (children, _), (others, _) = children_of(expected), children_of(got)
    kept_by_name = getattr(expected, "_fields", None) == getattr(got, "_fields", None)
    if kept_by_name and isinstance(got, tuple | dict) and [e for e, _ in children] == [e for e, _ in others]:
        for (entry, one), (_, two) in zip(children, others, strict=True):
            yield from _differences(one, two, names, (*path, *entry))
    else:
        yield f"{place}: expected {_wanted(expected, names)}, got {outline(got)}"


def _wanted(expected: Any, names: Mapping[int, str]) -> str:
    """The state `expected` in words, with the transformations to which its entries belong."""
    entries = expected.values() if isinstance(expected, dict) else expected
    parts = [names.get(id(entry)) for entry in entries]
    if hasattr(expected, "_fields") or not parts or None in parts:
        return outline(expected)
    kind = "dictionary" if isinstance(expected, dict) else "tuple"
    return f"a {kind} with a state for each of {listed(map(str, parts), most=5)}"


def _remedy(kept: Mapping[str, str]) -> Iterator[str]:
    """How to keep parts of a state, by place in the new state and in the old, or to begin anew."""
    if list(kept) == [""]:
        yield f"state{kept['']} fits: pass it as the state."
        return
    if not kept:
        yield "No part of it fits. Make a new one with state = tx.init(params)."
        return
    entries = [f"{there!r}: state{here}" for there, here in list(kept.items())[:_MOST_PLACES]]
    more = f"  # and {len(kept) - _MOST_PLACES} more" * (len(kept) > _MOST_PLACES)
    yield "Is it of another optimizer, or of an earlier version of this one? To keep what fits:"
    code = f"state = gradtx.tree.set(tx.init(params), **{{{', '.join(entries)}}}){more}"
    yield from wrap(code, 150, initial_indent="  ", subsequent_indent="    ", break_long_words=False)


def _kept(
    expected: Any, there: list[tuple[Path, Any]], names: Mapping[int, str], path: Path = ()
) -> Iterator[tuple[str, str]]:
    """Places in the state `expected`, each with a place among the nodes `there` that serves for it."""
    if not jax.tree.leaves(expected):
        return
    is_field = bool(path) and hasattr(path[-1], "name")
    if id(expected) in names or is_field:
        fitting = [
            own for own, node in there if (own[-1:] == path[-1:] or not is_field) and _serves(node, expected)
        ]
        here = next((own for own in fitting if own == path), fitting[0] if fitting else None)
        if here is not None and (here == path or len(fitting) == 1 or not is_field):
            yield keystr(path), keystr(here)
            return
    if isinstance(expected, tuple | dict):
        for entry, child in children_of(expected)[0]:
            yield from _kept(child, there, names, (*path, *entry))


def _serves(node: Any, expected: Any) -> bool:
    """Whether `node` has the fields, the structure and the shapes of `expected`."""
    if getattr(node, "_fields", None) != getattr(expected, "_fields", None):
        return False
    if hasattr(expected, "_fields"):  # a class of the same fields serves
        node, expected = tuple(node), tuple(expected)
    return jax.tree.structure(node) == jax.tree.structure(expected) and _shapes(node) == _shapes(expected)


def _shapes(tree: Any) -> list[tuple[int, ...]]:
    return [jnp.shape(leaf) for leaf in jax.tree.leaves(tree)]


def _names(tx: Any, state: Any) -> Iterable[tuple[int, str]]:
    """The name of each transformation, by the identity of its state."""
    yield id(state), type(tx).__name__
    for _, part, part_state in tx.parts(tx.own_state(state)):
        yield from _names(part, part_state)
