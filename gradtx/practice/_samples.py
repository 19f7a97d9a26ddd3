"""Measures on a fixed sample of the elements of each group of leaves."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.tree_util import tree_leaves_with_path

from gradtx.arithmetic import norm, quotient
from gradtx.core import static
from gradtx.practice._groups import top_level
from gradtx.tree import Path, is_inexact, nodes
from gradtx.wrappers import StatefulMeasure

_FLOATS = 2**16
"""The largest number of elements in one sample of all groups: a quarter of a megabyte."""

Samples = dict[str, Array]
"""The sampled elements of each group, in float32, as one vector."""


def sampled(tree: Any, most: int) -> Samples:
    """At most so many elements of each group, from all its leaves in proportion to their sizes.

    The places are drawn once, from a fixed seed, so that two trees of one structure are sampled alike.

    Args:
      tree: a tree of arrays in the structure of the parameters.
      most: the number of elements of a group; fewer where there are more than 16 groups.
    """
    labels = dict(tree_leaves_with_path(top_level(tree)))
    leaves = [(labels[path], leaf) for path, leaf in tree_leaves_with_path(tree) if is_inexact(leaf)]
    sizes: dict[str, int] = {}
    for label, leaf in leaves:
        sizes[label] = sizes.get(label, 0) + leaf.size
    most = max(1, min(most, _FLOATS // max(1, len(sizes))))
    parts: dict[str, list[Array]] = {label: [] for label in sizes}
    for label, leaf in leaves:
        count = leaf.size if sizes[label] <= most else most * leaf.size // sizes[label]
        places = np.unravel_index(_places(leaf.size, count), leaf.shape)
        parts[label].append(leaf[places].reshape(-1))
    return {label: jnp.concatenate(own).real.astype(jnp.float32) for label, own in parts.items() if own}


def _places(size: int, count: int) -> Any:
    if count >= size:
        return np.arange(size)
    return np.random.default_rng(0).integers(size, size=count)


def _zeros(tree: Any, most: int) -> Samples:
    return jax.tree.map(
        lambda x: jnp.zeros(x.shape, x.dtype), jax.eval_shape(lambda tree: sampled(tree, most), tree)
    )


class update_cosine(StatefulMeasure):
    r"""The cosine between this update and the last one, by group, on a fixed sample of the elements.

    $$c_t = \frac{\langle u_t, u_{t-1} \rangle}{\|u_t\|\,\|u_{t-1}\|}$$

    Near 1 the steps follow one direction; below 0 each undoes a part of the last one. A step without an
    update, as between those of `accumulate`, leaves the last cosine. It is 0 before there are two updates.

    >>> import jax.numpy as jnp
    >>> from gradtx import metrics, monitor
    >>> tx = monitor({"cosine": update_cosine()})
    >>> state = tx.init(jnp.zeros(2))
    >>> for g in ([1.0, 0.0], [3.0, 4.0]):
    ...     _, state = tx.update(jnp.array(g), state)
    >>> print(f"{metrics(state)['cosine']['all']:.2f}")
    0.60
    """

    sample: int = static(default=4096, low=1, doc="the largest number of elements of a group that are read")

    def init(self, *shapes: Any) -> tuple[Samples, dict[str, Array]]:
        """No last update, and no cosine."""
        zeros = _zeros(shapes[0], self.sample)
        return zeros, {label: jnp.zeros((), jnp.float32) for label in zeros}

    def step(self, memory: Any, updates: Any) -> tuple[dict[str, Array], Any]:
        """The cosines, and the update with them."""
        now = sampled(updates, self.sample)
        last, cosines = memory
        moved = {label: jnp.any(now[label] != 0) for label in now}
        cosines = {g: jnp.where(moved[g], _cosine(now[g], last[g]), cosines[g]) for g in now}
        return cosines, ({g: jnp.where(moved[g], now[g], last[g]) for g in now}, cosines)


class gradient_cosine(StatefulMeasure):
    r"""The cosine between this gradient and the last one, by group, on a fixed sample of the elements.

    With the mean gradient $G$ and the variance $S$ of a batch's gradient, its expectation is about
    $\|G\|^2 / (\|G\|^2 + S)$: the share of the gradient that is no noise.

    **Reference**: McCandlish et al. (2018), *An Empirical Model of Large-Batch Training*, arXiv:1812.06162,
    section 2.2, for the noise of a batch; there it is measured with two sizes of batches.

    >>> import jax.numpy as jnp
    >>> measure = gradient_cosine()
    >>> memory = {"all": jnp.array([1.0, 0.0])}
    >>> print(f"{measure.step(memory, jnp.array([0.0, 1.0]))[0]['all']:.2f}")
    0.00
    """

    sample: int = static(default=4096, low=1, doc="the largest number of elements of a group that are read")

    def init(self, *shapes: Any) -> Samples:
        """No last gradient."""
        return _zeros(shapes[0], self.sample)

    def step(self, memory: Any, gradients: Any) -> tuple[dict[str, Array], Any]:
        """The cosines, and the gradient."""
        now = sampled(gradients, self.sample)
        return {label: _cosine(now[label], memory[label]) for label in now}, now


def square_ratio(gradients: Any, state: Any, sample: int = 4096) -> dict[str, Array]:
    """The mean square of the gradient over that of the second moment in a state, by group, on a fixed sample.

    The second moments are the fields `nu` of the state, such as that of Adam; a group counts if they have
    every leaf of it. Far below 1 the moment is that of earlier, larger gradients, and the steps of Adam are
    too small by the root of the ratio. The moment counts without its correction, so that the ratio is large
    in the first steps.

    Args:
      gradients: the gradients.
      state: the state of the optimizer.
      sample: the largest number of elements of a group that are read.

    >>> import jax.numpy as jnp
    >>> from gradtx import metrics, monitor, scale_by_adam
    >>> tx = monitor({"ratio": square_ratio}, scale_by_adam(b2=0.75))
    >>> state = tx.update(jnp.array([2.0]), tx.init(jnp.zeros(1)))[1]
    >>> print(metrics(state)["ratio"]["all"])  # 4 over 0.25 * 4
    4.0
    """
    held, leaves = _second_moments(state), tree_leaves_with_path(gradients)
    labels = dict(tree_leaves_with_path(top_level(gradients)))
    missing = {labels[p] for p, g in leaves if p not in held or jnp.shape(held[p]) != jnp.shape(g)}
    if missing >= set(labels.values()):
        return {}
    moments = sampled(jax.tree_util.tree_map_with_path(held.get, gradients), sample)
    squares = {label: jnp.mean(x * x) for label, x in sampled(gradients, sample).items()}
    known = [label for label in squares if label not in missing]
    return {label: quotient(squares[label], jnp.mean(moments[label])) for label in known}


def _second_moments(state: Any) -> dict[Path, Any]:
    """The leaves of each `nu` in a state by their paths in it."""
    moments = [node.nu for _, node in nodes(state) if "nu" in getattr(node, "_fields", ())]
    return {path: leaf for nu in moments for path, leaf in tree_leaves_with_path(nu) if is_inexact(leaf)}


def _cosine(a: Array, b: Array) -> Array:
    return jnp.sum(quotient(a, norm(a)) * quotient(b, norm(b)))
