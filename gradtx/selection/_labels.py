"""Groups of leaves, by labels: a tree of them, a function, patterns, or a mask."""

from collections.abc import Callable, Hashable
from typing import Any

import jax

from gradtx.selection._masks import Mask, as_mask, mask_selection
from gradtx.selection._paths import by_path
from gradtx.selection._selection import Labels
from gradtx.tree import Frozen, is_function, is_placeholder, spelled


class by_mask:
    """A function of parameters that labels each leaf by whether a mask selects it.

    Args:
      mask: a tree of booleans, a prefix of one, or a function from parameters to it.
      selected: the label where the mask is true.
      rest: the label where it is false.

    >>> labels = by_mask({"kernel": True, "bias": False}, "decay", "plain")
    >>> labels({"kernel": 1.0, "bias": 0.0})
    {'bias': 'plain', 'kernel': 'decay'}
    """

    def __init__(self, mask: Mask, selected: Hashable, rest: Hashable):
        self.mask = as_mask(mask)
        self.selected = selected
        self.rest = rest

    def __call__(self, params: Any) -> Any:
        return jax.tree.map(
            lambda chosen: chosen if is_placeholder(chosen) else self.selected if chosen else self.rest,
            mask_selection(self.mask, params, "by_mask: mask").over(params),
            is_leaf=is_placeholder,
        )

    @property
    def kinds_of_words(self) -> tuple[str, ...]:
        """The kinds of words by which the mask knows a leaf."""
        return getattr(self.mask, "kinds_of_words", ())

    def _key(self) -> tuple[Any, ...]:
        return self.mask, self.selected, self.rest

    def __eq__(self, other: object) -> bool:
        return isinstance(other, by_mask) and self._key() == other._key()

    def __hash__(self) -> int:
        return hash(self._key())

    def __repr__(self) -> str:
        return f"by_mask({', '.join(map(spelled, self._key()))})"


def as_labels(labels: Labels) -> Callable[[Any], Any] | Frozen:
    """Labels in a hashable form: a function, or a frozen tree.

    Raises:
      TypeError: for a label that cannot be hashed.
    """
    if isinstance(labels, Frozen) or is_function(labels):
        return labels
    try:
        return Frozen(labels)
    except TypeError as error:
        raise TypeError(f"Labels are strings, or other values that can be hashed: {error}.") from None


def asks_for_parameters(labels: Any) -> bool:
    """Whether labels, or a mask, are a function of more than the paths of the leaves.

    The updates have the same paths as the parameters, but not the same shapes and dtypes.
    """
    if isinstance(labels, by_mask):
        return asks_for_parameters(labels.mask)
    return callable(labels) and not isinstance(labels, by_path)
