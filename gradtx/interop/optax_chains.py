"""Putting a transformation in an Optax chain."""

from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp

from gradtx.core import GradientTransformation, as_transformation

if TYPE_CHECKING:
    import optax


def to_optax(tx: GradientTransformation) -> "optax.GradientTransformationExtraArgs":
    """`tx` as an object of Optax's own type, with extra arguments and in the dtype of the gradients.

    A transformation stands in an Optax chain as it is. This form of it is for what Optax gives to its own
    types alone: extra arguments (`value=`, `grad=`, ...), which Optax drops for any other; and wrappers such
    as `optax.apply_if_finite`, which need updates of the dtype in which they came, whereas gradtx leaves
    them in at least float32 and rounds once, in `apply_updates`.

    **State**: that of `tx`.

    Raises:
      ImportError: where Optax is not installed.

    >>> import jax.numpy as jnp
    >>> from gradtx import sgd
    >>> tx = to_optax(sgd(0.5, momentum=0.9))
    >>> state = tx.init(jnp.zeros(2, jnp.bfloat16))
    >>> tx.update(jnp.ones(2, jnp.bfloat16), state, value=3.0)[0]
    Array([-0.5, -0.5], dtype=bfloat16)
    """
    try:
        import optax  # noqa: PLC0415 - Optax is optional
    except ImportError as error:
        raise ImportError("to_optax needs Optax: `pip install optax`.") from error
    inner = as_transformation(tx)

    def update(updates: Any, state: Any, params: Any = None, **extra: Any) -> tuple[Any, Any]:
        transformed, state = inner.update(updates, state, params, **extra)
        return jax.tree.map(_in_dtype_of, updates, transformed), state

    return optax.GradientTransformationExtraArgs(inner.init, update)


def _in_dtype_of(old: Any, new: Any) -> Any:
    dtype = jnp.result_type(old)
    return new if jnp.result_type(new) == dtype else jnp.asarray(new, dtype)
