"""Joins: every branch gets the same incoming updates, and one kernel joins what the branches return."""

from collections.abc import Iterable
from functools import reduce
from operator import add as plus
from typing import Any

import jax
import jax.numpy as jnp

from gradtx.core.combine import as_transformations
from gradtx.core.schedule import ScalarOrSchedule
from gradtx.core.transformation import GradientTransformation, as_transformation
from gradtx.core.value import hyperparameter, nested
from gradtx.tree import map_kernel

Branches = tuple[GradientTransformation, ...]


class add(GradientTransformation):
    r"""The sum of what its branches return: $u = \sum_i T_i(g)$.

    **State**: a tuple with the state of each branch. The sum is taken, and stays, in at least float32.

    >>> import jax.numpy as jnp
    >>> from gradtx import identity, scale
    >>> tx = add(identity(), scale(2.0))
    >>> tx.update(jnp.array(1.0), tx.init(jnp.array(0.0)))[0]
    Array(3., dtype=float32)
    """

    branches: Branches = nested(as_transformations)

    def __init__(self, *branches: Any):
        if not branches:
            raise ValueError("add: give at least one transformation.")
        self.__dict__["branches"] = branches
        self.__post_init__()

    def init(self, params: Any) -> Any:
        return tuple(branch.init(params) for branch in self.branches)

    def update(self, updates: Any, state: Any, params: Any = None, **extra: Any) -> tuple[Any, Any]:
        (first, *rest), state = _run(self.branches, updates, state, params, extra)
        others = {f"branch {index}": tree for index, tree in enumerate(rest, start=1)}
        return map_kernel(_sum, first, widen=True, **others), state

    def parts(self, state: Any) -> Iterable[tuple[str, GradientTransformation, Any]]:
        return _parts(self.branches, state)

    def __repr__(self) -> str:
        return f"add({', '.join(map(repr, self.branches))})"


class subtract(GradientTransformation):
    r"""The difference of what its two branches return: $u = L(g) - R(g)$.

    **State**: the pair of the branches' states. Taken, and left, in at least float32.

    >>> import jax.numpy as jnp
    >>> from gradtx import identity, scale
    >>> tx = subtract(identity(), scale(0.25))
    >>> tx.update(jnp.array(1.0), tx.init(jnp.array(0.0)))[0]
    Array(0.75, dtype=float32)
    """

    left: GradientTransformation = nested(as_transformation)
    right: GradientTransformation = nested(as_transformation)

    def init(self, params: Any) -> Any:
        return self.left.init(params), self.right.init(params)

    def update(self, updates: Any, state: Any, params: Any = None, **extra: Any) -> tuple[Any, Any]:
        (left, right), state = _run(self.nested, updates, state, params, extra)
        return map_kernel(_difference, left, widen=True, right=right), state

    def parts(self, state: Any) -> Iterable[tuple[str, GradientTransformation, Any]]:
        return _parts(self.nested, state)


class multiply(GradientTransformation):
    r"""The product of what its two branches return: $u = L(g) \cdot R(g)$, element by element.

    **State**: the pair of the branches' states. Taken, and left, in at least float32.

    >>> import jax.numpy as jnp
    >>> from gradtx import identity, scale
    >>> tx = multiply(identity(), scale(3.0))
    >>> tx.update(jnp.array(2.0), tx.init(jnp.array(0.0)))[0]
    Array(12., dtype=float32)
    """

    left: GradientTransformation = nested(as_transformation)
    right: GradientTransformation = nested(as_transformation)

    def init(self, params: Any) -> Any:
        return self.left.init(params), self.right.init(params)

    def update(self, updates: Any, state: Any, params: Any = None, **extra: Any) -> tuple[Any, Any]:
        (left, right), state = _run(self.nested, updates, state, params, extra)
        return map_kernel(_product, left, widen=True, right=right), state

    def parts(self, state: Any) -> Iterable[tuple[str, GradientTransformation, Any]]:
        return _parts(self.nested, state)


class divide(GradientTransformation):
    r"""The quotient of what its two branches return: $u = N(g) / (D(g) + \epsilon)$, with 0/0 = 0.

    **State**: the pair of the branches' states. Taken, and left, in at least float32.

    >>> import jax.numpy as jnp
    >>> from gradtx import identity, square
    >>> tx = divide(identity(), square(), eps=1.0)
    >>> tx.update(jnp.array(3.0), tx.init(jnp.array(0.0)))[0]
    Array(0.3, dtype=float32)
    """

    numerator: GradientTransformation = nested(as_transformation)
    denominator: GradientTransformation = nested(as_transformation)
    eps: ScalarOrSchedule = hyperparameter(default=0.0, low=0.0)

    def init(self, params: Any) -> Any:
        return self.numerator.init(params), self.denominator.init(params)

    def update(self, updates: Any, state: Any, params: Any = None, **extra: Any) -> tuple[Any, Any]:
        (top, bottom), state = _run(self.nested, updates, state, params, extra)
        return map_kernel(_quotient, top, widen=True, denominator=bottom, scalars=(self.eps,)), state

    def parts(self, state: Any) -> Iterable[tuple[str, GradientTransformation, Any]]:
        return _parts(self.nested, state)


def _run(
    branches: Branches, updates: Any, state: Any, params: Any, extra: dict[str, Any]
) -> tuple[list[Any], tuple[Any, ...]]:
    """What each branch makes of the same updates, and their next states."""
    results = [
        branch.update(updates, old, params, **extra) for branch, old in zip(branches, state, strict=True)
    ]
    return [joined for joined, _ in results], tuple(new for _, new in results)


def _parts(branches: Branches, state: Any) -> Iterable[tuple[str, GradientTransformation, Any]]:
    for index, (branch, part) in enumerate(zip(branches, state, strict=True)):
        yield f"[{index}]", branch, part


def _sum(*arrays: jax.Array) -> jax.Array:
    return reduce(plus, arrays)


def _difference(left: jax.Array, right: jax.Array) -> jax.Array:
    return left - right


def _product(left: jax.Array, right: jax.Array) -> jax.Array:
    return left * right


def _quotient(numerator: jax.Array, denominator: jax.Array, eps: jax.Array) -> jax.Array:
    denominator = denominator + eps
    both_zero = (numerator == 0) & (denominator == 0)
    return numerator / jnp.where(both_zero, jnp.ones_like(denominator), denominator)
