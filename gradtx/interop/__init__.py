"""Gradtx in the code of other libraries."""

from gradtx.interop._optax import to_optax

__all__ = [
    "to_optax",
]
