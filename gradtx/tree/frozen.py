"""Trees of plain values as static structure."""

from typing import Any

import jax


class Frozen:
    """A tree of hashable values (booleans, labels) that can be compared and hashed.

    JAX keeps the structure of a program in hashable values. A mask or a tree of labels is structure, and
    a dictionary of them is not hashable: wrapped in `Frozen` it is. `.tree` gives it back.
    """

    __slots__ = ("_key", "tree")

    def __init__(self, tree: Any):
        leaves, treedef = jax.tree.flatten(tree)
        self.tree = tree
        self._key = (tuple(leaves), treedef)
        hash(self._key)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Frozen) and self._key == other._key

    def __hash__(self) -> int:
        return hash(self._key)

    def __repr__(self) -> str:
        return repr(self.tree)
