"""Numerical functions of arrays: norms with a least value, scaled gradients, and linear algebra."""

from gradtx.numerics._arrays import as_wide as as_wide
from gradtx.numerics._gradients import scale_gradient
from gradtx.numerics._inverse_root import matrix_inverse_pth_root
from gradtx.numerics._least_squares import nnls
from gradtx.numerics._norms import safe_norm, safe_root_mean_squares
from gradtx.numerics._power_iteration import power_iteration

__all__ = [
    "matrix_inverse_pth_root",
    "nnls",
    "power_iteration",
    "safe_norm",
    "safe_root_mean_squares",
    "scale_gradient",
]
