"""Searches along a line: transformations that find a step size by evaluations of a function."""

from gradtx.searches._backtracking import (
    BacktrackingLinesearchInfo,
    ScaleByBacktrackingLinesearchState,
    scale_by_backtracking_linesearch,
)
from gradtx.searches._evaluations import (
    as_argument as as_argument,
    as_number as as_number,
    slope_along as slope_along,
    value_and_grad_at as value_and_grad_at,
)
from gradtx.searches._reuse import value_and_grad_from_state
from gradtx.searches._search import Search as Search, in_float as in_float
from gradtx.searches._whole_step import whole_step as whole_step
from gradtx.searches._zoom import ScaleByZoomLinesearchState, ZoomLinesearchInfo, scale_by_zoom_linesearch

__all__ = [
    "BacktrackingLinesearchInfo",
    "ScaleByBacktrackingLinesearchState",
    "ScaleByZoomLinesearchState",
    "ZoomLinesearchInfo",
    "scale_by_backtracking_linesearch",
    "scale_by_zoom_linesearch",
    "value_and_grad_from_state",
]
