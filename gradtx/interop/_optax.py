"""Transformations in Optax chains and wrappers."""

from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp

from gradtx.core import GradientTransformation, OptState, Params, Updates, as_transformation

if TYPE_CHECKING:
    import optax


def to_optax(tx: GradientTransformation) -> "optax.GradientTransformationExtraArgs":
    """`tx` as an object of Optax's own type, with extra arguments and updates in the dtypes of the gradients.

    An Optax chain accepts a transformation of gradtx directly. This form is necessary in two cases. Optax
    passes extra arguments (`value=`, `grad=`, ...) to objects of its own type alone. And wrappers such as
    `optax.apply_if_finite` require updates in the dtypes of the gradients, while gradtx returns them in the
    precision of the parameters.

    **State**: that of `tx`.

    Args:
      tx: a transformation.

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

    def update(
        updates: Updates, state: OptState, params: Params = None, **extra: Any
    ) -> tuple[Updates, OptState]:
        transformed, state = inner.update(updates, state, params, **extra)
        return jax.tree.map(_in_dtype_of, updates, transformed), state

    return optax.GradientTransformationExtraArgs(inner.init, update)


def _in_dtype_of(old: Any, new: Any) -> Any:
    dtype = jnp.result_type(old)
    return new if jnp.result_type(new) == dtype else jnp.asarray(new, dtype)
