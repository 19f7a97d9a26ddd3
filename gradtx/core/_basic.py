"""The identity, and plain functions of the updates as transformations."""

from collections.abc import Callable
from typing import Any

import jax

from gradtx.core._annotations import Params, Updates
from gradtx.core._counted import EmptyState
from gradtx.core._fields import static
from gradtx.core._transformation import GradientTransformation
from gradtx.tree import is_inexact, is_placeholder


def init_empty_state(params: Params) -> EmptyState:
    """The `init` of a `GradientTransformation(init, update)` without state.

    Args:
      params: the parameters, which it does not read.
    """
    return EmptyState()


class identity(GradientTransformation):
    """Returns the updates unchanged.

    >>> identity().update(1.0, identity().init(0.0))
    (1.0, EmptyState())
    """

    def apply(
        self, updates: Updates, state: EmptyState, params: Params = None, **extra: Any
    ) -> tuple[Updates, EmptyState]:
        return updates, state


class stateless(GradientTransformation, check=None):
    """A function of whole trees as a transformation.

    >>> import jax
    >>> halve = stateless(lambda updates, params: jax.tree.map(lambda g: g / 2, updates))
    >>> halve.update({"w": 3.0}, halve.init({"w": 0.0}))[0]
    {'w': 1.5}
    """

    f: Callable[[Updates, Params], Updates] = static(doc="the function `f(updates, params) -> updates`")

    def apply(
        self, updates: Updates, state: EmptyState, params: Params = None, **extra: Any
    ) -> tuple[Updates, EmptyState]:
        return self.f(updates, params), state

    def update_sign(self) -> int:
        return 0  # the function may do anything


class stateless_with_tree_map(GradientTransformation):
    """A function of one leaf as a transformation of every leaf.

    Non-differentiable leaves (`None`, integers, `float0`) pass through.

    >>> tx = stateless_with_tree_map(lambda g, p: g + p)
    >>> tx.update({"w": 1.0}, tx.init({"w": 2.0}), {"w": 2.0})[0]
    {'w': 3.0}
    """

    f: Callable[[Any, Any], Any] = static(
        doc="the function `f(update, param) -> update`; `param` is `None` where `update` gets no parameters"
    )

    def apply(
        self, updates: Updates, state: EmptyState, params: Params = None, **extra: Any
    ) -> tuple[Updates, EmptyState]:
        trees = (updates,) if params is None else (updates, params)

        def apply(update: Any, param: Any = None) -> Any:
            return self.f(update, param) if is_inexact(update) else update

        return jax.tree.map(apply, *trees, is_leaf=is_placeholder), state

    update_sign = stateless.update_sign
