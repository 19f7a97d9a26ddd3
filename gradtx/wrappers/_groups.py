"""Groups of leaves, each with a transformation of its own."""

from collections.abc import Callable, Hashable, Mapping, Sequence
from functools import wraps
from typing import Any, ClassVar

import jax
from jax.tree_util import Partial

from gradtx.core import GradientTransformation, OptState, Params, Updates, Wrapper, identity, static
from gradtx.selection import Selection
from gradtx.tree import is_function, is_placeholder, match


class Grouped(Wrapper, abstract=True):
    """A wrapper of transformations that each see a model of the leaves of one group alone."""

    mask_compatible_extra_args: bool = static(
        default=True,
        kw_only=True,
        doc=(
            "whether the extra arguments are masked too. Optax does so on request alone: there the inner "
            "transformation measures `grad` over the leaves of the whole model"
        ),
    )

    passing: ClassVar[tuple[Any, ...]] = ()
    """The labels of leaves that pass unchanged."""

    def groups(self, params: Params) -> Selection:
        """The groups of the leaves of `params`."""
        raise NotImplementedError

    @property
    def by_label(self) -> Mapping[Any, GradientTransformation]:
        """The transformation of each group, in the order of `parts`."""
        raise NotImplementedError

    def joined(self, states: dict[Any, OptState]) -> OptState:
        """The state with these states of the groups."""
        raise NotImplementedError

    def init(self, params: Params) -> OptState:
        groups = self.groups(params)
        return self.joined(
            {label: tx.init(groups.only(params, label)) for label, tx in self.by_label.items()}
        )

    def apply(
        self, updates: Updates, state: OptState, params: Params = None, **extra: Any
    ) -> tuple[Updates, OptState]:
        groups = self.groups(updates if params is None else params)
        if params is not None:  # a lifted transformation checks nothing
            for label in self.passing:
                match(groups.only(updates, label), params=groups.only(params, label))
        states: dict[Any, OptState] = {}
        for label, (_, tx, old) in zip(self.by_label, self.parts(state), strict=True):
            own, own_extra = groups.only(updates, label), extra
            if self.mask_compatible_extra_args:
                own_extra = {name: _only(x, groups, label, updates, params) for name, x in extra.items()}
            changed, states[label] = self.update_part(tx, own, old, groups.only(params, label), **own_extra)
            updates = groups.merged(updates, changed, label)
        return updates, self.joined(states)

    def parts_with(self, params: Params) -> Sequence[tuple[str, GradientTransformation, Params]]:
        groups = None if params is None else self.groups(params)
        return [
            (path, tx, None if groups is None else groups.only(params, label))
            for (path, tx, _), label in zip(super().parts_with(params), self.by_label, strict=True)
        ]

    def _narrowed_by_leaf(self, changed: Updates, updates: Updates, params: Params) -> Updates:
        groups = self.groups(updates if params is None else params)
        for label, tx in {**self.by_label, **dict.fromkeys(self.passing, identity())}.items():
            own = (groups.only(tree, label) for tree in (changed, updates, params))
            changed = groups.merged(changed, tx._narrowed(*own), label)
        return changed

    def evaluation_params(self, state: OptState, params: Params) -> Params:
        groups = self.groups(params)
        for label, (_, tx, own) in zip(self.by_label, self.parts(state), strict=True):
            evaluated = tx.evaluation_params(own, groups.only(params, label))
            params = groups.merged(params, evaluated, label)
        return params


def _only(value: Any, groups: Selection, label: Hashable, updates: Updates, params: Params) -> Any:
    """An extra argument, restricted to one group."""
    if _corresponds(value, updates):
        return groups.only(value, label)
    if params is not None and (is_function(value) or isinstance(value, Partial)):
        return _of_group(value, groups, label, params)
    return value


def _of_group(
    function: Callable[..., Any], groups: Selection, label: Hashable, params: Params
) -> Callable[..., Any]:
    """A function of the parameters as one of those of a group, with the current values of the others."""

    @wraps(function)
    def of_group(own: Any, *args: Any, **kwargs: Any) -> Any:
        if _structure(own) != _structure(params):
            return function(own, *args, **kwargs)
        result = function(groups.merged(params, own, label), *args, **kwargs)
        return groups.only(result, label) if _corresponds(result, params) else result

    return of_group


def _structure(tree: Any) -> Any:
    return jax.tree.structure(tree, is_leaf=is_placeholder)


def _corresponds(tree: Any, updates: Any) -> bool:
    """Whether `tree` has the structure of the updates; a lone array never corresponds."""
    structure = _structure(updates)
    return not jax.tree_util.treedef_is_leaf(structure) and _structure(tree) == structure
