"""Against Optax the arithmetic is float64, where equal formulas agree to rounding.

Promotion is standard there: Optax's own Adam fails under the strict kind.
"""

from collections.abc import Iterator

import jax
import pytest


@pytest.fixture(autouse=True)
def float64_and_standard_promotion() -> Iterator[None]:
    jax.config.update("jax_enable_x64", True)
    with jax.numpy_dtype_promotion("standard"):
        yield
    jax.config.update("jax_enable_x64", False)
