"""The coordinate check: how far the activations of each layer move, at several widths."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.tree_util import tree_leaves_with_path

from gradtx.core import Table
from gradtx.practice._seeds import params_of, seeds_of
from gradtx.practice._tables import number
from gradtx.practice._train import train
from gradtx.selection import path_name
from gradtx.tree import outline


class CoordinateCheck(NamedTuple):
    """The changes of the activations of each layer, one for each width; it prints as a table."""

    widths: tuple[int, ...]
    changes: Mapping[str, Any]

    @property
    def spread(self) -> dict[str, float]:
        """For each layer, the greatest change of all widths over the least one; 1 for equal ones."""
        return {name: float(np.max(own) / np.min(own)) for name, own in self.changes.items()}

    def table(self) -> Table:
        """A row for each layer, with a column for each width."""
        rows = [(name, *map(number, own), number(self.spread[name])) for name, own in self.changes.items()]
        columns = ("layer", *map(str, self.widths), "spread")
        return Table(columns, rows, right=columns[1:])

    def __repr__(self) -> str:
        return repr(self.table())

    __str__ = __repr__

    def _repr_html_(self) -> str:
        return self.table()._repr_html_()


def coordinate_check(
    make: Callable[[int], tuple[Any, Any, Any, Any]],
    widths: Sequence[int],
    *,
    steps: int = 4,
    seeds: Any = 3,
) -> CoordinateCheck:
    r"""How far a few steps move the activations of each layer, at several widths.

    $$\Delta_l(n) = \sqrt{\operatorname{mean}\,(x_l^{(T)} - x_l^{(0)})^2}$$

    over the elements of the activations $x_l$ of a layer, the first batch and the seeds, after $T$ steps at
    width $n$. With factors that fit (`width_scaling`) no layer's change grows or falls with the width: the
    spread, its greatest over its least value, is near 1. A change that grows with the width means that the
    best rate falls with it; one that falls means a layer that stops to learn.

    Args:
      make: a function from a width to `(loss_fn, params, tx, batches)`, as `train` takes them. The loss
        returns `(loss, activations)`: a dictionary of arrays, by the name of the layer.
      widths: the widths, from the narrow model to the wide one.
      steps: $T$, the number of steps.
      seeds: a number of seeds, or a list of them, for initial parameters that are a function of a key.

    Raises:
      ValueError: for fewer than two widths, and for a loss without activations.

    **Reference**: Yang et al. (2022), arXiv:2203.03466, appendix D.1 and figure 5, where the activations
    themselves are drawn. The change leaves out the first values, which fall with the width at an output.

    >>> import gradtx, jax, jax.numpy as jnp
    >>> def make(width):
    ...     def loss_fn(w, x):  # a layer of `width` inputs
    ...         return (x @ w).mean(), {"out": x @ w}
    ...     return loss_fn, jnp.zeros((width, 1)), gradtx.sgd(0.1), jnp.ones((1, 8, width))
    >>> coordinate_check(make, [8, 32], steps=1)
    layer    8   32  spread
    out    0.8  3.2       4
    """
    widths = tuple(widths)
    if len(widths) < 2:
        raise ValueError(f"coordinate_check takes two widths or more, got {outline(widths)}.")
    each = [_changes(make(width), steps, seeds) for width in widths]
    return CoordinateCheck(widths, {name: np.array([own[name] for own in each]) for name in each[0]})


def _changes(made: tuple[Any, Any, Any, Any], steps: int, seeds: Any) -> dict[str, float]:
    """The change of each layer in one model."""
    loss_fn, params, tx, batches = made
    known = seeds_of(seeds) or (0,)
    trained = train(loss_fn, params, tx, batches, steps=steps, seeds=known)
    begin, axis = params_of(params, known)
    probe = jax.tree.map(lambda x: x[0], batches)

    def activations(params: Any) -> Any:
        result = loss_fn(params, probe)
        if not isinstance(result, tuple) or not jax.tree.leaves(result[1]):
            raise ValueError("coordinate_check: the loss returns (loss, activations), a dictionary by layer.")
        return result[1]

    before = jax.vmap(activations, in_axes=(axis,), axis_size=len(known))(begin)
    after = jax.vmap(activations)(trained.params)
    changes = jax.tree.map(lambda a, b: jnp.sqrt(jnp.mean(jnp.square(a - b))), after, before)
    return {path_name(path): float(change) for path, change in tree_leaves_with_path(changes)}
