"""Welch's test: whether two means differ, with variances of their own."""

from typing import Any

import numpy as np
from jax.scipy.special import betainc


def welch(a: Any, b: Any, resolution: float = 0.0) -> float | None:
    r"""The two-sided p-value of Welch's test of two samples.

    With $t$ and $\nu$ of `Comparison.p_value`, it is the probability of $|t|$ or more under Student's
    distribution, $I_{\nu / (\nu + t^2)}(\nu / 2, 1 / 2)$, an incomplete beta function.

    Args:
      a: the numbers of the first sample.
      b: the numbers of the second one.
      resolution: the distance of two numbers that can be told apart, $h$.

    Returns:
      The p-value; `None` for samples with a number that is not finite, of fewer than two numbers, or without
      any variance.

    >>> round(welch([10.0, 12.0, 14.0], [20.0, 22.0, 24.0]), 4)
    0.0036
    """
    samples = [np.asarray(sample, float) for sample in (a, b)]
    if any(sample.size < 2 or not np.isfinite(sample).all() for sample in samples):
        return None
    counts = np.array([sample.size for sample in samples])
    rounding = resolution**2 / 12
    v = np.array([max(sample.var(ddof=1), rounding) for sample in samples]) / counts
    if v.sum() == 0:
        return None
    t = (samples[0].mean() - samples[1].mean()) / np.sqrt(v.sum())
    nu = v.sum() ** 2 / (v**2 / (counts - 1)).sum()
    return float(betainc(nu / 2, 0.5, nu / (nu + t**2)))
