"""Mapping over the parts of a state that mirror the parameters."""

from collections.abc import Callable
from typing import Any

import jax

from gradtx.formats import is_stored
from gradtx.tree._leaves import is_placeholder
from gradtx.tree._mismatch import TreeMismatchError


@jax.tree_util.register_pytree_node_class
class _Params:
    """Stands for the parameters in `init`: a tree without leaves, which `init` copies to its places."""

    def tree_flatten(self) -> tuple[tuple[()], None]:
        return (), None

    @classmethod
    def tree_unflatten(cls, data: None, children: tuple[()]) -> "_Params":
        return cls()


def map_params(
    initable: Any,
    f: Callable[..., Any],
    state: Any,
    /,
    *rest: Any,
    transform_non_params: Callable[[Any], Any] | None = None,
    is_leaf: Callable[[Any], bool] | None = None,
) -> Any:
    """`f` of every array in a state that mirrors a parameter.

    A typical use is a sharding for each array of a state, from the shardings of the parameters.

    Args:
      initable: the optimizer, of gradtx or Optax, or its `init`.
      f: a function of an array of the state, and of the leaf of each tree in `rest` at its place.
      state: the state of this optimizer, or a tree of this structure.
      *rest: trees in the structure of the parameters.
      transform_non_params: a function of every other leaf, such as a count; `None` leaves it as it is.
      is_leaf: as in `jax.tree.map`, for the trees in the structure of the parameters.

    Returns:
      The state with the results in the places of the arrays. A `MaskedNode` stays. `f` gets the codes and the
      scales of a stored array, each by itself.

    Raises:
      TreeMismatchError: for the state of another optimizer, or one whose layout depends on the shapes of the
        parameters (`scale_by_sm3`), or whose masks are trees: give a function from the parameters to a mask.

    >>> from gradtx import adam
    >>> import jax.numpy as jnp
    >>> params = {"w": jnp.ones(2)}
    >>> tx = adam(0.1)
    >>> map_params(tx, lambda leaf, name: name, tx.init(params), {"w": "split"})[0].mu
    {'w': 'split'}
    """
    init = getattr(initable, "init", initable)

    def mapped(place: Any, value: Any) -> Any:
        if not isinstance(place, _Params):
            return value if transform_non_params is None else transform_non_params(value)

        def of_leaf(leaf: Any, *others: Any) -> Any:
            if is_stored(leaf):
                return jax.tree.map(lambda array: f(array, *others), leaf)
            return leaf if is_placeholder(leaf) else f(leaf, *others)

        def ends(node: Any) -> bool:
            return is_placeholder(node) or is_stored(node) or (is_leaf is not None and is_leaf(node))

        return jax.tree.map(of_leaf, value, *rest, is_leaf=ends)

    try:
        return jax.tree.map(mapped, init(_Params()), state, is_leaf=lambda node: isinstance(node, _Params))
    except (ValueError, TypeError) as error:
        raise TreeMismatchError(
            f"map_params: the state is not one of this optimizer, or a tree in rest does not have the "
            f"structure of the parameters.\n{str(error).splitlines()[0]}"
        ) from error
