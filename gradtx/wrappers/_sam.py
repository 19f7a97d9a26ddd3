"""Sharpness-aware minimization: gradients from the worst point near the parameters."""

from typing import Any, NamedTuple

import jax.numpy as jnp
from jax import Array

from gradtx.arithmetic import SPLIT_LEAVES, AxisName
from gradtx.core import (
    GradientTransformation,
    Number,
    OptState,
    Params,
    Updates,
    Wrapper,
    apply_updates,
    hyperparameter,
    nested,
    static,
)
from gradtx.rules import normalize_by_update_norm
from gradtx.tree import map_leaves


class SAMState(NamedTuple):
    """The state of `sam`: the state of the optimizer."""

    opt_state: OptState


class sam(Wrapper, state=SAMState, needs=("params", "grad_fn")):
    r"""Gives an optimizer the gradient at the point nearby with the largest loss, to first order.

    $$u = T\big(\nabla f(\theta + \hat\epsilon)\big), \qquad \hat\epsilon = \rho\,\frac{g}{\|g\|_2}, \qquad
      g = \nabla f(\theta)$$

    $\hat\epsilon$ is the step up the loss in a ball of radius $\rho$ (SAM). In the adaptive form (ASAM) the
    ball is as wide in each element as the parameter is large, so that a rescaling of the parameters that does
    not change the function does not change the sharpness:

    $$\hat\epsilon = \rho\,\frac{S^2 g}{\|S g\|_2}, \qquad S = \operatorname{diag}(|\theta| + \eta)$$

    The incoming updates are $g$. The second gradient comes from the extra argument `grad_fn`, a function of
    the parameters alone that returns gradients of the same kind as $g$: for the same batch, averaged over the
    same devices. One update so costs two gradients:

        grad_fn = jax.grad(lambda params: loss(params, batch))
        updates, state = tx.update(grad_fn(params), state, params, grad_fn=grad_fn)

    $\hat\epsilon$ is spread over all parameters. In bfloat16 most of it is lost in the sum with the
    parameters, so keep them in float32. $\hat\epsilon$ is 0 if $g$ is 0; if the norm of $g$ is infinite or
    NaN, the second gradient is taken at NaN. Under `masked` the selected parameters alone take the step up.

    **State**: `SAMState(opt_state)`.

    **Reference**: Foret et al. (2021), *Sharpness-Aware Minimization for Efficiently Improving
    Generalization*, arXiv:2010.01412, algorithm 1 and equation 2 with p = 2; Kwon et al. (2021), *ASAM:
    Adaptive Sharpness-Aware Minimization for Scale-Invariant Learning of Deep Neural Networks*,
    arXiv:2102.11600, algorithm 1, whose authors' code leaves $S$ out for biases. Optax takes the ascent as
    an optimizer of its own; this is its `opaque_mode`, where its `grad_fn` has two arguments.

    >>> import jax, jax.numpy as jnp
    >>> from gradtx import sgd
    >>> tx, params = sam(sgd(1.0), rho=0.5), jnp.array(2.0)
    >>> grad_fn = jax.grad(lambda x: 0.5 * x**2)
    >>> tx.update(grad_fn(params), tx.init(params), params, grad_fn=grad_fn)[0]  # the gradient at 2.5
    Array(-2.5, dtype=float32)
    """

    optimizer: GradientTransformation = nested(
        state="opt_state",
        doc="$T$, any optimizer; its state is independent of the step up",
    )
    rho: Number = hyperparameter(
        default=0.05,
        low=0.0,
        doc=r"the radius $\rho$. The adaptive form needs one about 10 times as large",
    )
    adaptive: bool = static(default=False, doc="whether the radius follows the parameters")
    eta: Number = hyperparameter(
        default=0.01, low=0.0, kw_only=True, doc=r"$\eta$, which lets a parameter of 0 move"
    )
    axis_name: AxisName = static(default=None, kw_only=True, doc=SPLIT_LEAVES)

    couples_leaves = True

    def init(self, params: Params) -> SAMState:
        return SAMState(self.optimizer.init(params))

    def apply(
        self, updates: Updates, state: SAMState, params: Params = None, **extra: Any
    ) -> tuple[Updates, SAMState]:
        worst = apply_updates(params, self._ascent(updates, params))
        gradients = extra["grad_fn"](worst)
        updates, opt_state = self.update_part(self.optimizer, gradients, state.opt_state, params, **extra)
        return updates, SAMState(opt_state)

    def _ascent(self, gradients: Updates, params: Params) -> Updates:
        def by_size(tree: Updates) -> Updates:
            return map_leaves(_by_size, tree, params=params, numbers=(self.eta,)) if self.adaptive else tree

        unit = normalize_by_update_norm(self.rho, 0.0, axis_name=self.axis_name)
        # The adaptive form is the same step in coordinates in which all parameters have one size.
        return by_size(unit.wide_update(by_size(gradients), unit.init(params))[0])


def _by_size(g: Array, param: Array, eta: Array) -> Array:
    return g * (jnp.abs(param) + eta)
