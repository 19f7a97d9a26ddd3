"""Widths: the factors with which the best learning rate of a narrow model is that of a wide one (muP)."""

import re
from collections.abc import Callable, Mapping
from math import sqrt
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.tree_util import tree_leaves_with_path

from gradtx.core import GradientTransformation, Table
from gradtx.practice._tables import number
from gradtx.selection import path_name
from gradtx.tree import did_you_mean
from gradtx.wrappers import scale_by_group

KINDS = {(False, False): "fixed", (False, True): "input", (True, False): "output", (True, True): "hidden"}
"""The kind of a leaf, by whether its inputs and its outputs grow."""

RULES: dict[str, Callable[[float, float, bool], float]] = {
    "adam": lambda inputs, outputs, hidden: 1 / inputs,
    "sgd": lambda inputs, outputs, hidden: outputs / inputs,
    "muon": lambda inputs, outputs, hidden: sqrt(outputs / inputs) if hidden else 1 / inputs,
}
"""For each optimizer the factor of the rate, of the growth of the inputs and of the outputs of a leaf."""


class Width(NamedTuple):
    """A leaf: its shapes, its kind, and the factors of its learning rate and of its first values."""

    base: tuple[int, ...]
    shape: tuple[int, ...]
    kind: str
    rate: float
    init: float


class WidthScaling(NamedTuple):
    """The factors of each leaf by its path, as `width_scaling` makes them; it prints as a table."""

    leaves: Mapping[str, Width]

    def table(self) -> Table:
        """A row for each leaf."""
        rows = [
            (path, str(own.base), str(own.shape), own.kind, number(own.rate), number(own.init))
            for path, own in self.leaves.items()
        ]
        columns = ("leaf", "base", "shape", "kind", "rate", "init")
        return Table(columns, rows, right=columns[-2:])

    def multipliers(self) -> dict[str, float]:
        """The factors of the rates for `scale_by_group`: one pattern for each number.

        Layers that differ in their number alone share a pattern, if they share their factor.
        """
        shared: dict[str, set[float]] = {}
        for path, own in self.leaves.items():
            shared.setdefault(_without_numbers(path), set()).add(own.rate)
        groups: dict[float, dict[str, None]] = {}
        for path, own in self.leaves.items():
            pattern = _without_numbers(path)
            name = pattern if len(shared[pattern]) == 1 else re.escape(path)
            groups.setdefault(own.rate, {})[name] = None
        return {f"^({'|'.join(names)})$": rate for rate, names in groups.items()}

    def scale(self) -> GradientTransformation:
        """`scale_by_group` with the factors: put it after an optimizer, or before its weight decay.

        After the optimizer it scales the decay too; before it, each step takes away the same share of the
        weights at all widths.
        """
        return scale_by_group(self.multipliers())

    def initialized(self, params: Any) -> Any:
        """Parameters with the variance of muP, of such with the usual one, the inverse of the inputs.

        Args:
          params: the initial parameters of the wide model.
        """
        factors = iter(self.leaves.values())
        return jax.tree.map(lambda leaf: next(factors).init * leaf, params)

    def __repr__(self) -> str:
        return repr(self.table())

    __str__ = __repr__

    def _repr_html_(self) -> str:
        return self.table()._repr_html_()


def width_scaling(params: Any, base_shapes: Any, rule: str = "adam") -> WidthScaling:
    r"""The factors of muP: with them the best learning rate of a narrow model stays that of a wide one.

    $$\eta_{\text{adam}} = \frac{\eta}{r}, \qquad \eta_{\text{sgd}} = \frac{s}{r}\,\eta, \qquad
      \eta_{\text{muon}} = \sqrt{\frac{s}{r}}\,\eta, \qquad \sigma = \sigma_0 \sqrt{\min(1, s / r)}$$

    for each leaf, where $r$ is the number of its inputs over that in the base model, $s$ the same of its
    outputs, $\eta$ the rate of the base model, and $\sigma_0$ the usual deviation of the first values, with
    the inverse of the number of inputs for its square. The last axis of a leaf is its outputs, all others are
    its inputs; a vector has outputs alone. A kernel of attention with an axis for heads after the inputs is
    to be reshaped to two axes.

    The rule `"muon"` is for hidden matrices with a direction of norm 1, as that of `scale_by_muon`; all other
    leaves follow Adam there. `muon(shape_scaling="spectral")` has the factor of hidden matrices already.

    Attention keeps the variance of its scores if they are divided by the width of a head, not by its root. An
    embedding that is also the output needs the logits divided by $r$.

    Args:
      params: the parameters of the wide model, or their shapes.
      base_shapes: those of the narrow model, for which the rate was found: a tree of the same structure.
      rule: `"adam"`, for all optimizers with steps of one size (AdamW, Lion, Adafactor without the scale of
        the parameters), `"sgd"`, or `"muon"`.

    Raises:
      ValueError: for another rule, for trees of two structures, and for a leaf of another number of axes.

    **Reference**: Yang et al. (2022), *Tensor Programs V: Tuning Large Neural Networks via Zero-Shot
    Hyperparameter Transfer*, arXiv:2203.03466, table 3, relative to a base width; Yang, Simon and Bernstein
    (2023), *A Spectral Condition for Feature Learning*, arXiv:2310.17813, for Muon and the first values. The
    first values of the input keep the usual deviation, and table 3 scales biases as inputs.

    >>> import jax
    >>> def shapes(width):
    ...     sizes = {"embed": (100, width), "mlp": (width, width), "head": (width, 100)}
    ...     return {name: jax.ShapeDtypeStruct(size, "float32") for name, size in sizes.items()}
    >>> width_scaling(shapes(256), shapes(64))
    leaf   base       shape       kind    rate  init
    embed  (100, 64)  (100, 256)  input      1     1
    head   (64, 100)  (256, 100)  output  0.25   0.5
    mlp    (64, 64)   (256, 256)  hidden  0.25     1
    >>> width_scaling(shapes(256), shapes(64)).multipliers()
    {'^(embed)$': 1.0, '^(head|mlp)$': 0.25}
    """
    if rule not in RULES:
        advice = did_you_mean(str(rule), RULES) or f" There are {', '.join(RULES)}."
        raise ValueError(f"width_scaling: no rule is named {rule!r}.{advice}")
    if jax.tree.structure(params) != jax.tree.structure(base_shapes):
        raise ValueError(
            "width_scaling: params and base_shapes are trees of two structures. Make both by the same "
            "function, as in jax.eval_shape(lambda: init(key, width=64))."
        )
    pairs = zip(tree_leaves_with_path(params), jax.tree.leaves(base_shapes), strict=True)
    return WidthScaling(
        {path_name(path): _width(path_name(path), leaf, base, rule) for (path, leaf), base in pairs}
    )


def _width(path: str, leaf: Any, base: Any, rule: str) -> Width:
    shape, narrow = jnp.shape(leaf), jnp.shape(base)
    if len(shape) != len(narrow) or 0 in narrow:
        raise ValueError(f"width_scaling: {path} has the shape {shape}, and in base_shapes {narrow}.")
    growth = [wide / own for wide, own in zip(shape, narrow, strict=True)]
    inputs = 1.0
    for factor in growth[:-1]:
        inputs *= factor
    outputs = growth[-1] if growth else 1.0
    kind = KINDS[inputs != 1, outputs != 1]
    return Width(
        narrow, shape, kind, RULES[rule](inputs, outputs, kind == "hidden"), sqrt(min(1.0, outputs / inputs))
    )


def _without_numbers(path: str) -> str:
    """A pattern for a path and for those that differ from it in their numbers alone.

    >>> _without_numbers("blocks/12/Dense_0/kernel")
    'blocks/[0-9]+/Dense_[0-9]+/kernel'
    """
    return re.sub("[0-9]+", "[0-9]+", re.escape(path))
