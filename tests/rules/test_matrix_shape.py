"""The factors by which orthogonalized matrices are scaled to their shape."""

import jax.numpy as jnp
import numpy as np
import pytest

from gradtx import by_path, orthogonalize, scale_by_matrix_shape
from tests.rules.test_orthogonalize import random_matrices, updated


# For 2 inputs and 8 outputs, and the reverse.
@pytest.mark.parametrize(
    ("rule", "widening", "narrowing"),
    [
        ("original", 2.0, 1.0),
        ("match_rms_adamw", 0.3 * np.sqrt(8.0), 0.3 * np.sqrt(8.0)),
        ("spectral", 2.0, 0.5),
        ("none", 1.0, 1.0),
    ],
)
def test_factors_of_shapes(rule, widening, narrowing):
    updates = {
        "up": jnp.ones((2, 8)),
        "down": jnp.ones((8, 2)),
        "torch": jnp.ones((8, 2)),
        "heads": jnp.ones((2, 4, 2)),
    }
    names = by_path({"torch": "out in", "heads": "in out out", "": "in out"})
    u = updated(scale_by_matrix_shape(rule, rms=0.3, weight_dimension_numbers=names), updates)
    factors = {"up": widening, "down": narrowing, "torch": widening, "heads": widening}
    for name, factor in factors.items():
        np.testing.assert_allclose(u[name], factor, rtol=1e-6)


def test_all_axes_of_a_convolution_but_the_last_lead_in():
    """3 x 3 x 1 inputs for 36 outputs, and a stack of matrices for leaves of three axes."""
    updates = {"conv": jnp.ones((3, 3, 1, 36)), "layers": jnp.ones((5, 2, 8))}
    u = updated(scale_by_matrix_shape("spectral"), updates)
    for leaf in u.values():
        np.testing.assert_allclose(leaf, 2.0, rtol=1e-6)


def test_the_match_of_adamw_gives_elements_of_that_size():
    g = jnp.asarray(random_matrices(24, 40), jnp.float32)
    u = updated(scale_by_matrix_shape("match_rms_adamw"), updated(orthogonalize("polar_express", 9), g))
    assert float(jnp.sqrt(jnp.mean(u**2))) == pytest.approx(0.2, rel=1e-4)
