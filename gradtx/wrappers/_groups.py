"""Groups of leaves, each with a transformation of its own."""

from collections.abc import Callable, Hashable, Mapping
from functools import wraps
from typing import Any

import jax
from jax.tree_util import Partial

from gradtx.core import GradientTransformation, OptState, Params, Updates
from gradtx.selection import Selection
from gradtx.tree import Frozen, is_function, is_placeholder


class Groups(Selection):
    """The group of each leaf, in any tree that corresponds to the parameters.

    Args:
      labels: a frozen tree, or a prefix of one, or a function from parameters to it, which sees shapes
        and dtypes, never values.
      groups: the allowed labels.
      params: the parameters, or the updates for labels that depend on paths alone.
      name: the name of the labels in errors.
      restricts_extra: whether trees among the extra arguments of an update are restricted to a group.
    """

    def __init__(
        self,
        labels: Callable[[Any], Any] | Frozen,
        groups: tuple[Any, ...],
        params: Params,
        *,
        name: str,
        restricts_extra: bool = True,
    ):
        types = {(type(group), group) for group in groups}  # `True` is not 1
        super().__init__(
            labels,
            params,
            valid=lambda label: (type(label), label) in types,
            name=name,
            allowed=" or ".join(map(repr, groups)),
        )
        self._restricts_extra = restricts_extra

    def update(
        self,
        label: Hashable,
        tx: GradientTransformation,
        updates: Updates,
        state: OptState,
        params: Params,
        extra: dict[str, Any],
    ) -> tuple[Updates, OptState]:
        """The update of one group by `tx`, beside the unchanged other groups, and the next state of `tx`."""
        if self._restricts_extra:
            extra = {name: self._restricted(value, label, updates, params) for name, value in extra.items()}
        if params is not None:
            params = self.only(params, label)
        changed, state = tx._update(self.only(updates, label), state, params, **extra)
        return self.merged(updates, changed, label), state

    def narrowed(
        self,
        transformations: Mapping[Any, GradientTransformation],
        changed: Updates,
        updates: Updates,
        params: Params,
    ) -> Updates:
        """The updates `changed`, each group in the precision in which they leave its transformation."""
        for label, tx in transformations.items():
            own = [None if tree is None else self.only(tree, label) for tree in (changed, updates, params)]
            changed = self.merged(changed, tx._narrowed(*own), label)
        return changed

    def evaluation_params(
        self, label: Hashable, tx: GradientTransformation, state: OptState, params: Params
    ) -> Params:
        """The parameters with those of one group at the point where `tx` evaluates."""
        return self.merged(params, tx.evaluation_params(state, self.only(params, label)), label)

    def _restricted(self, value: Any, label: Hashable, updates: Updates, params: Params) -> Any:
        """An extra argument, restricted to one group."""
        if _corresponds(value, updates):
            return self.only(value, label)
        if params is not None and (is_function(value) or isinstance(value, Partial)):
            return self._of_group(value, label, params)
        return value

    def _of_group(self, function: Callable[..., Any], label: Hashable, params: Params) -> Callable[..., Any]:
        """A function of the parameters as one of those of a group, with the current values of the others."""

        @wraps(function)
        def of_group(own: Any, *args: Any, **kwargs: Any) -> Any:
            if _structure(own) != _structure(params):
                return function(own, *args, **kwargs)
            result = function(self.merged(params, own, label), *args, **kwargs)
            return self.only(result, label) if _corresponds(result, params) else result

        return of_group


def _structure(tree: Any) -> Any:
    return jax.tree.structure(tree, is_leaf=is_placeholder)


def _corresponds(tree: Any, updates: Any) -> bool:
    """Whether `tree` has the structure of the updates; a lone array never corresponds."""
    structure = _structure(updates)
    return not jax.tree_util.treedef_is_leaf(structure) and _structure(tree) == structure
