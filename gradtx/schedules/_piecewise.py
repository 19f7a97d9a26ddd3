"""Schedules from values at some counts, constant or interpolated between them."""

from collections.abc import Callable, Mapping, Sequence
from itertools import accumulate, pairwise
from operator import mul

from gradtx.core import Schedule, constant_schedule
from gradtx.schedules._checks import require, require_choice
from gradtx.schedules._cosine import cosine_annealing_schedule
from gradtx.schedules._decay import linear_schedule
from gradtx.schedules._join import join_schedules


def piecewise_constant_schedule(
    init_value: float, boundaries_and_scales: Mapping[int, float] | None = None
) -> join_schedules:
    r"""A constant that is multiplied by a scale at each boundary.

    $$\eta_t = \eta_0 \prod_{i:\, t \ge b_i} s_i$$

    with $\eta_0$ `init_value` and $b_i \mapsto s_i$ the `boundaries_and_scales`.

    **Count 0** gives `init_value`, times the scale of a boundary at 0. **Past the end**, from the last
    boundary on, the value is constant.

    Args:
      init_value: the value before the first boundary.
      boundaries_and_scales: from a count, the boundary, to the factor from that count on, both at least 0; in
        any order.

    Raises:
      ValueError: where a scale or a boundary is negative.

    >>> import jax.numpy as jnp
    >>> piecewise_constant_schedule(1.0, {2: 0.5, 3: 0.5})(jnp.arange(5))
    Array([1.  , 1.  , 0.5 , 0.25, 0.25], dtype=float32)
    """
    points = _points("piecewise_constant_schedule", init_value, boundaries_and_scales)
    return join_schedules([constant_schedule(value) for _, value in points], [at for at, _ in points[1:]])


def piecewise_interpolate_schedule(
    interpolate_type: str, init_value: float, boundaries_and_scales: Mapping[int, float] | None = None
) -> join_schedules:
    """Interpolation between the values that `piecewise_constant_schedule` has at its boundaries.

    **Count 0** gives `init_value`, times the scale of a boundary at 0. **Past the end**, from the last
    boundary on, the value is constant.

    Args:
      interpolate_type: the interpolation, `"linear"` (`linear_schedule`) or `"cosine"`
        (`cosine_annealing_schedule`).
      init_value: the value at count 0.
      boundaries_and_scales: from a count, the boundary, to the factor by which the value changes up to that
        count, both at least 0; in any order.

    Raises:
      ValueError: where a scale or a boundary is negative, or `interpolate_type` is another one.

    >>> import jax.numpy as jnp
    >>> piecewise_interpolate_schedule("linear", 1.0, {2: 0.5, 4: 0.0})(jnp.arange(6))
    Array([1.  , 0.75, 0.5 , 0.25, 0.  , 0.  ], dtype=float32)
    """
    segments = {"linear": line, "cosine": half_cosine}
    require_choice("piecewise_interpolate_schedule", "interpolate_type", interpolate_type, segments)
    points = _points("piecewise_interpolate_schedule", init_value, boundaries_and_scales)
    return through(points, segments[interpolate_type])


Points = Sequence[tuple[float, float]]
Segment = Callable[[float, float, float], Schedule]


def through(points: Points, segment: Segment) -> join_schedules:
    """A schedule through points (count, value), the first at count 0, that stays at the last value.

    `segment(value, next_value, steps)` makes the schedule between two points.
    """
    segments = [segment(here, there, end - begin) for (begin, here), (end, there) in pairwise(points)]
    return join_schedules([*segments, points[-1][1]], [at for at, _ in points[1:]])


def line(init_value: float, end_value: float, steps: float) -> Schedule:
    """A straight line between two points."""
    return linear_schedule(init_value, end_value, steps)


def half_cosine(init_value: float, end_value: float, steps: float) -> Schedule:
    """Half a period of a cosine between two points."""
    return cosine_annealing_schedule(init_value, steps, end_value)


def _points(name: str, init_value: float, boundaries_and_scales: Mapping[int, float] | None) -> Points:
    """The counts at which the value changes, in order, each with the new value."""
    boundaries_and_scales = dict(sorted((boundaries_and_scales or {}).items()))
    for at, scale in boundaries_and_scales.items():
        require(name, "at least", 0, **{"a boundary": at, f"the scale at {at}": scale})
    values = accumulate([init_value, *boundaries_and_scales.values()], mul)
    return list(zip([0, *boundaries_and_scales], values, strict=True))
