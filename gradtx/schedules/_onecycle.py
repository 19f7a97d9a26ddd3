"""The one-cycle policy: a rise to a high peak, and a fall to almost 0."""

from gradtx.schedules._checks import require
from gradtx.schedules._join import join_schedules
from gradtx.schedules._piecewise import half_cosine, line, through


def cosine_onecycle_schedule(
    transition_steps: float,
    peak_value: float,
    pct_start: float = 0.3,
    div_factor: float = 25.0,
    final_div_factor: float = 1e4,
) -> join_schedules:
    r"""Half a period of a cosine up to the peak, and another one down.

    The value rises from $\eta_{\max} / d$ to $\eta_{\max}$ in $\lfloor p\,T \rfloor$ steps, and falls to
    $\eta_{\max} / (d\,f)$ at count $T$, with $T$ `transition_steps`, $\eta_{\max}$ `peak_value`, $p$
    `pct_start`, $d$ `div_factor` and $f$ `final_div_factor`.

    **Count 0** gives $\eta_{\max} / d$. **Past the end**, from count $T$ on, the value stays at
    $\eta_{\max} / (d\,f)$. PyTorch's `OneCycleLR` reaches the peak and the end one step earlier.

    Args:
      transition_steps: the number of steps of the cycle, above 0.
      peak_value: the value at the peak.
      pct_start: the part of the cycle before the peak: a fraction, in spite of its name.
      div_factor: the peak over the value at count 0, above 0.
      final_div_factor: the value at count 0 over the last value, above 0.

    Raises:
      ValueError: where `transition_steps` or a factor is not positive.

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
    r"""A linear rise to the peak, a linear fall back, and a linear fall to almost 0.

    The value rises from $\eta_{\max} / d$ to $\eta_{\max}$ in $\lfloor p\,T \rfloor$ steps, is back at
    $\eta_{\max} / d$ at count $\lfloor q\,T \rfloor$, and falls to $\eta_{\max} / (d\,f)$ at count $T$, with
    $T$ `transition_steps`, $\eta_{\max}$ `peak_value`, $p$ `pct_start`, $q$ `pct_final`, $d$ `div_factor` and
    $f$ `final_div_factor`.

    **Count 0** gives $\eta_{\max} / d$. **Past the end**, from count $T$ on, the value stays at
    $\eta_{\max} / (d\,f)$. A phase without steps is left out; in Optax it changes the values of the others.

    Args:
      transition_steps: the number of steps of the cycle, above 0.
      peak_value: the value at the peak.
      pct_start: the part of the cycle before the peak: a fraction, in spite of its name.
      pct_final: the part of the cycle before the last phase: a fraction, in spite of its name.
      div_factor: the peak over the value at count 0, above 0.
      final_div_factor: the value at count 0 over the last value, above 0.

    Raises:
      ValueError: where `transition_steps` or a factor is not positive.

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
