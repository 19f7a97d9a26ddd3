"""Gradtx in the code of other libraries."""

from gradtx.interop._left_out import LEFT_OUT as LEFT_OUT, absent as absent
from gradtx.interop._optax import to_optax
from gradtx.interop._optax_state import from_optax, to_optax_state

__all__ = [
    "from_optax",
    "to_optax",
    "to_optax_state",
]
