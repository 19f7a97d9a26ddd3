"""Masking: a transformation of some of the leaves."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from gradtx.core import GradientTransformation, OptState, Params, checks_keywords, nested, static
from gradtx.rules import set_to_zero
from gradtx.selection import Mask, Selection, as_mask, asks_for_parameters, mask_selection
from gradtx.wrappers._groups import Grouped


class MaskedState(NamedTuple):
    """The state of the inner transformation, with a `MaskedNode` in the place of each other leaf."""

    inner_state: OptState


class masked(Grouped, state=MaskedState):
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
    >>> tx.init({"kernel": jnp.zeros(2), "bias": jnp.zeros(1)}).inner_state
    TraceState(trace={'bias': MaskedNode(), 'kernel': Array([0., 0.], dtype=float32)})
    """

    inner: GradientTransformation = nested(
        state="inner_state", doc="the transformation $T$ of the selected leaves"
    )
    mask: Mask = static(
        convert=as_mask,
        needs={"params": asks_for_parameters},
        doc=(
            "the mask $m$: a tree of booleans or a prefix of one, or a function from parameters to it, such "
            'as `by_path({"bias|norm": False, ".*": True})` or `except_bias_norm_embedding`. A function sees '
            "the shapes and dtypes of the parameters, never the updates: with one that is not `by_path`, "
            "`update` needs `params`. `None` selects everything"
        ),
    )
    passing = (False,)

    @property
    def by_label(self) -> Mapping[bool, GradientTransformation]:
        return {True: self.inner}

    def groups(self, params: Params) -> Selection:
        """The leaves of `params` that the mask selects, and the others."""
        return mask_selection(self.mask, params, "masked: mask")

    def joined(self, states: dict[Any, OptState]) -> MaskedState:
        return MaskedState(*states.values())

    def selections(self, params: Params) -> Iterator[tuple[str, Any]]:
        yield type(self.inner).__name__, self.groups(params).over(params)


@checks_keywords
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
