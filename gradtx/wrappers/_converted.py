"""Wrappers whose nested transformation sees all leaves in another form."""

from collections.abc import Sequence
from typing import Any

import jax

from gradtx.core import GradientTransformation, OptState, Params, Updates, Wrapper
from gradtx.tree import abstract, narrowed
from gradtx.wrappers._seen import seen


class Converted(Wrapper, abstract=True):
    """A wrapper of one transformation that sees updates, parameters and extra arguments converted."""

    def inward(self, tree: Any) -> Any:
        """A tree as the nested transformation sees it."""
        raise NotImplementedError

    def outward(self, converted: Any, like: Any) -> Any:
        """The inverse, for the structure of `like`, whose non-differentiable leaves it takes."""
        raise NotImplementedError

    def own(self, inner: OptState) -> OptState:
        """The state with the state of the nested transformation."""
        raise NotImplementedError

    def init(self, params: Params) -> OptState:
        return self.own(self.nested[0].init(self.inward(params)))

    def apply(
        self, updates: Updates, state: OptState, params: Params = None, **extra: Any
    ) -> tuple[Updates, OptState]:
        ((_, tx, old),) = self.parts(state)

        def back(converted: Any) -> Any:
            return self.outward(converted, params)

        seen_extra = {name: seen(x, updates, params, self.inward, back) for name, x in extra.items()}
        seen_params = None if params is None else self.inward(params)
        changed, new = self.update_part(tx, self.inward(updates), old, seen_params, **seen_extra)
        return self.outward(changed, updates), self.own(new)

    def parts_with(self, params: Params) -> Sequence[tuple[str, GradientTransformation, Params]]:
        shapes = None if params is None else jax.eval_shape(self.inward, abstract(params))
        return [("", self.nested[0], shapes)]

    def evaluation_params(self, state: OptState, params: Params) -> Params:
        ((_, tx, own),) = self.parts(state)
        return narrowed(self.outward(tx.evaluation_params(own, self.inward(params)), params), params)
