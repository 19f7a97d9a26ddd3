"""RMSprop's direction: the gradient over the root of its average square, plain or centred."""

from typing import Any, NamedTuple

import jax.numpy as jnp
from jax import Array

from gradtx.arithmetic import abs_squared, complement, correction, interpolate, quotient, root
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


class Average(NamedTuple):
    """The weight of the gradient in an average, and the correction of that average, 1 for none."""

    c: Any
    correction: Any


class scale_by_rms(Rule, state=(ScaleByRmsState, ScaleByRmsWithCountState), role="normalizes", squares=True):
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

    decay: Number = decay_factor(default=0.9, doc="the decay of the average square")
    eps: Number = hyperparameter(default=1e-8, low=0.0, doc="added inside the root, or to the root")
    initial_scale: Number = hyperparameter(default=0.0, low=0.0, doc="the average square at the start")
    eps_in_sqrt: bool = static(default=True, doc="whether `eps` is added inside the root")
    bias_correction: bool = static(default=False, doc="whether the average square is corrected for its start")

    def init(self, params: Params) -> ScaleByRmsState | ScaleByRmsWithCountState:
        nu = state_like(params, value=self.initial_scale, real=True)
        return ScaleByRmsWithCountState(zero_count(), nu) if self.bias_correction else ScaleByRmsState(nu)

    def once(self, count: Array | None) -> Average:
        return _average(self.decay, count, self.bias_correction)

    def leaf(self, once: Average, g: Array, nu: Array) -> tuple[Array, Array]:
        nu = interpolate(nu, abs_squared(g), once.c)
        return quotient(g, _root(nu / once.correction, self.eps, self.eps_in_sqrt)), nu


class scale_by_stddev(
    Rule, state=(ScaleByRStdDevState, ScaleByRStdDevWithCountState), role="normalizes", squares=True
):
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

    decay: Number = decay_factor(default=0.9, doc="the decay of the two averages")
    eps: Number = hyperparameter(default=1e-8, low=0.0, doc="added inside the root, or to the root")
    initial_scale: Number = hyperparameter(default=0.0, low=0.0, doc="the average square at the start")
    eps_in_sqrt: bool = static(default=True, doc="whether `eps` is added inside the root")
    bias_correction: bool = static(default=False, doc="whether the averages are corrected for their start")

    def init(self, params: Params) -> ScaleByRStdDevState | ScaleByRStdDevWithCountState:
        mu, nu = state_like(params), state_like(params, value=self.initial_scale, real=True)
        if self.bias_correction:
            return ScaleByRStdDevWithCountState(zero_count(), mu, nu)
        return ScaleByRStdDevState(mu, nu)

    def once(self, count: Array | None) -> Average:
        return _average(self.decay, count, self.bias_correction)

    def leaf(self, once: Average, g: Array, mu: Array, nu: Array) -> tuple[Array, Array, Array]:
        mu = interpolate(mu, g, once.c)
        nu = interpolate(nu, abs_squared(g), once.c)
        variance = jnp.maximum(nu / once.correction - abs_squared(mu / once.correction), 0.0)
        return quotient(g, _root(variance, self.eps, self.eps_in_sqrt)), mu, nu


def _average(decay: Any, count: Any, debias: bool) -> Average:
    c = complement(decay)
    return Average(c, correction(c, count) if debias else 1.0)


def _root(square: Array, eps: Array, inside: bool) -> Array:
    return root(square + eps) if inside else root(square) + eps
