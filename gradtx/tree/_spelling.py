"""Values as the expressions that make them."""

import math
from typing import Any

import jax
import numpy as np
from jax.core import Tracer


def spelled(value: Any) -> str:
    """`value` as a Python expression, as far as it has one."""
    if isinstance(value, np.dtype):
        return repr(value.name)
    if isinstance(value, np.ndarray | jax.Array) and not isinstance(value, Tracer) and value.ndim == 0:
        value = np.asarray(value)[()]
    if isinstance(value, np.generic):
        module = "np" if type(value).__module__ == "numpy" else "jnp"
        return f"{module}.{value.dtype.name}({spelled(value.item())})"
    if isinstance(value, np.ndarray | jax.Array):
        return f"{value.dtype.name}[{','.join(map(str, value.shape))}]"
    if isinstance(value, tuple):
        return f"({', '.join(map(spelled, value))}{',' if len(value) == 1 else ''})"
    if callable(value) and hasattr(value, "__qualname__"):
        module = {"jax.numpy": "jnp.", "numpy": "np."}.get(value.__module__, "")
        return module * isinstance(value, type) + value.__qualname__
    return f"float('{value}')" if isinstance(value, float) and not math.isfinite(value) else repr(value)
