"""Chunks of equal length for programs over many equal items."""

from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


def chunked(items: Sequence[T], size: int) -> list[Sequence[T]]:
    """`items` in chunks of about `size`, all of one length if their number has a divisor close to it.

    A chunk of another length is another program, which costs more compile time than a longer chunk.

    >>> chunked("abcdefghij", 4)
    ['abcde', 'fghij']
    >>> chunked("abcdefghijk", 4)
    ['abcd', 'efgh', 'ijk']
    """
    near = range(max(1, size // 2), 2 * size + 1)
    divisors = [length for length in near if len(items) % length == 0]
    length = min(divisors, key=lambda length: abs(length - size), default=size)
    return [items[start : start + length] for start in range(0, len(items), length)]
