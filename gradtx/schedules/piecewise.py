"""Schedules given by their values at some counts, held or interpolated between them."""

from collections.abc import Callable, Mapping, Sequence
from itertools import accumulate, pairwise
from operator import mul

from gradtx.core.schedule import Schedule, constant_schedule
from gradtx.schedules.annealing import cosine_annealing_schedule
from gradtx.schedules.checks import require, require_choice
from gradtx.schedules.joining import join_schedules
from gradtx.schedules.shapes import linear_schedule

__all__ = ["piecewise_constant_schedule", "piecewise_interpolate_schedule"]


def piecewise_constant_schedule(
    init_value: float, boundaries_and_scales: Mapping[int, float] | None = None
) -> join_schedules:
    r"""A constant that is multiplied by a scale at each boundary.

    $$\eta_t = \eta_0 \prod_{i:\, t \ge b_i} s_i$$

    with $\eta_0$ `init_value` and $b_i \mapsto s_i$ the `boundaries_and_scales`, in any order.

    **Count 0** gives `init_value`, scaled where a boundary is 0. **Past the end** it stays as after the last
    boundary.

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
    """Like `piecewise_constant_schedule`, with a line or half a cosine from each value to the next.

    At a boundary it has the value that the piecewise constant schedule takes there. `interpolate_type` is
    `"linear"` (`linear_schedule`) or `"cosine"` (`cosine_annealing_schedule`).

    **Count 0** gives `init_value`, scaled where a boundary is 0. **Past the end**, from the last boundary
    on, it stays as there.

    Raises:
      ValueError: where a scale or a boundary is negative, or `interpolate_type` is none of these.

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
    """A schedule through points (count, value), the first at count 0, that stays at the last.

    `segment(value, next_value, steps)` makes what joins two of them.
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
    """The counts at which the value changes, in order, each with the value from there on."""
    boundaries_and_scales = dict(sorted((boundaries_and_scales or {}).items()))
    for at, scale in boundaries_and_scales.items():
        require(name, "at least", 0, **{"a boundary": at, f"the scale at {at}": scale})
    values = accumulate([init_value, *boundaries_and_scales.values()], mul)
    return list(zip([0, *boundaries_and_scales], values, strict=True))
