"""Standing in the code of other libraries."""

from gradtx.interop.optax_chains import to_optax

__all__ = ["to_optax"]
