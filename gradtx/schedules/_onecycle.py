"""The one-cycle policy: a rise to a high peak, and a fall to almost 0."""

from math import inf

import numpy as np

from gradtx.core import Schedule, hyperparameter
from gradtx.schedules._checks import is_concrete
from gradtx.schedules._join import join_schedules
from gradtx.schedules._piecewise import half_cosine, line, through


class cosine_onecycle_schedule(Schedule):
    r"""Half a period of a cosine up to the peak, and another one down.

    The value rises from $\eta_{\max} / d$ to $\eta_{\max}$ in $\lfloor p\,T \rfloor$ steps, and falls to
    $\eta_{\max} / (d\,f)$ at count $T$, with $T$ `transition_steps`, $\eta_{\max}$ `peak_value`, $p$
    `pct_start`, $d$ `div_factor` and $f$ `final_div_factor`.

    **Count 0** gives $\eta_{\max} / d$. **Past the end**, from count $T$ on, the value stays at
    $\eta_{\max} / (d\,f)$. PyTorch's `OneCycleLR` reaches the peak and the end one step earlier.

    **Reference**: Smith and Topin (2017), *Super-Convergence: Very Fast Training of Neural Networks Using
    Large Learning Rates*, arXiv:1708.07120.

    >>> import jax.numpy as jnp
    >>> cosine_onecycle_schedule(4, 8.0, pct_start=0.5, div_factor=4.0, final_div_factor=2.0)(jnp.arange(6))
    Array([2. , 5. , 8. , 4.5, 1. , 1. ], dtype=float32)
    """

    transition_steps: float = hyperparameter(
        above=0.0, below=inf, steps=True, doc="the number of steps of the cycle"
    )
    peak_value: float = hyperparameter(doc="the value at the peak")
    pct_start: float = hyperparameter(
        default=0.3,
        low=0.0,
        high=1.0,
        doc="the part of the cycle before the peak: a fraction, in spite of its name",
    )
    div_factor: float = hyperparameter(default=25.0, above=0.0, doc="the peak over the value at count 0")
    final_div_factor: float = hyperparameter(
        default=1e4, above=0.0, doc="the value at count 0 over the last value"
    )

    def composition(self) -> join_schedules:
        steps, initial = self.transition_steps, self.peak_value / self.div_factor
        up = self.pct_start * steps // 1
        points = [(0.0, initial), (up, self.peak_value), (steps, initial / self.final_div_factor)]
        return through(points, half_cosine)


class linear_onecycle_schedule(Schedule):
    r"""A linear rise to the peak, a linear fall back, and a linear fall to almost 0.

    The value rises from $\eta_{\max} / d$ to $\eta_{\max}$ in $\lfloor p\,T \rfloor$ steps, is back at
    $\eta_{\max} / d$ at count $\lfloor q\,T \rfloor$, and falls to $\eta_{\max} / (d\,f)$ at count $T$, with
    $T$ `transition_steps`, $\eta_{\max}$ `peak_value`, $p$ `pct_start`, $q$ `pct_final`, $d$ `div_factor` and
    $f$ `final_div_factor`.

    **Count 0** gives $\eta_{\max} / d$. **Past the end**, from count $T$ on, the value stays at
    $\eta_{\max} / (d\,f)$. A phase without steps is left out; in Optax it changes the values of the others.

    Raises:
      ValueError: where `pct_final` is below `pct_start`.

    **Reference**: as for `cosine_onecycle_schedule`.

    >>> import jax.numpy as jnp
    >>> schedule = linear_onecycle_schedule(5, 8.0, 0.4, 0.8, div_factor=4.0, final_div_factor=2.0)
    >>> schedule(jnp.arange(7))
    Array([2., 5., 8., 5., 2., 1., 1.], dtype=float32)
    """

    transition_steps: float = hyperparameter(
        above=0.0, below=inf, steps=True, doc="the number of steps of the cycle"
    )
    peak_value: float = hyperparameter(doc="the value at the peak")
    pct_start: float = hyperparameter(
        default=0.3,
        low=0.0,
        high=1.0,
        doc="the part of the cycle before the peak: a fraction, in spite of its name",
    )
    pct_final: float = hyperparameter(
        default=0.85,
        low=0.0,
        high=1.0,
        doc="the part of the cycle before the last phase: a fraction, in spite of its name",
    )
    div_factor: float = hyperparameter(default=25.0, above=0.0, doc="the peak over the value at count 0")
    final_div_factor: float = hyperparameter(
        default=1e4, above=0.0, doc="the value at count 0 over the last value"
    )

    def validate(self) -> None:
        start, final = self.pct_start, self.pct_final
        if is_concrete(start, final) and np.any(np.less(final, start)):
            raise ValueError(
                f"linear_onecycle_schedule: pct_final must be at least pct_start={start}, got {final}."
            )

    def composition(self) -> join_schedules:
        steps, initial = self.transition_steps, self.peak_value / self.div_factor
        up, down = self.pct_start * steps // 1, self.pct_final * steps // 1
        last = initial / self.final_div_factor
        return through([(0.0, initial), (up, self.peak_value), (down, initial), (steps, last)], line)
