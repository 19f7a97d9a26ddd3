"""The one-cycle policy: up to a high peak, and down to almost nothing."""

from gradtx.schedules.checks import require
from gradtx.schedules.joining import join_schedules
from gradtx.schedules.piecewise import half_cosine, line, through

__all__ = ["cosine_onecycle_schedule", "linear_onecycle_schedule"]


def cosine_onecycle_schedule(
    transition_steps: float,
    peak_value: float,
    pct_start: float = 0.3,
    div_factor: float = 25.0,
    final_div_factor: float = 1e4,
) -> join_schedules:
    r"""Half a cosine up to the peak, and another down.

    It rises from $\eta_{\max} / d$ for $\lfloor p\,T \rfloor$ steps to $\eta_{\max}$, and falls until count
    $T$ to $\eta_{\max} / (d\,f)$, with $T$ `transition_steps`, $\eta_{\max}$ `peak_value`, $p$ `pct_start`
    (a fraction, its name notwithstanding), $d$ `div_factor` and $f$ `final_div_factor`.

    **Count 0** gives $\eta_{\max} / d$. **Past the end**, from count $T$ on, it stays at its last value.
    PyTorch's `OneCycleLR` reaches the peak and the end one step earlier.

    **Reference**: Smith and Topin (2017), *Super-Convergence: Very Fast Training of Neural Networks Using
    Large Learning Rates*, arXiv:1708.07120.

    >>> import jax.numpy as jnp
    >>> cosine_onecycle_schedule(4, 8.0, pct_start=0.5, div_factor=4.0, final_div_factor=2.0)(jnp.arange(6))
    Array([2. , 5. , 8. , 4.5, 1. , 1. ], dtype=float32)
    """
    factors = {"div_factor": div_factor, "final_div_factor": final_div_factor}
    require("cosine_onecycle_schedule", "above", 0, transition_steps=transition_steps, **factors)
    initial = peak_value / div_factor
    up = pct_start * transition_steps // 1
    return through(
        [(0, initial), (up, peak_value), (transition_steps, initial / final_div_factor)], half_cosine
    )


def linear_onecycle_schedule(
    transition_steps: float,
    peak_value: float,
    pct_start: float = 0.3,
    pct_final: float = 0.85,
    div_factor: float = 25.0,
    final_div_factor: float = 1e4,
) -> join_schedules:
    r"""A line up to the peak, a line back, and a line down to almost nothing.

    It rises from $\eta_{\max} / d$ for $\lfloor p\,T \rfloor$ steps to $\eta_{\max}$, is back at
    $\eta_{\max} / d$ at count $\lfloor q\,T \rfloor$, and falls until count $T$ to $\eta_{\max} / (d\,f)$,
    with $T$ `transition_steps`, $\eta_{\max}$ `peak_value`, $p$ `pct_start`, $q$ `pct_final` (fractions,
    their names notwithstanding), $d$ `div_factor` and $f$ `final_div_factor`.

    **Count 0** gives $\eta_{\max} / d$. **Past the end**, from count $T$ on, it stays at its last value. A
    phase of no steps is left out, where in Optax it changes the values of the others.

    **Reference**: as for `cosine_onecycle_schedule`.

    >>> import jax.numpy as jnp
    >>> schedule = linear_onecycle_schedule(5, 8.0, 0.4, 0.8, div_factor=4.0, final_div_factor=2.0)
    >>> schedule(jnp.arange(7))
    Array([2., 5., 8., 5., 2., 1., 1.], dtype=float32)
    """
    factors = {"div_factor": div_factor, "final_div_factor": final_div_factor}
    require("linear_onecycle_schedule", "above", 0, transition_steps=transition_steps, **factors)
    initial = peak_value / div_factor
    up, down = pct_start * transition_steps // 1, pct_final * transition_steps // 1
    last = initial / final_div_factor
    return through([(0, initial), (up, peak_value), (down, initial), (transition_steps, last)], line)
