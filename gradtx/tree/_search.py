"""Finding and replacing one value in a nested state by name."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import jax
from jax.tree_util import GetAttrKey, keystr, tree_flatten_with_path

from gradtx.formats import decoded, stored_as
from gradtx.tree._nearest import did_you_mean, listed

Path = tuple[Any, ...]
"""A key path, as in `jax.tree_util`."""

Filter = Callable[[Path, Any], bool]
"""Whether a value counts, from its path and the value."""

_REQUIRED = object()


@dataclass(frozen=True)
class NamedTupleKey:
    """The entry of a path for a field of a named tuple, with the name of its class.

    Args:
      tuple_name: the name of the class, such as `"ScaleByAdamState"`.
      name: the name of the field.

    >>> print(NamedTupleKey("ScaleByAdamState", "mu"))
    ScaleByAdamState.mu
    """

    tuple_name: str
    name: str

    def __str__(self) -> str:
        return f"{self.tuple_name}.{self.name}"


class NameLookupError(KeyError):
    """A name without a match, or with several; unlike a `KeyError` it prints as its message."""

    def __str__(self) -> str:
        return self.args[0]


def get(tree: Any, key: str, default: Any = _REQUIRED, filtering: Filter | None = None) -> Any:
    """The one value in `tree` with a name: a field of a state, a key of a dictionary, the class of a state.

    Stored arrays in it are decoded.

    Args:
      tree: an optimizer state, or any tree.
      key: the name, or, to narrow the search, the end of a path as `jax.tree_util.keystr` spells it
        (`"[0].mu"`, `"inner.count"`), or the name of the class of a state (`"ScaleByAdamState"`).
      default: the result where no value has the name; without a default this is an error.
      filtering: a function of a path, as `get_all_with_path` returns it, and a value, that says whether the
        value counts.

    Raises:
      NameLookupError: where no value, or more than one, has the name; the message lists the candidates.

    >>> from gradtx import scale_by_adam
    >>> import jax.numpy as jnp
    >>> get(scale_by_adam().init({"w": jnp.ones(2)}), "count")
    Array(0, dtype=int32)
    """
    there = list(nodes(tree))
    found = _matches(tree, there, key, filtering)
    if not found and default is not _REQUIRED:
        return default
    return decoded(only(found, key, there)[1])


def get_all_with_path(tree: Any, key: str, filtering: Filter | None = None) -> list[tuple[Path, Any]]:
    """All values in `tree` with a name, each with its path, in which a field of a state is a `NamedTupleKey`.

    Args:
      tree: an optimizer state, or any tree.
      key: the name, as in `get`.
      filtering: a function of a path and a value that says whether the value counts.

    >>> from gradtx import adam
    >>> import jax.numpy as jnp
    >>> [(path, count)] = get_all_with_path(adam(0.1).init(jnp.ones(2)), "count")
    >>> path
    (SequenceKey(idx=0), NamedTupleKey(tuple_name='ScaleByAdamState', name='count'))
    """
    found = _matches(tree, list(nodes(tree)), key, filtering)
    return [(_with_classes(tree, path), decoded(value)) for path, value in found]


def set(tree: Any, filtering: Filter | None = None, /, **kwargs: Any) -> Any:
    """A copy of `tree` in which every value of a name is replaced.

    In the place of a stored array it is encoded.

    Args:
      tree: an optimizer state, or any tree.
      filtering: a function of a path and a value that says whether the value is replaced.
      **kwargs: the new values, under names as in `get`. A name of several values replaces all of them; the
        end of a path, as in `**{"[0].count": 0}`, narrows it.

    Raises:
      NameLookupError: where no value has a name; the message lists the names that are there.

    >>> from gradtx import scale_by_adam
    >>> import jax.numpy as jnp
    >>> set(scale_by_adam().init({"w": jnp.ones(2)}), count=7).count
    7
    """
    for key, value in kwargs.items():
        there = list(nodes(tree))
        found = _matches(tree, there, key, filtering)
        if not found:
            only(found, key, there)
        for path, old in found:
            tree = _replaced(tree, path, stored_as(old, value))
    return tree


def _matches(
    tree: Any, there: list[tuple[Path, Any]], key: str, filtering: Filter | None
) -> list[tuple[Path, Any]]:
    """The nodes of a name; where that is a whole path, the one with this path."""
    found = [(path, value) for path, value in there if is_called(path, key) or _is_state(value, key)]
    found = [entry for entry in found if keystr(entry[0]) == key] or found
    if filtering is None:
        return found
    return [(path, value) for path, value in found if filtering(_with_classes(tree, path), value)]


def _is_state(value: Any, name: str) -> bool:
    """Whether `value` is a named tuple of the class `name`."""
    return hasattr(value, "_fields") and type(value).__name__ == name


def _with_classes(tree: Any, path: Path) -> Path:
    """`path` with a `NamedTupleKey` for each field of a named tuple."""
    named: list[Any] = []
    while path:
        entry, child = next((e, c) for e, c in children_of(tree)[0] if path[: len(e)] == e)
        if hasattr(tree, "_fields") and len(entry) == 1:
            entry = (NamedTupleKey(type(tree).__name__, entry[0].name),)
        named.extend(entry)
        tree, path = child, path[len(entry) :]
    return tuple(named)


def only(found: list[tuple[Path, Any]], name: str, there: list[tuple[Path, Any]]) -> tuple[Path, Any]:
    """The one entry of `found`.

    Raises:
      NameLookupError: where there is none, with the names in `there`, or more than one, with the candidates.
    """
    if len(found) > 1:  # one path may be the end of another one
        found = [entry for entry in found if keystr(entry[0]) == name] or found
    if len(found) == 1:
        return found[0]
    if found:
        candidates = listed([repr(keystr(path)) for path, _ in found], most=3)
        raise NameLookupError(
            f"{name!r} is ambiguous: it fits {candidates}.\nGive the end of one of these paths."
        )
    names = sorted({path[-1].name for path, _ in there if path and isinstance(path[-1], GetAttrKey)})
    question = did_you_mean(name, {entry_name(path[-1]) for path, _ in there if path})
    raise NameLookupError(
        f"Nothing is called {name!r}.{question}\nThere are: {listed(names, most=12) or 'no names'}."
    )


def nodes(tree: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Every node of the tree with its path, from the root down."""
    yield path, tree
    for entry, child in children_of(tree)[0]:
        yield from nodes(child, (*path, *entry))


def children_of(node: Any) -> tuple[list[tuple[Path, Any]], Any]:
    """The children of a node with their entries of a path, and the structure; a leaf has none."""
    children, treedef = tree_flatten_with_path(node, is_leaf=lambda child: child is not node)
    is_leaf = len(children) == 1 and not children[0][0]
    return ([] if is_leaf else children), treedef


def _replaced(node: Any, path: Path, value: Any) -> Any:
    if not path:
        return value
    children, treedef = children_of(node)
    return jax.tree.unflatten(
        treedef,
        [
            _replaced(child, path[len(entry) :], value) if path[: len(entry)] == entry else child
            for entry, child in children
        ],
    )


def is_called(path: Path, name: str) -> bool:
    """Whether `name` is the last name of `path`, or the end of its spelling."""
    if not path:
        return False
    end = name if name.startswith((".", "[")) else f".{name}"
    return entry_name(path[-1]) == name or keystr(path).endswith(end)


def entry_name(entry: Any) -> str:
    """The name in one entry of a key path: an attribute, a key or an index."""
    for attribute in ("name", "key", "idx"):
        if hasattr(entry, attribute):
            return str(getattr(entry, attribute))
    return str(entry)
