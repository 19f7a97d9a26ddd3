"""Trees of hashable values as static structure."""

from typing import Any

import jax


class Frozen:
    """A tree of hashable values, such as a mask or a tree of labels, that can be compared and hashed.

    JAX requires the static structure of a program to be hashable, and a dictionary is not. The attribute
    `tree` is the tree itself.

    Args:
      tree: the tree, whose leaves are hashable.
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
