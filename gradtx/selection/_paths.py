"""Leaf paths as text, and trees of labels chosen by patterns on them."""

import re
from collections.abc import Mapping
from typing import Any

from jax.tree_util import tree_map_with_path

from gradtx.tree import entry_name, is_placeholder


def names_of(path: tuple[Any, ...]) -> tuple[str, ...]:
    """The names in a key path. A list and a tuple, or a dictionary and an object, have the same names."""
    return tuple(map(entry_name, path))


def path_name(path: tuple[Any, ...]) -> str:
    """A key path as text, its names joined by slashes.

    >>> import jax
    >>> path_name(jax.tree_util.tree_leaves_with_path({"layers": [{"kernel": 0}]})[0][0])
    'layers/0/kernel'
    """
    return "/".join(names_of(path))


def label_at(labels: Mapping[tuple[Any, ...], Any], path: tuple[Any, ...]) -> Any:
    """The label of the leaf at `path`, where a label stands for all that is below it; `None` without one."""
    above = (path[:length] for length in range(len(path) + 1))
    return next((labels[place] for place in above if place in labels), None)


class by_path:
    """A function of parameters that labels each leaf by the first pattern found in its path.

    A mask is such a labelling by booleans. The patterns are regular expressions, searched in order in
    the path spelled with slashes (`layers/0/norm/scale`); together they must cover every leaf.

    Args:
      patterns: from pattern to label, the first that is found decides.

    Raises:
      ValueError: when it meets a leaf that no pattern covers, naming the leaf.

    >>> mask = by_path({"bias|norm": False, ".*": True})
    >>> mask({"dense": {"kernel": 1.0, "bias": 0.0}})
    {'dense': {'bias': False, 'kernel': True}}
    """

    def __init__(self, patterns: Mapping[str, Any]):
        self.patterns = tuple(patterns.items())
        for pattern, _ in self.patterns:
            try:
                re.compile(pattern)
            except re.error as error:
                raise ValueError(f"by_path: {pattern!r} is not a regular expression: {error}.") from None

    def __call__(self, params: Any) -> Any:
        return tree_map_with_path(
            lambda path, leaf: leaf if is_placeholder(leaf) else self._label(path_name(path)),
            params,
            is_leaf=is_placeholder,
        )

    def _label(self, path: str) -> Any:
        for pattern, label in self.patterns:
            if re.search(pattern, path):
                return label
        patterns = ", ".join(repr(pattern) for pattern, _ in self.patterns)
        raise ValueError(
            f"by_path: no pattern covers the leaf {path!r}; there are {patterns}. "
            "Add one for it, or '.*' at the end for all the rest."
        )

    def __eq__(self, other: object) -> bool:
        return isinstance(other, by_path) and self.patterns == other.patterns

    def __hash__(self) -> int:
        return hash(self.patterns)

    def __repr__(self) -> str:
        return f"by_path({dict(self.patterns)!r})"
