"""The name of each array in a state: the transformation to which it belongs, and its place there."""

from collections import Counter
from collections.abc import Iterator
from typing import Any, NamedTuple

import jax

from gradtx.core import GradientTransformation, ScaleByScheduleState, ScheduledState, walk
from gradtx.formats import is_stored
from gradtx.tree import children_of, entry_name

SCHEDULE_COUNT = ("schedule_count",)


class Entry(NamedTuple):
    """An array of a state with its name."""

    maker: GradientTransformation
    """The innermost transformation to whose state it belongs."""
    owner: str
    """The class of the maker, with a number from the second maker of the class that has arrays."""
    path: tuple[str, ...]
    """The place in the state of the maker, such as `("mu", "layers", "0", "kernel")`."""
    leaf: Any

    @property
    def name(self) -> str:
        return "/".join((self.owner, *self.path))

    @property
    def field(self) -> str:
        """The owner with the field of its state."""
        return f"{self.owner}/{self.path[0]}"

    @property
    def kind(self) -> str:
        """The class of the maker."""
        return type(self.maker).__name__


def entries(tx: GradientTransformation, state: Any) -> list[Entry]:
    """The arrays of a state with their names, in the order of the leaves. A stored array is one of them.

    Args:
      tx: the optimizer.
      state: its state, or the shapes and dtypes of it.
    """
    makers = {id(node): part for _, part, node in walk(tx, state)}
    found = [
        (id(node), makers[id(node)], path, leaf) for node, path, leaf in _leaves(state, state, (), makers)
    ]
    owners: dict[int, str] = {}
    seen: Counter[str] = Counter()
    for node, maker, _, _ in found:
        if node not in owners:
            kind = type(maker).__name__
            seen[kind] += 1
            owners[node] = kind if seen[kind] == 1 else f"{kind}_{seen[kind]}"
    return [Entry(maker, owners[node], path, leaf) for node, maker, path, leaf in found]


def _leaves(
    node: Any, owned: Any, path: tuple[str, ...], makers: dict[int, GradientTransformation]
) -> Iterator[tuple[Any, tuple[str, ...], Any]]:
    """Each leaf below `node` with the innermost state of a transformation around it, and its path there."""
    if id(node) in makers:
        owned, path = node, ()
    if not jax.tree.leaves(node):
        return
    children = [] if is_stored(node) else children_of(node)[0]
    if not children:
        yield owned, path or ("state",), node
    for entry, child in children:
        inside = tuple(map(entry_name, entry))
        if isinstance(node, ScheduledState | ScaleByScheduleState):
            inside = SCHEDULE_COUNT if inside == ("count",) else ()
        yield from _leaves(child, owned, (*path, *inside), makers)
