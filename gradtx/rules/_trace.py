"""Momentum: Polyak's heavy ball, and Nesterov's look-ahead."""

from typing import Any, NamedTuple

from jax import Array

from gradtx.core import Number, Rule, hyperparameter, static, storage_dtype


class TraceState(NamedTuple):
    """The state of `trace`: the velocity, in the shape of the parameters."""

    trace: Any


class trace(Rule, state=TraceState):
    r"""Accumulates the updates in a velocity that decays: momentum.

    $$v_t = g_t + \mu\,v_{t-1}, \qquad
      u_t = \begin{cases} g_t + \mu\,v_t & \text{nesterov} \\ v_t & \text{else} \end{cases}$$

    where $\mu$ is `decay`. The learning rate multiplies the velocity and is no part of it, as in PyTorch.
    With a scheduled rate this differs from the form $v_t = \mu v_{t-1} - \eta_t g_t$, which is
    `chain(scale_by_learning_rate(rate), trace(decay))`.

    **State**: `TraceState(trace)`, shaped as the parameters, float32 or wider, or `accumulator_dtype`.

    **Reference**: Polyak (1964), *Some methods of speeding up the convergence of iteration methods*;
    Sutskever et al. (2013), *On the importance of initialization and momentum in deep learning*, equations 1
    to 4; the parameter here is Nesterov's look-ahead point, as in Bengio, Boulanger-Lewandowski and Pascanu
    (2013), *Advances in Optimizing Recurrent Networks*, arXiv:1212.0901.

    >>> import jax.numpy as jnp
    >>> tx = trace(decay=0.5)
    >>> state = tx.init(jnp.array(0.0))
    >>> for _ in range(3):
    ...     update, state = tx.update(jnp.array(1.0), state)
    >>> update
    Array(1.75, dtype=float32)
    """

    decay: Number = hyperparameter(low=0.0, high=1.0, doc="the decay of the velocity")
    nesterov: bool = static(default=False, doc="whether the update looks one step ahead")
    accumulator_dtype: Any = storage_dtype(of="trace", default=None)

    def leaf(self, g: Array, trace: Array) -> tuple[Array, Array]:
        velocity = g + self.decay * trace
        return g + self.decay * velocity if self.nesterov else velocity, velocity
