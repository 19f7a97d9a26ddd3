"""The sharpness of the loss: the largest eigenvalue of its Hessian, followed along a training."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from gradtx.core import static
from gradtx.tree import is_inexact, norm, random_like, vdot
from gradtx.wrappers import StatefulMeasure


class SharpnessMemory(NamedTuple):
    """The number of steps, the last sharpness, and the vector of the power iteration."""

    steps: Array
    sharpness: Array
    vector: list[Any]


class sharpness(StatefulMeasure):
    r"""The largest eigenvalue of the Hessian, by one step of a power iteration in every `every` steps.

    $$\lambda = \langle v, H v \rangle, \qquad v \leftarrow \frac{H v}{\lVert H v \rVert}$$

    The vector is kept from one step to the next, so that it follows a Hessian that changes slowly; the first
    values are too low. A product costs about two gradients, and the vector takes the bytes of the parameters.
    Gradient descent at the rate $\eta$ is stable below $2 / \eta$.

    **Reference**: Cohen et al. (2021), *Gradient Descent on Neural Networks Typically Occurs at the Edge of
    Stability*, arXiv:2103.00065, section 2.

    >>> import jax.numpy as jnp
    >>> from gradtx import metrics, monitor, sgd
    >>> tx = monitor({"sharpness": sharpness(1)}, sgd(0.0))
    >>> params = jnp.ones(2)
    >>> state = tx.init(params)
    >>> grad = lambda p: jnp.array([1.0, 5.0]) * p  # of a loss with the curvatures 1 and 5
    >>> for _ in range(10):
    ...     _, state = tx.update(grad(params), state, params, grad_fn=grad)
    >>> print(f"{metrics(state)['sharpness']:.3f}")
    5.000
    """

    every: int = static(default=10, low=1, doc="the number of steps from one product to the next")

    def init(self, *shapes: Any) -> SharpnessMemory:
        """A random vector."""
        vector = random_like(jax.random.key(0), _floats(shapes[0]))
        return SharpnessMemory(jnp.zeros((), jnp.int32), jnp.zeros(()), _unit(vector))

    def step(self, memory: SharpnessMemory, params: Any, grad_fn: Any) -> tuple[Any, SharpnessMemory]:
        """The sharpness, and the memory with the next vector."""
        if not callable(grad_fn):  # at `init`, where shapes alone are known
            return memory.sharpness, memory

        def follow(vector: list[Any]) -> tuple[Array, list[Any]]:
            product = _product(grad_fn, params, vector)
            return vdot(vector, product).astype(memory.sharpness.dtype), _unit(product)

        due = memory.steps % self.every == 0
        found, vector = jax.lax.cond(due, follow, lambda vector: (memory.sharpness, vector), memory.vector)
        return found, SharpnessMemory(memory.steps + 1, found, vector)


def _floats(params: Any) -> list[Any]:
    return [leaf for leaf in jax.tree.leaves(params) if is_inexact(leaf)]


def _unit(vector: list[Any]) -> list[Any]:
    size = norm(vector)
    scale = jnp.where(size > 0, 1 / jnp.where(size > 0, size, 1), 0)
    return [x * scale.astype(x.dtype) for x in vector]


def _product(grad_fn: Any, params: Any, vector: list[Any]) -> list[Any]:
    """The Hessian times a vector of the leaves with a derivative."""
    leaves, treedef = jax.tree.flatten(params)

    def gradient(floats: list[Any]) -> list[Any]:
        own = iter(floats)
        return _floats(grad_fn(treedef.unflatten([next(own) if is_inexact(x) else x for x in leaves])))

    return jax.jvp(gradient, (_floats(params),), (vector,))[1]
