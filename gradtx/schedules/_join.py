"""Schedules in sequence."""

import warnings
from collections.abc import Iterable
from itertools import pairwise
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import Array

from gradtx.core import ScalarOrSchedule, Schedule, as_schedule, nested
from gradtx.schedules._checks import as_number, is_concrete
from gradtx.schedules._progress import difference


def _as_schedules(schedules: Iterable[Any]) -> tuple[Schedule, ...]:
    return tuple(map(as_schedule, schedules))


def _as_boundaries(boundaries: Iterable[Any]) -> tuple[Any, ...]:
    return tuple(as_number("join_schedules", "a boundary", boundary) for boundary in boundaries)


def _between(schedules: Any, boundaries: Any) -> Any:
    """The boundaries that have a schedule after them; a warning names the others."""
    sized = all(hasattr(values, "__len__") for values in (schedules, boundaries))
    if not (sized and 0 < len(schedules) <= len(boundaries)):
        return boundaries
    last = len(schedules) - 1
    warnings.warn(
        f"join_schedules: {len(schedules)} schedules need {last} boundaries between them, got "
        f"{len(boundaries)}: {boundaries[last:]} is left out.",
        stacklevel=3,
    )
    return boundaries[:last]


class join_schedules(Schedule):
    r"""Schedules in sequence, each of which counts from its own first update.

    $$\eta_t = s_i(t - b_i), \qquad b_i \le t < b_{i+1}, \quad b_0 = 0$$

    with $s_i$ the `schedules` and $b_1, b_2, \dots$ the `boundaries`. At the count `boundaries[0]` the second
    schedule begins, with its value for count 0. A boundary that is no whole number lies between two counts,
    and a plain function among the `schedules` then counts from the later one.

    **Count 0** gives the value of the first schedule for count 0, unless `boundaries[0]` is 0. **Past the
    end**, the last schedule continues.

    Raises:
      TypeError: for a boundary that is not one number.
      ValueError: where there are too few boundaries between the schedules, or a boundary is negative or below
        the one before it. Boundaries after the last schedule are left out with a warning.

    >>> import jax.numpy as jnp
    >>> from gradtx import linear_schedule
    >>> join_schedules([linear_schedule(0.0, 1.0, 2), 0.5, lambda t: 1 - t], [2, 4])(jnp.arange(7))
    Array([ 0. ,  0.5,  0.5,  0.5,  1. ,  0. , -1. ], dtype=float32)
    """

    schedules: tuple[Schedule, ...] = nested(
        _as_schedules, kind="schedules, functions of the count or numbers", doc="the schedules in their order"
    )
    boundaries: tuple[float, ...] = nested(
        _as_boundaries,
        steps=tuple,
        kind="numbers",
        doc="the count at which each schedule after the first begins",
    )

    def __init__(self, schedules: Iterable[ScalarOrSchedule], boundaries: Iterable[float]):
        self.__dict__.update(schedules=schedules, boundaries=_between(schedules, boundaries))
        self.__post_init__()

    def validate(self) -> None:
        if len(self.schedules) != len(self.boundaries) + 1:
            raise ValueError(
                f"join_schedules: {len(self.schedules)} schedules need "
                f"{max(len(self.schedules) - 1, 0)} boundaries between them, got {len(self.boundaries)}."
            )
        known = filter(is_concrete, self.boundaries)
        if any(np.any(np.less(later, earlier)) for earlier, later in pairwise(known)):
            raise ValueError(f"join_schedules: boundaries must not decrease, got {self.boundaries}.")

    def at(self, count: Array) -> Array:
        first, *rest = self.schedules
        value = first(count)
        for schedule, boundary in zip(rest, self.boundaries, strict=True):
            since = difference(count, boundary)
            own = jnp.maximum(since, 0)
            if schedule.takes_whole_counts and jnp.issubdtype(count.dtype, jnp.integer):
                own = _whole(own).astype(count.dtype)
            value = jnp.where(since < 0, value, schedule(own))
        return value


def _whole(count: Array) -> Array:
    return count if jnp.issubdtype(count.dtype, jnp.integer) else jnp.floor(count)
