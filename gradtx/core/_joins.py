"""Joins: every branch gets the same incoming updates, and one function combines the results."""

import operator
from functools import reduce
from typing import Any

from jax import Array

from gradtx.arithmetic import quotient
from gradtx.core._annotations import OptState, Params, Updates
from gradtx.core._chain import as_transformations
from gradtx.core._fields import hyperparameter, nested
from gradtx.core._schedule import Number
from gradtx.core._transformation import GradientTransformation
from gradtx.core._wrapper import Wrapper
from gradtx.tree import map_leaves, match, spelled

Branches = tuple[GradientTransformation, ...]


class add(Wrapper):
    r"""The sum of the updates of its branches: $u = \sum_i T_i(g)$.

    **State**: a tuple with the state of each branch. The sum is taken, and stays, in at least float32.

    >>> import jax.numpy as jnp
    >>> from gradtx import identity, scale
    >>> tx = add(identity(), scale(2.0))
    >>> tx.update(jnp.array(1.0), tx.init(jnp.array(0.0)))[0]
    Array(3., dtype=float32)
    """

    branches: Branches = nested(as_transformations, state="*", doc=r"the transformations $T_i$")

    def __init__(self, *branches: Any):
        if not branches:
            raise ValueError("add: give at least one transformation.")
        self.__dict__["branches"] = branches
        self.__post_init__()

    def apply(
        self, updates: Updates, state: OptState, params: Params = None, **extra: Any
    ) -> tuple[Updates, OptState]:
        (first, *rest), state = _run(self, updates, state, params, extra)
        others = {f"branch {index}": tree for index, tree in enumerate(rest, start=1)}
        return map_leaves(_sum, first, **others), state

    def expression(self) -> str:
        return f"add({', '.join(map(spelled, self.branches))})"


class subtract(Wrapper):
    r"""The difference of the updates of its two branches: $u = L(g) - R(g)$.

    **State**: the pair of the branches' states. The difference is taken, and stays, in at least float32.

    >>> import jax.numpy as jnp
    >>> from gradtx import identity, scale
    >>> tx = subtract(identity(), scale(0.25))
    >>> tx.update(jnp.array(1.0), tx.init(jnp.array(0.0)))[0]
    Array(0.75, dtype=float32)
    """

    left: GradientTransformation = nested(state="0", doc="the minuend $L$")
    right: GradientTransformation = nested(state="1", doc="the subtrahend $R$")

    def apply(
        self, updates: Updates, state: OptState, params: Params = None, **extra: Any
    ) -> tuple[Updates, OptState]:
        (left, right), state = _run(self, updates, state, params, extra)
        return map_leaves(operator.sub, left, right=right), state


class multiply(Wrapper):
    r"""The product of the updates of its two branches: $u = L(g) \cdot R(g)$, element by element.

    **State**: the pair of the branches' states. The product is taken, and stays, in at least float32.

    >>> import jax.numpy as jnp
    >>> from gradtx import identity, scale
    >>> tx = multiply(identity(), scale(3.0))
    >>> tx.update(jnp.array(2.0), tx.init(jnp.array(0.0)))[0]
    Array(12., dtype=float32)
    """

    left: GradientTransformation = nested(state="0", doc="the first factor $L$")
    right: GradientTransformation = nested(state="1", doc="the second factor $R$")

    def apply(
        self, updates: Updates, state: OptState, params: Params = None, **extra: Any
    ) -> tuple[Updates, OptState]:
        (left, right), state = _run(self, updates, state, params, extra)
        return map_leaves(operator.mul, left, right=right), state


class divide(Wrapper):
    r"""The quotient of the updates of its two branches: $u = N(g) / (D(g) + \epsilon)$.

    The quotient is 0 where the denominator is 0.

    **State**: the pair of the branches' states. The quotient is taken, and stays, in at least float32.

    >>> import jax.numpy as jnp
    >>> from gradtx import identity, square
    >>> tx = divide(identity(), square(), eps=1.0)
    >>> tx.update(jnp.array(3.0), tx.init(jnp.array(0.0)))[0]
    Array(0.3, dtype=float32)
    """

    numerator: GradientTransformation = nested(state="0", doc="$N$")
    denominator: GradientTransformation = nested(state="1", doc="$D$")
    eps: Number = hyperparameter(default=0.0, low=0.0, doc=r"$\epsilon$, added to the denominator")

    def apply(
        self, updates: Updates, state: OptState, params: Params = None, **extra: Any
    ) -> tuple[Updates, OptState]:
        (top, bottom), state = _run(self, updates, state, params, extra)
        return map_leaves(_quotient, top, denominator=bottom, numbers=(self.eps,)), state


def _run(
    join: Wrapper, updates: Updates, state: OptState, params: Params, extra: dict[str, Any]
) -> tuple[list[Updates], tuple[OptState, ...]]:
    """The updates of each branch for the same incoming updates, and the next states.

    Raises:
      TreeMismatchError: where a leaf has an update in one branch and none in another.
    """
    results = [join.update_part(part, updates, old, params, **extra) for _, part, old in join.parts(state)]
    joined = [tree for tree, _ in results]
    for index, tree in enumerate(joined[1:], start=1):
        match(joined[0], **{f"branch {index}": tree})
        match(tree, **{"branch 0": joined[0]})
    return joined, tuple(new for _, new in results)


def _sum(*arrays: Array) -> Array:
    return reduce(operator.add, arrays)


def _quotient(numerator: Array, denominator: Array, eps: Array) -> Array:
    return quotient(numerator, denominator + eps)
