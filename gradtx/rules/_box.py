"""The box: updates after which every parameter lies between two bounds."""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from gradtx.arithmetic import rounded_within
from gradtx.core import (
    GradientTransformation,
    Number,
    OptState,
    Params,
    Updates,
    checks_keywords,
    hyperparameter,
)
from gradtx.tree import is_inexact, leaf_options, map_leaves


class project_box(GradientTransformation, needs=("params",)):
    r"""Keeps every parameter between two bounds.

    $$u = \min(\max(\theta + g, l), h) - \theta$$

    where $l$ is `lower` and $h$ is `upper`. It stands last in a chain, where the updates are steps. The
    bounds of a complex parameter hold for its real and for its imaginary part.

    The sum with the parameters, rounded to their dtype, lies in the box too: the step is a number of that
    dtype, and where the nearest one would lead out of the box, the next one towards its inside. In 16 bits
    a parameter may therefore reach a bound in two steps. The bounds count as rounded to the dtype of the
    parameter. Only a box that is narrower than the rounding of the step can be missed.

    **State**: none; with a scheduled bound, its count.

    **Raises** `ValueError` for a lower bound above the upper one: at construction, and after a `replace` in
    `init` and `update`. If they are traced, the upper bound holds.

    >>> import jax.numpy as jnp
    >>> tx = project_box(lower=0.0, upper=1.0)
    >>> params = jnp.array([0.5, 0.5, 0.5])
    >>> params + tx.update(jnp.array([-2.0, 0.25, 2.0]), tx.init(params), params)[0]
    Array([0.  , 0.75, 1.  ], dtype=float32)
    """

    lower: Number = hyperparameter(default=-float("inf"), doc="$l$, the least value of a parameter")
    upper: Number = hyperparameter(default=float("inf"), doc="$h$, the greatest value of a parameter")

    def validate(self) -> None:
        known = [bound for bound in (self.lower, self.upper) if isinstance(bound, float | np.floating)]
        if known != sorted(known, key=float):
            raise ValueError(f"project_box: lower must be at most upper, got {self.lower} and {self.upper}.")

    def apply(
        self, updates: Updates, state: OptState, params: Params = None, **extra: Any
    ) -> tuple[Updates, OptState]:
        updates = map_leaves(
            _in_precision,
            updates,
            params=params,
            numbers=(self.lower, self.upper),
            options=[_precision(*param) for param in leaf_options(updates, params)],
        )
        return updates, state


@checks_keywords
def keep_params_nonnegative() -> project_box:
    """Keeps every parameter at 0 or above: `project_box(lower=0.0)`.

    >>> import jax.numpy as jnp
    >>> tx, params = keep_params_nonnegative(), jnp.array([0.1, 0.5])
    >>> params + tx.update(jnp.array([-0.3, -0.25]), tx.init(params), params)[0]
    Array([0.  , 0.25], dtype=float32)
    """
    return project_box(lower=0.0)


def _precision(param: Any = None) -> Any:
    """The dtype of the real numbers in a parameter; `None` for a leaf without them."""
    return jnp.finfo(jnp.result_type(param)).dtype if is_inexact(param) else None


def _in_precision(dtype: Any) -> Any:
    """The leaf function for parameters of `dtype`."""
    return None if dtype is None else partial(_into_box, dtype)


def _into_box(dtype: Any, g: Array, p: Array, lower: Array, upper: Array) -> Array:
    lower, upper = (bound.astype(dtype).astype(bound.dtype) for bound in (lower, upper))

    def step(g: Array, p: Array) -> Array:
        return rounded_within(jnp.clip(p + g, lower, upper) - p, p, lower, upper, dtype)

    if not jnp.iscomplexobj(p + g):
        return step(g, p)
    return jax.lax.complex(step(g.real, p.real), step(g.imag, p.imag))
