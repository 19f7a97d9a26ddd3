"""Schedules in sequence."""

from collections.abc import Iterable
from typing import Any

import jax.numpy as jnp
from jax import Array

from gradtx.core import ScalarOrSchedule, Schedule, as_schedule, nested
from gradtx.schedules._checks import is_concrete, require
from gradtx.schedules._progress import as_float

_LARGEST_COUNT = 2**31 - 1


def _as_schedules(schedules: Iterable[Any]) -> tuple[Schedule, ...]:
    return tuple(map(as_schedule, schedules))


def _as_boundaries(boundaries: Iterable[Any]) -> tuple[Any, ...]:
    """The boundaries; a whole number becomes an `int`, so that a count minus a boundary stays an integer."""
    converted = tuple(map(_as_boundary, boundaries))
    concrete = [boundary for boundary in converted if not isinstance(boundary, Array)]
    if concrete != sorted(concrete):
        raise ValueError(f"join_schedules: boundaries must not decrease, got {converted}.")
    return converted


def _as_boundary(boundary: Any) -> Any:
    require("join_schedules", "at least", 0, **{"a boundary": boundary})
    if not is_concrete(boundary):
        return boundary
    number = float(boundary)
    return int(number) if number.is_integer() and number < _LARGEST_COUNT else number


class join_schedules(Schedule):
    r"""Schedules in sequence, each of which counts from its own first update.

    $$\eta_t = s_i(t - b_i), \qquad b_i \le t < b_{i+1}, \quad b_0 = 0$$

    with $s_i$ the `schedules` and $b_1, b_2, \dots$ the `boundaries`. At the count `boundaries[0]` the second
    schedule begins, with its value for count 0.

    **Count 0** gives the value of the first schedule for count 0, unless `boundaries[0]` is 0. **Past the
    end**, the last schedule continues.

    Raises:
      TypeError: for a boundary that is not one number.
      ValueError: where the number of boundaries is not one less than that of the schedules, or a boundary is
        negative or below the one before it.

    >>> import jax.numpy as jnp
    >>> from gradtx import linear_schedule
    >>> join_schedules([linear_schedule(0.0, 1.0, 2), 0.5, lambda t: 1 - t], [2, 4])(jnp.arange(7))
    Array([ 0. ,  0.5,  0.5,  0.5,  1. ,  0. , -1. ], dtype=float32)
    """

    schedules: tuple[Schedule, ...] = nested(
        _as_schedules, kind="schedules, functions of the count or numbers", doc="the schedules in their order"
    )
    boundaries: tuple[float, ...] = nested(
        _as_boundaries, kind="numbers", doc="the count at which each schedule after the first begins"
    )

    def __init__(self, schedules: Iterable[ScalarOrSchedule], boundaries: Iterable[float]):
        self.__dict__.update(schedules=schedules, boundaries=boundaries)
        self.__post_init__()
        if len(self.schedules) != len(self.boundaries) + 1:
            raise ValueError(
                f"join_schedules: {len(self.schedules)} schedules need "
                f"{max(len(self.schedules) - 1, 0)} boundaries between them, got {len(self.boundaries)}."
            )

    def at(self, count: Array) -> Array:
        first, *rest = self.schedules
        value = first(count)
        for schedule, boundary in zip(rest, self.boundaries, strict=True):
            since = _since(count, boundary)
            value = jnp.where(since < 0, value, schedule(jnp.maximum(since, 0)))
        return value


def _since(count: Array, boundary: Any) -> Array:
    """count - boundary, an integer where both are integers: a function of the count may index with it."""
    if jnp.issubdtype(jnp.result_type(boundary), jnp.integer):
        return count - jnp.asarray(boundary, count.dtype)
    return as_float(count) - as_float(boundary)
