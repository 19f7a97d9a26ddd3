"""Partitioning: each leaf belongs to one group, and each group has its own transformation."""

from collections.abc import Hashable, Iterator, Mapping
from typing import Any, NamedTuple

import jax

from gradtx.core import (
    Finding,
    GradientTransformation,
    OptState,
    Params,
    all_in,
    as_transformations,
    checks_keywords,
    nested,
    static,
)
from gradtx.rules import set_to_zero
from gradtx.selection import Labels, Mask, Selection, as_labels, asks_for_parameters, by_mask
from gradtx.tree import outline, spelled
from gradtx.wrappers._groups import Grouped
from gradtx.wrappers._masked import MaskedState


class PartitionState(NamedTuple):
    """The states of the groups by label, each a `MaskedState`."""

    inner_states: dict[Any, MaskedState]


MultiTransformState = PartitionState


class partition(Grouped, state=PartitionState):
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
        needs={"params": asks_for_parameters},
        doc=(
            r"the labels $\ell$: a tree of labels or a prefix of one, or a function from parameters to it, "
            'such as `by_path({"embed|head": "adam", ".*": "muon"})`. A function sees the shapes and dtypes '
            "of the parameters, never the updates: with one that is not `by_path`, `update` needs `params`"
        ),
    )

    def __init__(
        self,
        transforms: Mapping[Any, Any],
        param_labels: Labels,
        *,
        mask_compatible_extra_args: bool = True,
    ):
        if not isinstance(transforms, Mapping):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise TypeError(
                f"partition: give a dictionary from label to transformation, got {outline(transforms)}."
            )
        try:
            sorted(transforms)
        except TypeError:
            raise TypeError(
                "partition: labels are the keys of a dictionary in the state, and must be of one kind that "
                f"can be ordered, got {', '.join(map(repr, transforms))}."
            ) from None
        self.__dict__.update(
            labels=tuple(transforms),
            transformations=tuple(transforms.values()),
            param_labels=param_labels,
            mask_compatible_extra_args=mask_compatible_extra_args,
        )
        self.__post_init__()

    @property
    def by_label(self) -> Mapping[Any, GradientTransformation]:
        return dict(zip(self.labels, self.transformations, strict=True))

    def groups(self, params: Params) -> Selection:
        """The group of each leaf of `params`."""
        types = {(type(label), label) for label in self.labels}  # `True` is not 1
        return Selection(
            self.param_labels,
            params,
            valid=lambda label: (type(label), label) in types,
            name="partition: param_labels",
            allowed=" or ".join(map(repr, self.labels)),
        )

    def joined(self, states: dict[Any, OptState]) -> PartitionState:
        return PartitionState({label: MaskedState(state) for label, state in states.items()})

    def warnings(self, params: Params) -> Iterator[Finding]:
        for (path, tx, own), label in zip(self.parts_with(params), self.labels, strict=True):
            if params is not None and not jax.tree.leaves(own):
                text, remedy = f"no leaf has the label {label!r}.", "Remove the group, or correct the labels."
                yield Finding("empty-group", path, text, remedy)
            for part in all_in(tx):
                if part.couples_leaves:
                    text = f"{type(part).__name__} in {label!r} sees the leaves of this group alone."
                    remedy = "For one of all leaves, put it outside of the partition."
                    yield Finding("one-group-alone", path, text, remedy)

    def selections(self, params: Params) -> Iterator[tuple[str, Any]]:
        yield "group", jax.tree.map(repr, self.groups(params).over(params))

    def expression(self) -> str:
        last = "" if self.mask_compatible_extra_args else ", mask_compatible_extra_args=False"
        return f"partition({spelled(self.by_label)}, {spelled(self.param_labels)}{last})"


multi_transform = partition


@checks_keywords
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
