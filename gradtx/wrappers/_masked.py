"""Masking: a transformation of some of the leaves."""

from collections.abc import Iterator
from functools import cached_property
from typing import Any, NamedTuple

import jax

from gradtx.core import (
    GradientTransformation,
    OptState,
    Params,
    Updates,
    Wrapper,
    as_transformation,
    identity,
    nested,
    static,
)
from gradtx.selection import Mask, as_mask, asks_for_parameters
from gradtx.transforms import set_to_zero
from gradtx.tree import Frozen, match
from gradtx.wrappers._groups import Groups


class MaskedState(NamedTuple):
    """The state of the inner transformation, with a `MaskedNode` in the place of each other leaf."""

    inner_state: OptState


class masked(Wrapper, state=MaskedState):
    r"""Applies a transformation to the leaves that a mask selects. The others pass unchanged.

    $$u_i = \begin{cases} T(g)_i & \text{where } m_i \\ g_i & \text{elsewhere} \end{cases}$$

    The inner transformation sees a model of the selected leaves alone: updates, parameters, and each tree
    among the extra arguments that has the structure of the updates (`grad`, `hessian_diagonal`) have a
    `MaskedNode` in the place of every other leaf. A norm inside is a norm of the selected leaves. A function
    among the extra arguments (`obj_fn`, `grad_fn`) becomes one of the selected parameters, with the others
    fixed. Other extra arguments (`value`) arrive unchanged.

    **State**: `MaskedState(inner_state)`; leaves that are not selected have no state.

    **Raises** `ValueError` for a leaf that the mask does not cover, naming it.

    >>> import jax.numpy as jnp
    >>> from gradtx import trace
    >>> tx = masked(trace(0.5), {"kernel": True, "bias": False})
    >>> tx.init({"kernel": jnp.zeros(2), "bias": jnp.zeros(1)})
    MaskedState(inner_state=TraceState(trace={'bias': MaskedNode(),
                                              'kernel': Array([0., 0.], dtype=float32)}))
    """

    inner: GradientTransformation = nested(
        as_transformation, state="inner_state", doc="the transformation $T$ of the selected leaves"
    )
    mask: Mask = static(
        convert=as_mask,
        doc=(
            "the mask $m$: a tree of booleans or a prefix of one, or a function from parameters to it, such "
            'as `by_path({"bias|norm": False, ".*": True})` or `except_bias_norm_embedding`. A function sees '
            "the shapes and dtypes of the parameters, never the updates: with one that is not `by_path`, "
            "`update` needs `params`. `None` selects everything"
        ),
    )
    mask_compatible_extra_args: bool = static(
        default=True,
        kw_only=True,
        doc=(
            "whether the extra arguments are masked too. Optax does so on request alone: there the inner "
            "transformation measures `grad` over the leaves of the whole model"
        ),
    )

    @cached_property
    def needs(self) -> frozenset[str]:
        return super().needs | ({"params"} if asks_for_parameters(self.mask) else set())

    def init(self, params: Params) -> MaskedState:
        return MaskedState(self.inner.init(self.groups(params).only(params, True)))

    def apply(
        self, updates: Updates, state: MaskedState, params: Params = None, **extra: Any
    ) -> tuple[Updates, MaskedState]:
        groups = self.groups(updates if params is None else params)
        if params is not None:  # a lifted transformation checks nothing
            match(groups.only(updates, False), params=groups.only(params, False))
        updates, inner = groups.update(True, self.inner, updates, state.inner_state, params, extra)
        return updates, MaskedState(inner)

    def _narrowed_by_leaf(self, changed: Updates, updates: Updates, params: Params) -> Updates:
        groups = self.groups(updates if params is None else params)
        return groups.narrowed({True: self.inner, False: identity()}, changed, updates, params)

    def evaluation_params(self, state: MaskedState, params: Params) -> Params:
        return self.groups(params).evaluation_params(True, self.inner, state.inner_state, params)

    def groups(self, params: Params) -> Groups:
        """The leaves of `params` that the mask selects, and the others."""
        return Groups(
            Frozen(True) if self.mask is None else self.mask,
            (True, False),
            params,
            name="masked: mask",
            restricts_extra=self.mask_compatible_extra_args,
        )

    def warnings(self, params: Params) -> Iterator[str]:
        selected = self.groups(params).only(params, True)
        if not jax.tree.leaves(selected):
            yield f"masked: the mask selects no leaf for {type(self.inner).__name__}."
        yield from self.inner.warnings(selected)


def freeze(mask: Mask) -> masked:
    """Sets the updates of the leaves that the mask selects to zero: true means *frozen*.

    In a chain, a later transformation may move those leaves again, as weight decay does, and an earlier one
    may keep state for them. With `selective_transform` neither happens.

    Args:
      mask: a tree of booleans or a prefix of one, or a function from parameters to it, as in `masked`.

    >>> import jax.numpy as jnp
    >>> tx = freeze({"head": False, "body": True})
    >>> params = {"head": jnp.ones(1), "body": jnp.ones(1)}
    >>> tx.update(params, tx.init(params))[0]
    {'body': Array([0.], dtype=float32), 'head': Array([1.], dtype=float32)}
    """
    return masked(set_to_zero(), mask)
