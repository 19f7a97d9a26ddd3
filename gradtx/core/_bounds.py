"""The numbers that a field accepts: those within bounds, and whole numbers to compare with counts."""

import dataclasses
import operator
from collections.abc import Callable
from typing import Any

from gradtx.tree import outline


@dataclasses.dataclass(frozen=True)
class Bounds:
    """The bounds of the number in a field; `None` for no bound."""

    low: float | None
    high: float | None
    above: float | None
    below: float | None
    whole: bool = False

    def stated(self) -> str:
        """The bounds in words."""
        bounds = [f"{words} {bound:g}" for words, bound, _ in self._finite()]
        return " and ".join(["whole"] * self.whole + bounds)

    def problem(self, value: float) -> str | None:
        """The bounds in words for a `value` outside of them; a NaN is outside of all bounds."""
        if self.contains(value) and (value.is_integer() or not self.whole):
            return None
        return self.stated() or "a number"

    def contains(self, values: Any) -> Any:
        """Whether a number is within the bounds, or each number of an array, which may be traced."""
        within = values == values  # noqa: PLR0124 - a NaN is outside of all bounds
        for _, bound, holds in self._finite():
            within = within & holds(values, bound)
        return within

    def _finite(self) -> list[tuple[str, float, Callable[[float, float], bool]]]:
        bounds = (
            ("at least", self.low, operator.ge),
            ("above", self.above, operator.gt),
            ("at most", self.high, operator.le),
            ("below", self.below, operator.lt),
        )
        return [(words, bound, holds) for words, bound, holds in bounds if bound is not None]


LARGEST_COUNT = 2**31 - 1
"""Counts are int32 and stay at this number, so an interval of this length never ends."""


def whole_number(where: str, value: Any, low: int) -> int:
    """`value` as an integer to compare with counts, at most `LARGEST_COUNT` (`sys.maxsize` stands for never).

    Raises:
      ValueError: for anything else than a whole number of at least `low`; the message begins with `where`.
    """
    try:
        number = operator.index(value)  # accepts integers of NumPy, and no float
    except TypeError:
        number = low - 1
    if isinstance(value, bool) or number < low:
        raise ValueError(f"{where} must be a whole number of at least {low}, got {outline(value)}.")
    return min(number, LARGEST_COUNT)
