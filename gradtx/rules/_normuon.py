"""Neuron-wise normalization: a second moment of one number for each output of a matrix."""

import math
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from gradtx.arithmetic import (
    MATRICES,
    abs_squared,
    axes_of,
    complement,
    fans,
    interpolate,
    norm,
    quotient,
    root,
)
from gradtx.core import Number, Params, Rule, decay_factor, hyperparameter, static
from gradtx.selection import AXES_FIELD, DimensionNumbers, dimension_numbers
from gradtx.tree import MaskedNode, state_like


class NeuronState(NamedTuple):
    """The state of `normalize_neurons`: the average square of each neuron's weights in the updates."""

    nu: Any


class normalize_neurons(
    Rule, state=NeuronState, same_shape=False, role="normalizes", squares=True, elementwise=False
):
    r"""Divides the weights of each output of a matrix by the root of their average square; the norm stays.

    $$\nu_{t,j} = b_2 \nu_{t-1,j} + (1 - b_2)\,\mathrm{mean}_i |x_{t,ij}|^2, \qquad
      y_{t,ij} = \frac{x_{t,ij}}{\sqrt{\nu_{t,j}} + \epsilon}, \qquad
      u_t = y_t \frac{\|x_t\|_F}{\|y_t\|_F}$$

    for inputs $i$ and outputs $j$, the neurons. The singular values of an orthogonalized matrix have one
    size, but its outputs have very different sizes if there are more outputs than inputs. The bias of $\nu$
    towards 0 is the same for all neurons, and cancels except beside $\epsilon$ (`eps`).

    Without `keep_norm` the norm of the result is that of an orthogonal matrix, $\sqrt{\min(m, n)}$ for $m$
    inputs and $n$ outputs, for any norm of $x_t$.

    **State**: `NeuronState(nu)`: a tree with the shapes of the parameters without their input axes; real, in
    float32 or wider.

    **Raises** `ValueError` for a leaf that is not a matrix, such as a bias, naming it.

    **Reference**: Li et al. (2025), *NorMuon: Making Muon more efficient and scalable*, arXiv:2510.05491,
    algorithm 1, which brings the elements to a root mean square of 0.2: that is this without `keep_norm`, and
    `scale_by_matrix_shape("match_rms_adamw")`. The authors' code keeps the norm.

    >>> import jax.numpy as jnp
    >>> tx = normalize_neurons()
    >>> x = jnp.array([[1.0, 0.0], [0.0, 7.0]])
    >>> print(tx.update(x, tx.init(x))[0].round(3))  # two outputs of one size, and the sum of squares is 50
    [[5. 0.]
     [0. 5.]]
    """

    b2: Number = decay_factor(default=0.95, doc="the decay of the average square")
    eps: Number = hyperparameter(default=1e-8, low=0.0, doc="added to the root")
    keep_norm: bool = static(default=True, kw_only=True, doc="whether the norm of each matrix stays")
    weight_dimension_numbers: DimensionNumbers = static(
        default=MATRICES,
        **AXES_FIELD,
        kw_only=True,
        doc="the input axes and the output axes, as in `orthogonalize`",
    )

    class Once(NamedTuple):
        """The weight of the new square in the average."""

        c: Any

    def init(self, params: Params) -> NeuronState:
        own = dimension_numbers(self.weight_dimension_numbers, params)
        # The sums have the shapes, and the sharding over devices, that the averages get.
        return NeuronState(state_like(jax.tree.map(_of_neurons, own, params), real=True))

    def once(self) -> Once:
        return self.Once(complement(self.b2))

    def leaf(self, once: Once, x: Array, nu: Array) -> tuple[Array, Array]:
        axes = axes_of(self.weight_dimension_numbers, x.ndim)
        inputs, outputs = fans(x.shape, axes)
        nu = interpolate(nu, jnp.sum(abs_squared(x) * (1 / max(inputs, 1)), axes.inputs), once.c)
        y = quotient(x, jnp.expand_dims(root(nu) + self.eps, axes.inputs))
        of_matrix = partial(norm, axis=(*axes.inputs, *axes.outputs), keepdims=True)
        length = of_matrix(x) if self.keep_norm else jnp.asarray(math.sqrt(min(inputs, outputs)), nu.dtype)
        return y * quotient(length, of_matrix(y)), nu


def _of_neurons(own: Any, leaf: Any) -> Any:
    """An array in the shape of the neurons of a leaf."""
    if own is False:
        return MaskedNode()
    return jnp.sum(jnp.asarray(leaf), axes_of(own, jnp.ndim(leaf)).inputs)
