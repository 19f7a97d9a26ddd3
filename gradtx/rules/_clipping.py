"""Clipping: bounding single elements, single leaves, or the whole update."""

from typing import NamedTuple

import jax.numpy as jnp
from jax import Array

from gradtx.arithmetic import AxisName, clipped, root_mean_square, shortening
from gradtx.core import Number, Rule, Updates, hyperparameter, static
from gradtx.tree import norm


class clip(Rule, role="clips"):
    r"""Bounds each element: $u = \min(\max(g, -d), d)$, where $d$ is `max_delta`.

    A complex element keeps its phase and has its magnitude bounded.

    **State**: none.

    >>> import jax.numpy as jnp
    >>> clip(1.0).update(jnp.array([-3.0, 0.5]), clip(1.0).init(jnp.zeros(2)))[0]
    Array([-1. ,  0.5], dtype=float32)
    """

    max_delta: Number = hyperparameter(low=0.0, doc="the greatest magnitude of an element")

    def leaf(self, g: Array) -> Array:
        return clipped(g, self.max_delta)


class clip_by_global_norm(Rule, role="clips"):
    r"""Shortens the whole update to a given length, keeping its direction.

    $$u = g \cdot \min\!\left(1, \frac{c}{\|g\|}\right), \qquad
      \|g\|^2 = \sum_{\text{leaves}} \sum_i |g_i|^2$$

    where $c$ is `max_norm` and the norm, over all leaves as one vector, is accumulated in at least float32.

    **State**: none; with a scheduled `max_norm`, its count.

    **Reference**: Pascanu, Mikolov and Bengio (2013), *On the difficulty of training Recurrent Neural
    Networks*, arXiv:1211.5063, algorithm 1.

    >>> import jax.numpy as jnp
    >>> tx = clip_by_global_norm(1.0)
    >>> tx.update({"a": jnp.array(3.0), "b": jnp.array(4.0)}, tx.init({"a": 0.0, "b": 0.0}))[0]
    {'a': Array(0.6, dtype=float32), 'b': Array(0.8, dtype=float32)}
    """

    max_norm: Number = hyperparameter(above=0.0, doc="the greatest length that passes unchanged")
    nonfinite: str = static(
        default="propagate",
        choices=("propagate", "zero"),
        kw_only=True,
        doc=(
            "the result for an update whose norm is NaN or infinite. "
            '`"propagate"` makes all of it NaN, so that a guard after it, or the loss, shows it; '
            '`"zero"` makes all of it zero'
        ),
    )
    axis_name: AxisName = static(
        default=None,
        kw_only=True,
        doc=(
            "inside `jax.shard_map`, the mesh axes over which leaves are split. A leaf that is whole by its "
            "type counts once, and a shard along another axis is refused. Types are hidden under "
            "`check_vma=False` and `jax.pmap`: there a leaf counts as whole without this argument, and as "
            "split with it"
        ),
    )

    class Once(NamedTuple):
        """The factor that brings the update to its length."""

        factor: Array

    def once(self, updates: Updates) -> Once:
        length = norm(updates, axis_name=self.axis_name)
        return self.Once(shortening(length, jnp.asarray(self.max_norm, length.dtype)))

    def leaf(self, once: Once, g: Array) -> Array:
        if self.nonfinite == "zero":
            return jnp.where(jnp.isnan(once.factor), 0.0, g * once.factor)
        return g * once.factor


class clip_by_block_norm(Rule, role="clips", elementwise=False):
    r"""Shortens each leaf to a given length: $u = g \cdot \min(1, c / \|g\|)$ leaf by leaf.

    Unlike `clip_by_global_norm` it changes the direction of the whole update. A leaf whose norm is
    infinite or NaN becomes NaN.

    **State**: none.

    >>> import jax.numpy as jnp
    >>> tx = clip_by_block_norm(1.0)
    >>> tx.update({"a": jnp.array([3.0, 4.0]), "b": jnp.array([0.5])}, tx.init({"a": 0.0, "b": 0.0}))[0]
    {'a': Array([0.6, 0.8], dtype=float32), 'b': Array([0.5], dtype=float32)}
    """

    max_norm: Number = hyperparameter(above=0.0, doc="the greatest length of a leaf")

    def leaf(self, g: Array) -> Array:
        return g * shortening(norm(g), self.max_norm)


class clip_by_block_rms(Rule, elementwise=False):
    r"""Bounds the root mean square of each leaf.

    $$u = \frac{g}{\max(1, \mathrm{RMS}(g) / d)}, \qquad \mathrm{RMS}(g) = \sqrt{\tfrac1n \sum_i |g_i|^2}$$

    where $d$ is `threshold`. A leaf whose root mean square is infinite or NaN becomes NaN.

    **State**: none.

    **Reference**: Shazeer and Stern (2018), *Adafactor: Adaptive Learning Rates with Sublinear Memory
    Cost*, arXiv:1804.04235, section 6 (update clipping).

    >>> import jax.numpy as jnp
    >>> tx = clip_by_block_rms(1.0)
    >>> tx.update(jnp.array([1.0, 7.0]), tx.init(jnp.zeros(2)))[0]
    Array([0.2, 1.4], dtype=float32)
    """

    threshold: Number = hyperparameter(above=0.0, doc="the greatest root mean square of a leaf")

    def leaf(self, g: Array) -> Array:
        return g * shortening(root_mean_square(g), self.threshold)
