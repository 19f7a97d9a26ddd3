"""Partitioning: each leaf belongs to one group, and each group has its own transformation."""

from collections.abc import Hashable, Iterable, Iterator, Mapping
from functools import cached_property
from typing import Any, NamedTuple

import jax

from gradtx.core import (
    GradientTransformation,
    Params,
    Updates,
    Wrapper,
    all_in,
    as_transformations,
    nested,
    static,
)
from gradtx.selection import Labels, Mask, as_labels, asks_for_parameters, by_mask
from gradtx.transforms import set_to_zero
from gradtx.tree import spelled
from gradtx.wrappers._groups import Groups
from gradtx.wrappers._masked import MaskedState


class PartitionState(NamedTuple):
    """The states of the groups by label, each a `MaskedState`."""

    inner_states: dict[Any, MaskedState]


MultiTransformState = PartitionState


class partition(Wrapper, state=PartitionState):
    r"""Gives each leaf to the transformation of its group.

    $$u_i = T_{\ell(i)}(g)_i$$

    Each transformation sees a model of its own leaves alone, as in `masked`. A measure over all leaves
    becomes one over the group: `clip_by_global_norm` in a group clips by the norm of that group, and belongs
    before the partition for one norm of the whole model; `summary` warns of it.

    `leaf_table(tx, params)` shows the group of each leaf. A transformation may have no leaf, so that one
    optimizer serves several models; the table and `summary` name such a group.

    Args:
      transforms: the transformation of each label, a dictionary.

    **State**: `PartitionState(inner_states)`, a dictionary from label to `MaskedState`.

    **Raises** `ValueError` for a leaf without a label, or with one that has no transformation, naming both;
    `TypeError` at construction for labels that cannot be hashed or ordered.

    >>> import jax.numpy as jnp
    >>> from gradtx import by_path, scale, sign
    >>> tx = partition({"plain": scale(-1.0), "sign": sign()}, by_path({"bias": "plain", ".*": "sign"}))
    >>> params = {"kernel": jnp.array([3.0, -2.0]), "bias": jnp.array([4.0])}
    >>> tx.update(params, tx.init(params))[0]
    {'bias': Array([-4.], dtype=float32), 'kernel': Array([ 1., -1.], dtype=float32)}
    """

    labels: tuple[Hashable, ...] = static(doc="the label of each group")
    transformations: tuple[GradientTransformation, ...] = nested(
        as_transformations,
        state="inner_states.*.inner_state",
        keys="labels",
        doc="the transformation of each group",
    )
    param_labels: Labels = static(
        convert=as_labels,
        doc=(
            r"the labels $\ell$: a tree of labels or a prefix of one, or a function from parameters to it, "
            'such as `by_path({"embed|head": "adam", ".*": "muon"})`. A function sees the shapes and dtypes '
            "of the parameters, never the updates: with one that is not `by_path`, `update` needs `params`"
        ),
    )
    mask_compatible_extra_args: bool = static(
        default=True,
        kw_only=True,
        doc="whether the extra arguments are restricted to the group, as in `masked`",
    )

    def __init__(
        self,
        transforms: Mapping[Any, Any],
        param_labels: Labels,
        *,
        mask_compatible_extra_args: bool = True,
    ):
        if not isinstance(transforms, Mapping):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise TypeError(f"partition: give a dictionary from label to transformation, got {transforms!r}.")
        try:
            sorted(transforms)
        except TypeError:
            raise TypeError(
                "partition: labels are the keys of a dictionary in the state, and must be of one kind that "
                f"can be ordered, got {', '.join(map(repr, transforms))}."
            ) from None
        self.__dict__["labels"] = tuple(transforms)
        self.__dict__["transformations"] = tuple(transforms.values())
        self.__dict__["param_labels"] = param_labels
        self.__dict__["mask_compatible_extra_args"] = mask_compatible_extra_args
        self.__post_init__()

    @cached_property
    def needs(self) -> frozenset[str]:
        return super().needs | ({"params"} if asks_for_parameters(self.param_labels) else set())

    def init(self, params: Params) -> PartitionState:
        groups = self.groups(params)
        return PartitionState(
            {label: MaskedState(tx.init(groups.only(params, label))) for label, tx in self._labelled()}
        )

    def apply(
        self, updates: Updates, state: PartitionState, params: Params = None, **extra: Any
    ) -> tuple[Updates, PartitionState]:
        groups = self.groups(updates if params is None else params)
        inner_states: dict[Any, MaskedState] = {}
        for label, (_, tx, old) in zip(self.labels, self.parts(state), strict=True):
            updates, inner = groups.update(label, tx, updates, old, params, extra)
            inner_states[label] = MaskedState(inner)
        return updates, PartitionState(inner_states)

    def _narrowed_by_leaf(self, changed: Updates, updates: Updates, params: Params) -> Updates:
        groups = self.groups(updates if params is None else params)
        return groups.narrowed(dict(self._labelled()), changed, updates, params)

    def evaluation_params(self, state: PartitionState, params: Params) -> Params:
        groups = self.groups(params)
        for label, (_, tx, part_state) in zip(self.labels, self.parts(state), strict=True):
            params = groups.evaluation_params(label, tx, part_state, params)
        return params

    def groups(self, params: Params) -> Groups:
        """The groups of the leaves of `params`."""
        return Groups(
            self.param_labels,
            self.labels,
            params,
            name="partition: param_labels",
            restricts_extra=self.mask_compatible_extra_args,
        )

    def warnings(self, params: Params) -> Iterator[str]:
        groups = self.groups(params)
        for label, tx in self._labelled():
            own = groups.only(params, label)
            if not jax.tree.leaves(own):
                yield f"partition: no leaf has the label {label!r}."
            for part in all_in(tx):
                if part.couples_leaves:
                    name = type(part).__name__
                    yield f"partition: {name} in {label!r} sees the leaves of this group alone."
            yield from tx.warnings(own)

    def _labelled(self) -> Iterable[tuple[Any, GradientTransformation]]:
        return zip(self.labels, self.transformations, strict=True)

    def __repr__(self) -> str:
        transforms = ", ".join(f"{label!r}: {tx!r}" for label, tx in self._labelled())
        last = "" if self.mask_compatible_extra_args else ", mask_compatible_extra_args=False"
        return f"partition({{{transforms}}}, {spelled(self.param_labels)}{last})"


multi_transform = partition


def selective_transform(optimizer: Any, *, freeze_mask: Mask) -> GradientTransformation:
    """An optimizer of the leaves that are not frozen. The updates of frozen leaves are zero.

    Frozen leaves have no state, no weight decay, and no part in a norm inside `optimizer`. Inside `jax.jit`
    their gradients are not computed either, unless an earlier transformation reads them. It is a `partition`.

    Args:
      optimizer: the transformation of the leaves that train.
      freeze_mask: true means *frozen*; a tree of booleans or a prefix of one, or a function from parameters
        to it, such as `by_path({"head": False, ".*": True})`.

    **State**: the state of `partition`, with the labels `"train"` and `"freeze"`.

    >>> import jax.numpy as jnp
    >>> from gradtx import sgd
    >>> tx = selective_transform(sgd(0.5), freeze_mask={"head": False, "body": True})
    >>> params = {"head": jnp.ones(1), "body": jnp.ones(1)}
    >>> tx.update(params, tx.init(params), params)[0]
    {'body': Array([0.], dtype=float32), 'head': Array([-0.5], dtype=float32)}
    """
    return partition({"train": optimizer, "freeze": set_to_zero()}, by_mask(freeze_mask, "freeze", "train"))
