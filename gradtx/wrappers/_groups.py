"""Groups of leaves, each with a transformation of its own."""

from collections.abc import Hashable, Mapping, Sequence
from typing import Any, ClassVar

from gradtx.core import GradientTransformation, OptState, Params, Updates, Wrapper, identity, static
from gradtx.selection import Selection
from gradtx.tree import match
from gradtx.wrappers._seen import seen


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
    """An extra argument, restricted to one group; a function has the current values of the others."""
    return seen(
        value,
        updates,
        params,
        lambda tree: groups.only(tree, label),
        lambda own: groups.merged(params, own, label),
    )
