"""Schedules from values at some counts, constant or interpolated between them."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from itertools import accumulate, pairwise
from operator import itemgetter, mul
from typing import Any

from gradtx.core import Schedule, constant_schedule, hyperparameter, nested, static
from gradtx.schedules._checks import as_number, is_concrete
from gradtx.schedules._cosine import cosine_annealing_schedule
from gradtx.schedules._decay import linear_schedule
from gradtx.schedules._join import join_schedules

Segment = Callable[[float, float, float], Schedule]


def line(init_value: float, end_value: float, steps: float) -> Schedule:
    """A straight line between two points."""
    return linear_schedule(init_value, end_value, steps)


def half_cosine(init_value: float, end_value: float, steps: float) -> Schedule:
    """Half a period of a cosine between two points."""
    return cosine_annealing_schedule(init_value, steps, end_value)


_SEGMENTS: dict[str, Segment] = {"linear": line, "cosine": half_cosine}

Scales = Mapping[float, float] | Iterable[tuple[float, float]] | None
"""Scales by boundary, as a dictionary or as pairs; a field keeps pairs, in the order of the boundaries."""


def _as_scales(where: str, scales: Scales) -> tuple[tuple[Any, Any], ...]:
    pairs = scales.items() if isinstance(scales, Mapping) else scales or ()
    pairs = [
        (as_number(where, "a boundary", at), as_number(where, f"the scale at {at}", scale))
        for at, scale in pairs
    ]
    known = is_concrete(*_boundaries(pairs))
    return tuple(sorted(pairs, key=itemgetter(0)) if known else pairs)


def _boundaries(scales: Iterable[tuple[Any, Any]]) -> list[Any]:
    return [at for at, _ in scales]


class piecewise_constant_schedule(Schedule):
    r"""A constant that is multiplied by a scale at each boundary.

    $$\eta_t = \eta_0 \prod_{i:\, t \ge b_i} s_i$$

    with $\eta_0$ `init_value` and $b_i \mapsto s_i$ the `boundaries_and_scales`.

    **Count 0** gives `init_value`, times the scale of a boundary at 0. **Past the end**, from the last
    boundary on, the value is constant.

    Raises:
      ValueError: where a scale or a boundary is negative.

    >>> import jax.numpy as jnp
    >>> piecewise_constant_schedule(1.0, {2: 0.5, 3: 0.5})(jnp.arange(5))
    Array([1.  , 1.  , 0.5 , 0.25, 0.25], dtype=float32)
    """

    init_value: float = hyperparameter(doc="the value before the first boundary")
    boundaries_and_scales: Scales = nested(
        partial(_as_scales, "piecewise_constant_schedule"),
        default=None,
        steps=_boundaries,
        kind="a dictionary, or pairs",
        doc=("from a count, the boundary, to the factor from that count on, both at least 0; in any order"),
    )

    def composition(self) -> join_schedules:
        points = _points(self.init_value, self.boundaries_and_scales)
        return join_schedules([constant_schedule(value) for _, value in points], [at for at, _ in points[1:]])


class piecewise_interpolate_schedule(Schedule):
    """Interpolation between the values that `piecewise_constant_schedule` has at its boundaries.

    **Count 0** gives `init_value`, times the scale of a boundary at 0. **Past the end**, from the last
    boundary on, the value is constant.

    Raises:
      ValueError: where a scale or a boundary is negative.

    >>> import jax.numpy as jnp
    >>> piecewise_interpolate_schedule("linear", 1.0, {2: 0.5, 4: 0.0})(jnp.arange(6))
    Array([1.  , 0.75, 0.5 , 0.25, 0.  , 0.  ], dtype=float32)
    """

    interpolate_type: str = static(
        choices=tuple(_SEGMENTS),
        doc='the interpolation, `"linear"` (`linear_schedule`) or `"cosine"` (`cosine_annealing_schedule`)',
    )
    init_value: float = hyperparameter(doc="the value at count 0")
    boundaries_and_scales: Scales = nested(
        partial(_as_scales, "piecewise_interpolate_schedule"),
        default=None,
        steps=_boundaries,
        kind="a dictionary, or pairs",
        doc=(
            "from a count, the boundary, to the factor by which the value changes up to that count, both at "
            "least 0; in any order"
        ),
    )

    def composition(self) -> join_schedules:
        points = _points(self.init_value, self.boundaries_and_scales)
        return through(points, _SEGMENTS[self.interpolate_type])


Points = Sequence[tuple[float, float]]


def through(points: Points, segment: Segment) -> join_schedules:
    """A schedule through points (count, value), the first at count 0, that stays at the last value.

    `segment(value, next_value, steps)` makes the schedule between two points.
    """
    segments = [segment(here, there, end - begin) for (begin, here), (end, there) in pairwise(points)]
    return join_schedules([*segments, points[-1][1]], [at for at, _ in points[1:]])


def _points(init_value: float, scales: Any) -> Points:
    """The counts at which the value changes, in order, each with the new value."""
    values = accumulate([init_value, *(scale for _, scale in scales)], mul)
    return list(zip([0.0, *_boundaries(scales)], values, strict=True))
