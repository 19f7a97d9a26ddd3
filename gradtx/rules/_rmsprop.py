"""RMSprop's direction: the gradient over the root of its average square, plain or centred."""

from typing import Any, NamedTuple

import jax.numpy as jnp
from jax import Array

from gradtx.arithmetic import Average, abs_squared, average, interpolate, quotient, root
from gradtx.core import Number, Params, Rule, decay_factor, hyperparameter, static, zero_count
from gradtx.tree import state_like


class ScaleByRmsState(NamedTuple):
    """The state of `scale_by_rms`: the average square."""

    nu: Any


class ScaleByRmsWithCountState(NamedTuple):
    """The state of `scale_by_rms` with bias correction: the count and the average square."""

    count: Any
    nu: Any


class ScaleByRStdDevState(NamedTuple):
    """The state of `scale_by_stddev`: the average and the average square."""

    mu: Any
    nu: Any


class ScaleByRStdDevWithCountState(NamedTuple):
    """The state of `scale_by_stddev` with bias correction: the count and the two averages."""

    count: Any
    mu: Any
    nu: Any


class _RootMeanSquare(Rule, role="normalizes", squares=True, abstract=True):
    """A rule that divides by the root of an average square, or of a difference of averages."""

    decay: Number = decay_factor(default=0.9, doc="the decay of each average")
    eps: Number = hyperparameter(default=1e-8, low=0.0, doc="added inside the root, or to the root")
    initial_scale: Number = hyperparameter(default=0.0, low=0.0, doc="the average square at the start")
    eps_in_sqrt: bool = static(default=True, doc="whether `eps` is added inside the root")
    bias_correction: bool = static(default=False, doc="whether each average is corrected for its start")

    def once(self, count: Array | None) -> Average:
        return average(self.decay, count, self.bias_correction)

    def over_root(self, g: Array, square: Array) -> Array:
        """The update over the root of `square`, with `eps` inside of the root or outside."""
        return quotient(g, root(square + self.eps) if self.eps_in_sqrt else root(square) + self.eps)


class scale_by_rms(_RootMeanSquare, state=(ScaleByRmsState, ScaleByRmsWithCountState)):
    r"""RMSprop's direction.

    $$\nu_t = b\,\nu_{t-1} + (1 - b)\,|g_t|^2, \qquad
      u_t = \begin{cases} g_t / \sqrt{\nu_t + \epsilon} & \text{eps\_in\_sqrt} \\
                          g_t / (\sqrt{\nu_t} + \epsilon) & \text{else} \end{cases}$$

    where $b$ is `decay`, $\epsilon$ is `eps` and $\nu_0$ is `initial_scale`. With `bias_correction`,
    $\nu_t / (1 - b^t)$ takes the place of $\nu_t$ in the quotient.

    **State**: `ScaleByRmsState(nu)`, with `bias_correction` `ScaleByRmsWithCountState(count, nu)`; `nu` is
    shaped as the parameters, in float32 or wider, and real.

    **Reference**: Tieleman and Hinton (2012), *Lecture 6.5: RMSprop*, slide 29. The slides leave epsilon
    open: TensorFlow and Optax put it inside the root, PyTorch outside.

    >>> import jax.numpy as jnp
    >>> tx = scale_by_rms(decay=0.75, eps=0.0)
    >>> tx.update(jnp.array(5.0), tx.init(jnp.array(0.0)))[0]
    Array(2., dtype=float32)
    """

    def init(self, params: Params) -> ScaleByRmsState | ScaleByRmsWithCountState:
        nu = state_like(params, value=self.initial_scale, real=True)
        return ScaleByRmsWithCountState(zero_count(), nu) if self.bias_correction else ScaleByRmsState(nu)

    def leaf(self, once: Average, g: Array, nu: Array) -> tuple[Array, Array]:
        nu = interpolate(nu, abs_squared(g), once.c)
        return self.over_root(g, nu / once.correction), nu


class scale_by_stddev(_RootMeanSquare, state=(ScaleByRStdDevState, ScaleByRStdDevWithCountState)):
    r"""Centred RMSprop's direction: the gradient over an average standard deviation.

    $$\mu_t = b\,\mu_{t-1} + (1 - b)\,g_t, \qquad \nu_t = b\,\nu_{t-1} + (1 - b)\,|g_t|^2, \qquad
      u_t = \frac{g_t}{\sqrt{\nu_t - |\mu_t|^2 + \epsilon}}$$

    where $b$ is `decay`, $\epsilon$ is `eps`, added outside of the root if `eps_in_sqrt` is false, and
    $\nu_0$ is `initial_scale`. A difference that rounding makes negative counts as zero. With
    `bias_correction`, both averages are divided by $1 - b^t$ first.

    **State**: `ScaleByRStdDevState(mu, nu)`, with `bias_correction` `ScaleByRStdDevWithCountState(count,
    mu, nu)`; shaped as the parameters, in float32 or wider; `nu` is real.

    **Reference**: Graves (2013), *Generating Sequences With Recurrent Neural Networks*, arXiv:1308.0850,
    equations 38 to 40.

    >>> import jax.numpy as jnp
    >>> tx = scale_by_stddev(decay=0.5, eps=0.0)
    >>> tx.update(jnp.array(3.0), tx.init(jnp.array(0.0)))[0]  # 3 / sqrt(9/2 - (3/2)**2)
    Array(2., dtype=float32)
    """

    def init(self, params: Params) -> ScaleByRStdDevState | ScaleByRStdDevWithCountState:
        mu, nu = state_like(params), state_like(params, value=self.initial_scale, real=True)
        if self.bias_correction:
            return ScaleByRStdDevWithCountState(zero_count(), mu, nu)
        return ScaleByRStdDevState(mu, nu)

    def leaf(self, once: Average, g: Array, mu: Array, nu: Array) -> tuple[Array, Array, Array]:
        mu = interpolate(mu, g, once.c)
        nu = interpolate(nu, abs_squared(g), once.c)
        variance = jnp.maximum(nu / once.correction - abs_squared(mu / once.correction), 0.0)
        return self.over_root(g, variance), mu, nu
