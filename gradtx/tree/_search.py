"""Finding and replacing one value in a nested state by name."""

from collections.abc import Iterator
from typing import Any

import jax
from jax.tree_util import GetAttrKey, keystr, tree_flatten_with_path

from gradtx.tree._nearest import did_you_mean, listed

Path = tuple[Any, ...]
"""A key path, as in `jax.tree_util`."""

_REQUIRED = object()


class NameLookupError(KeyError):
    """A name without a match, or with several; unlike a `KeyError` it prints as its message."""

    def __str__(self) -> str:
        return self.args[0]


def get(tree: Any, name: str, default: Any = _REQUIRED) -> Any:
    """The one value in `tree` with the name `name`: a field of a state, a key of a dictionary, an attribute.

    Args:
      tree: an optimizer state, or any tree.
      name: the name, or, to narrow the search, the end of a path as `jax.tree_util.keystr` spells it
        (`"[0].mu"`, `"inner.count"`).
      default: the result where no value has the name; without a default this is an error.

    Raises:
      NameLookupError: where no value, or more than one, has the name; the message lists the candidates.

    >>> from gradtx import scale_by_adam
    >>> import jax.numpy as jnp
    >>> get(scale_by_adam().init({"w": jnp.ones(2)}), "count")
    Array(0, dtype=int32)
    """
    there = list(nodes(tree))
    found = [(path, value) for path, value in there if is_called(path, name)]
    if not found and default is not _REQUIRED:
        return default
    return only(found, name, there)[1]


def set(tree: Any, **values: Any) -> Any:
    """A copy of `tree` in which each named value is replaced.

    Args:
      tree: an optimizer state, or any tree.
      **values: the new values, under names as in `get`.

    Raises:
      NameLookupError: where no value, or more than one, has a name; the message lists the candidates.

    >>> from gradtx import scale_by_adam
    >>> import jax.numpy as jnp
    >>> set(scale_by_adam().init({"w": jnp.ones(2)}), count=7).count
    7
    """
    for name, value in values.items():
        there = list(nodes(tree))
        found = [(path, old) for path, old in there if is_called(path, name)]
        tree = _replaced(tree, only(found, name, there)[0], value)
    return tree


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
