"""Estimators of curvature: they return the diagonal of a Hessian, for any updates."""

from functools import partial
from typing import Any, NamedTuple

import jax

from gradtx.arithmetic import AxisName
from gradtx.core import GradientTransformation, Params, Updates, static
from gradtx.rules._estimates import along_direction, of_drawn_labels
from gradtx.tree import Key, as_key, draws_like, first_words, next_words, normal, rademacher


class HutchinsonState(NamedTuple):
    """The state of `hutchinson_estimator_diag_hessian`: the words of the next draw's key."""

    key: Any


class GaussNewtonBartlettState(NamedTuple):
    """The state of `gauss_newton_bartlett`: the words of the next draw's key."""

    key: Any


class hutchinson_estimator_diag_hessian(
    GradientTransformation, state=HutchinsonState, needs=("params", "obj_fn"), check=None
):
    r"""Hutchinson's estimate of the diagonal of the loss's Hessian.

    $$\hat h = u \odot (H u), \qquad H = \nabla^2 f(\theta), \qquad
      \mathbb{E}[u u^\top] = I \;\Rightarrow\; \mathbb{E}[\hat h] = \operatorname{diag}(H)$$

    where $f$ is the extra argument `obj_fn`, a function of the parameters alone: the loss of this step's
    batch, as in `update(..., obj_fn=lambda params: loss(params, batch))`. $H u$ is the derivative of the
    gradient along $u$, at about the price of two gradients; $H$ itself is never formed.

    Both parts of a complex parameter get the mean of their curvatures. Inside `jax.shard_map` the estimate
    belongs to the loss that `obj_fn` returns, which should be the mean over all devices. Parameters that are
    split need `axis_name`.

    **State**: `HutchinsonState(key)`, the words of a key; each update draws once and replaces it.

    **Raises** `TypeError` for a traced key and for an array of several keys.

    **Reference**: Hutchinson (1989), *A Stochastic Estimator of the Trace of the Influence Matrix for
    Laplacian Smoothing Splines*; Liu et al. (2023), *Sophia: A Scalable Stochastic Second-order Optimizer
    for Language Model Pre-training*, arXiv:2305.14342, algorithm 1.

    >>> import jax.numpy as jnp
    >>> tx = hutchinson_estimator_diag_hessian()
    >>> params = jnp.array([1.0, 2.0])
    >>> tx.update(params, tx.init(params), params, obj_fn=lambda x: jnp.sum(x**3))[0]  # 6 x
    Array([ 6., 12.], dtype=float32)
    """

    random_seed: Key = static(
        default=0, convert=as_key, doc="the seed of the draws, or a key of `jax.random`; it is structure"
    )
    distribution: str = static(
        default="rademacher",
        choices=("rademacher", "normal"),
        kw_only=True,
        doc=(
            'the distribution of the elements of $u$: `"rademacher"`, random signs, with which the estimate '
            'of a diagonal Hessian is exact; or `"normal"`, as in the paper on Sophia'
        ),
    )
    axis_name: AxisName = static(
        default=None,
        kw_only=True,
        doc="inside `jax.shard_map`, the mesh axes over which the parameters are split",
    )

    def init(self, params: Params) -> HutchinsonState:
        return HutchinsonState(first_words(self.random_seed))

    def apply(
        self, updates: Updates, state: HutchinsonState, params: Params = None, **extra: Any
    ) -> tuple[Updates, HutchinsonState]:
        words, key = next_words(self.random_seed, state.key)
        draw = rademacher if self.distribution == "rademacher" else normal
        drawn = partial(draws_like, key, draw=draw, axis_name=self.axis_name)
        estimate = along_direction(extra["obj_fn"], params, drawn)
        return estimate, HutchinsonState(words)


class gauss_newton_bartlett(
    GradientTransformation,
    state=GaussNewtonBartlettState,
    needs=("params", "logits_fn"),
    check=None,
    elementwise=False,
):
    r"""The Gauss-Newton-Bartlett estimate of the curvature of a classifier's loss, as of a language model.

    $$\hat h = B \, \hat g \odot \hat g, \qquad
      \hat g = \nabla_\theta \frac1B \sum_{b=1}^B \ell\big(f_b(\theta), \hat y_b\big), \qquad
      \hat y_b \sim \operatorname{softmax}(f_b(\theta))$$

    where $\ell$ is the cross-entropy and $f$ the extra argument `logits_fn`, a function of the parameters
    alone: the logits of this step's batch, of shape `(..., classes)`, as in
    `update(..., logits_fn=lambda params: model(params, batch))`. $B$ is the number of predictions: in a
    language model, of all tokens of the batch.

    The labels are drawn from the model, not taken from the data: that makes the mean of $\hat h$ the diagonal
    of the Gauss-Newton matrix (Bartlett's second identity). The estimate costs one gradient and is never
    negative.

    Both parts of a complex parameter get the mean of their curvatures. Over several devices let `jax.jit`
    divide the batch: inside `jax.shard_map` each device would take its own predictions for all of them.

    **State**: `GaussNewtonBartlettState(key)`, the words of a key; each update draws once and replaces it.

    **Raises** `TypeError` for a traced key and for an array of several keys.

    **Reference**: Liu et al. (2023), *Sophia: A Scalable Stochastic Second-order Optimizer for Language
    Model Pre-training*, arXiv:2305.14342, algorithm 2. Optax has no such estimator.

    >>> import jax.numpy as jnp
    >>> tx = gauss_newton_bartlett()
    >>> x = jnp.array(0.0)
    >>> tx.update(x, tx.init(x), x, logits_fn=lambda x: jnp.stack([x, -x]))[0]  # (1/2 + 1/2)², either label
    Array(1., dtype=float32)
    """

    random_seed: Key = static(
        default=0, convert=as_key, doc="the seed of the labels, or a key of `jax.random`; it is structure"
    )

    def init(self, params: Params) -> GaussNewtonBartlettState:
        return GaussNewtonBartlettState(first_words(self.random_seed))

    def apply(
        self, updates: Updates, state: GaussNewtonBartlettState, params: Params = None, **extra: Any
    ) -> tuple[Updates, GaussNewtonBartlettState]:
        words, key = next_words(self.random_seed, state.key)
        estimate = of_drawn_labels(extra["logits_fn"], params, partial(jax.random.categorical, key))
        return estimate, GaussNewtonBartlettState(words)
