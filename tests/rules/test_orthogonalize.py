"""Orthogonalization against singular value decompositions, and the axes of matrices."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gradtx import MuonDimensionNumbers, by_path, masked, orthogonalize, scale_by_matrix_shape, scale_by_muon
from gradtx.arithmetic import in_order, newton_schulz

# The intervals in the table of `orthogonalize`: singular values from the first number on end in the others.
RANGES = {
    "quintic": (0.002, 0.68, 1.21),
    "you": (0.002, 0.85, 1.15),
    "cans": (0.001, 0.88, 1.12),
    "polar_express": (0.002, 0.87, 1.13),
}
SHAPES = pytest.mark.parametrize("shape", [(4, 9), (9, 4), (5, 5), (2, 3, 4, 6)], ids=str)


def random_matrices(*shape: int) -> np.ndarray:
    return np.random.default_rng(3).standard_normal(shape)


def with_singular_values(values: np.ndarray, columns: int) -> np.ndarray:
    """A matrix that has those singular values and a Frobenius norm of 1."""
    left, _ = np.linalg.qr(random_matrices(len(values), len(values)))
    right, _ = np.linalg.qr(random_matrices(columns, len(values)))
    return (left * values / np.linalg.norm(values)) @ right.T


def polar_factor(x: np.ndarray) -> np.ndarray:
    u, _, vt = np.linalg.svd(x, full_matrices=False)
    return u @ vt


def updated(tx, g):
    return tx.update(g, tx.init(g))[0]


@pytest.mark.parametrize("name", RANGES)
def test_five_steps_bring_singular_values_into_the_interval(name):
    """The scalar polynomial is followed densely; the matrix, at values across the whole range."""
    start, low, high = RANGES[name]
    x = np.geomspace(start, 1.0, 10**5)
    for a, b, c in in_order(name, 5):
        x = a * x + b * x**3 + c * x**5
    assert low - 0.005 < x.min() < low + 0.01  # the table's second digit
    assert high - 0.01 < x.max() < high + 0.005
    g = with_singular_values(np.geomspace(start, 1.0, 16), 24)
    values = np.linalg.svd(np.asarray(updated(orthogonalize(name), g.astype(np.float32))))[1]
    inside = np.linalg.svd(g)[1] >= start
    assert inside.sum() > 12
    assert values[inside].min() > low - 0.005
    assert values[inside].max() < high + 0.005


@SHAPES
def test_polar_express_goes_on_to_the_polar_factor(shape):
    g = random_matrices(*shape)
    with jax.enable_x64(True):
        tx = orthogonalize("polar_express", ns_steps=12, weight_dimension_numbers="... in out")
        u = updated(tx, g)
    np.testing.assert_allclose(u, polar_factor(g), rtol=0, atol=1e-12)


@SHAPES
def test_each_step_is_its_polynomial_of_the_singular_values(shape):
    """One step against U p(S / norm) V', so that no two errors can cancel."""
    g, (a, b, c), eps = random_matrices(*shape), (2.0, -1.3, 0.4), 0.3
    u, s, vt = np.linalg.svd(g, full_matrices=False)
    s = s / (np.linalg.norm(g, axis=(-2, -1))[..., None] + eps)
    with jax.enable_x64(True):
        actual = updated(orthogonalize((a, b, c), 1, eps, weight_dimension_numbers="... in out"), g)
    np.testing.assert_allclose(actual, (u * (a * s + b * s**3 + c * s**5)[..., None, :]) @ vt, atol=1e-14)


def test_the_products_are_of_the_smaller_side():
    """A tall matrix costs what its transpose costs; from the larger side it would be 16 times as much."""

    def operations(shape):
        lowered = jax.jit(lambda x: newton_schulz(x, in_order("quintic", 1))).lower(jnp.ones(shape))
        return lowered.compile().cost_analysis()["flops"]

    assert operations((64, 4)) < 1.1 * operations((4, 64))


def test_a_complex_matrix_has_a_unitary_factor():
    g = random_matrices(3, 5) + 1j * random_matrices(5, 3).T
    u = updated(orthogonalize("polar_express", ns_steps=12), g.astype(np.complex64))
    np.testing.assert_allclose(u, polar_factor(g), rtol=0, atol=1e-5)  # a dozen steps of 6e-8 roundings


@pytest.mark.parametrize("eps", [0.0, 1e-8])
@pytest.mark.parametrize("name", RANGES)
def test_zeros_stay_zero_beside_others(name, eps):
    g = jnp.stack([jnp.zeros((3, 4)), jnp.asarray(random_matrices(3, 4), jnp.float32)])
    u = updated(orthogonalize(name, eps=eps), g)
    np.testing.assert_array_equal(u[0], 0.0)
    assert np.linalg.norm(u[1], 2) > 0.6


@pytest.mark.parametrize("size", [1e-37, 1e-20, 1e20, 1e37])
def test_the_size_of_a_matrix_does_not_matter(size):
    """Where the squares of its elements leave the range of float32 too."""
    g = random_matrices(3, 4).astype(np.float32)
    tx = orthogonalize(eps=0.0)
    np.testing.assert_allclose(updated(tx, g * np.float32(size)), updated(tx, g), rtol=0, atol=1e-5)


def test_matrices_of_zeros_have_a_derivative():
    """Learning hyperparameters differentiates through the update; a norm has no derivative at 0."""
    g = jnp.stack([jnp.zeros((3, 4)), jnp.asarray(random_matrices(3, 4), jnp.float32)])
    derivative = jax.jit(jax.grad(lambda g: jnp.sum(updated(orthogonalize(), g) ** 3)))(g)
    assert np.all(np.isfinite(derivative))
    assert np.any(derivative[1] != 0)


def test_tables_are_sequences():
    table = ((3.0, -3.0, 1.0), (2.0, -1.5, 0.5), (1.875, -1.25, 0.375))
    assert in_order(table, 2) == table[:2]
    assert in_order(table, 5) == (*table, table[-1], table[-1])
    assert in_order("quintic", 5) == 5 * ((3.4445, -4.7750, 2.0315),)
    assert in_order("dion", 5) == in_order("you", 5)
    assert orthogonalize((3.0, -3.0, 1.0)) == orthogonalize([[3, -3, 1]])


@pytest.mark.exhaustive
def test_polar_express_is_as_the_paper_prints_it():
    """Amsel et al. (2025), algorithm 1: a margin of 1.01 in the norm and in all polynomials but the last."""
    polynomials = in_order("polar_express", 9)
    x = with_singular_values(np.array([0.9, 0.3, 0.02]), 4) * 7.0
    u, s, vt = np.linalg.svd(x, full_matrices=False)
    s = s / (np.linalg.norm(x) * 1.01)
    a, b, c = (8.28721201814563, -23.595886519098837, 17.300387312530933)
    s = a / 1.01 * s + b / 1.01**3 * s**3 + c / 1.01**5 * s**5
    with jax.enable_x64(True):
        np.testing.assert_allclose(newton_schulz(x, polynomials[:1]), (u * s) @ vt, atol=1e-14)
    assert polynomials[6][0] == pytest.approx(1.8750014808534479 / 1.01, rel=1e-15)
    assert polynomials[7] == polynomials[8] == (1.875, -1.25, 0.375)


def test_polar_express_with_the_epsilon_of_its_code():
    """Which divides by 1.01 times the norm plus 1e-7, and has the margin in the polynomials alone."""
    x = with_singular_values(np.array([0.9, 0.3, 0.02]), 4) * 1e-7
    expected = x / (1.01 * np.linalg.norm(x) + 1e-7)
    a, b, c = (8.28721201814563 / 1.01, -23.595886519098837 / 1.01**3, 17.300387312530933 / 1.01**5)
    square = expected @ expected.T
    expected = a * expected + (b * square + c * square @ square) @ expected
    with jax.enable_x64(True):
        u = updated(orthogonalize("polar_express", 1, eps=1e-7 / 1.01), x)
    np.testing.assert_allclose(u, expected, rtol=0, atol=1e-13)


@pytest.mark.exhaustive
def test_narrow_factors_are_declared_and_full_precision_is_the_default():
    g = jnp.asarray(random_matrices(16, 32), jnp.float32)
    narrow = orthogonalize(ns_dtype="bfloat16")

    def products(tx):
        text = jax.jit(lambda g: updated(tx, g)).lower(g).as_text()
        return [line for line in text.splitlines() if "dot_general" in line]

    assert len(products(narrow)) == 3
    assert all("bf16>) -> tensor" in line and "xf32>" in line.split("->")[1] for line in products(narrow))
    assert all("HIGHEST, HIGHEST" in line and "bf16" not in line for line in products(orthogonalize()))
    difference = np.abs(updated(narrow, g) - updated(orthogonalize(), g)).max()
    assert 1e-5 < difference < 2e-2  # a few of bfloat16's roundings of 2**-9, on elements below 0.5


def test_matrices_of_one_shape_share_one_computation():
    """Ten matrices are traced and lowered once: their module has the three products of one loop."""
    g = [jnp.asarray(random_matrices(6, 8), jnp.float32)] * 10
    tx = orthogonalize()
    text = jax.jit(lambda g: updated(tx, g)).lower(g).as_text()
    assert text.count("dot_general") == 3


class TestAxes:
    """Each spelling of the axes against explicit matrices."""

    g = random_matrices(4, 3, 5).astype(np.float32)

    @staticmethod
    def of(matrix):
        return np.asarray(updated(orthogonalize("cans"), matrix))

    def check(self, spec, expected):
        u = updated(orthogonalize("cans", weight_dimension_numbers=spec), self.g)
        np.testing.assert_allclose(u, expected, rtol=0, atol=1e-5)  # the order of the sums differs

    def test_three_axes_are_a_stack_of_matrices_by_default(self):
        self.check(None, np.stack([self.of(matrix) for matrix in self.g]))
        self.check("... in out", np.stack([self.of(matrix) for matrix in self.g]))

    def test_the_kernel_of_a_convolution_is_one_matrix_by_default(self):
        kernel = random_matrices(2, 3, 4, 5).astype(np.float32)
        whole = self.of(kernel.reshape(24, 5)).reshape(kernel.shape)
        window = np.stack([self.of(matrix) for matrix in kernel.reshape(6, 4, 5)]).reshape(kernel.shape)
        for spec, expected in {
            None: whole,
            "in in in out": whole,
            "in... out": whole,
            "out in | in... out": whole,
            "... in out": window,
        }.items():
            u = updated(orthogonalize("cans", weight_dimension_numbers=spec), kernel)
            np.testing.assert_allclose(u, expected, rtol=0, atol=1e-5)
        assert np.abs(whole - window).max() > 0.1
        volume = kernel.reshape(1, *kernel.shape)
        np.testing.assert_array_equal(updated(orthogonalize("cans"), volume), whole[None])

    def test_of_several_forms_the_first_that_has_the_axes_counts(self):
        per_head = np.stack([self.of(self.g[:, head]) for head in range(3)], axis=1)
        self.check("in out | in head out | ... in out", per_head)
        self.check("in out | in... out | in head out", self.of(self.g.reshape(12, 5)).reshape(4, 3, 5))
        self.check("in out... ", self.of(self.g.reshape(4, 15)).reshape(4, 3, 5))

    def test_a_matrix_for_each_head(self):
        per_head = np.stack([self.of(self.g[:, head]) for head in range(3)], axis=1)
        self.check("in head out", per_head)
        self.check(MuonDimensionNumbers(0, -1), per_head)
        self.check("out head in", per_head)  # the factor of the transpose is the transpose of the factor

    def test_joined_axes(self):
        self.check("in in out", self.of(self.g.reshape(12, 5)).reshape(4, 3, 5))
        self.check(MuonDimensionNumbers((0, 1), 2), self.of(self.g.reshape(12, 5)).reshape(4, 3, 5))
        apart = self.of(self.g.transpose(0, 2, 1).reshape(20, 3)).reshape(4, 5, 3).transpose(0, 2, 1)
        self.check("in out in", apart)

    def test_by_path_by_tree_and_beside_other_leaves(self):
        updates = {"heads": self.g, "dense": self.g, "count": jnp.arange(3), "none": None}
        expected = {
            name: updated(orthogonalize(weight_dimension_numbers=spec), self.g)
            for name, spec in {"heads": "in head out", "dense": "... in out"}.items()
        }
        tree = {"heads": "in head out", "dense": "... in out", "count": None, "none": None}
        for spec in (by_path({"heads": "in head out", "": "... in out"}), tree):
            u = updated(orthogonalize(weight_dimension_numbers=spec), updates)
            assert u["none"] is None
            assert u["count"] is updates["count"]
            for name, value in expected.items():
                np.testing.assert_array_equal(u[name], value)

    @pytest.mark.parametrize(
        "spec",
        ["in", "... in", "out", "... in ... out", "in in", "...", "in... out...", "in out | in", "in out |"],
    )
    def test_names_without_inputs_or_outputs_are_refused(self, spec):
        with pytest.raises(ValueError, match="must have 'in' and 'out'"):
            orthogonalize(weight_dimension_numbers=spec)

    @pytest.mark.parametrize(
        "spec",
        [
            "in out",
            "a b in out",
            "in out | in in in in... out",
            "a b in... out",
            MuonDimensionNumbers(0, 0),
            MuonDimensionNumbers(0, 3),
        ],
    )
    def test_axes_that_a_leaf_has_not_are_refused_by_its_name(self, spec):
        with pytest.raises(
            ValueError, match=r"leaf at \['bias'\], of shape \(4, 3, 5\), is no matrix.*masked"
        ):
            updated(orthogonalize(weight_dimension_numbers=spec), {"bias": self.g})

    def test_other_kinds_are_refused(self):
        with pytest.raises(TypeError, match="'in head out'"):
            orthogonalize(weight_dimension_numbers=3)


@pytest.mark.parametrize("tx", [orthogonalize(), scale_by_matrix_shape(), scale_by_muon()])
def test_a_vector_is_refused_by_its_name(tx):
    params = {"kernel": jnp.ones((2, 2)), "bias": jnp.ones(2)}
    with pytest.raises(ValueError, match=r"leaf at \['bias'\], of shape \(2,\), is no matrix.*partition"):
        tx.update(params, tx.init(params))
    alone = masked(tx, {"kernel": True, "bias": False})
    np.testing.assert_array_equal(alone.update(params, alone.init(params))[0]["bias"], 1.0)


def test_muon_says_so_at_init():
    with pytest.raises(ValueError, match=r"leaf at \['bias'\]"):
        scale_by_muon().init({"bias": jnp.ones(2)})


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"ns_coeffs": "septic"}, "quintic, polar_express"),
        ({"ns_coeffs": (1.0, 2.0)}, "three numbers"),
        ({"ns_coeffs": ()}, "three numbers"),
        ({"ns_coeffs": None}, "three numbers"),
        ({"ns_steps": 0}, "at least 1"),
        ({"ns_steps": 2.0}, "at least 1"),
    ],
)
def test_coefficients_and_steps_are_checked(options, message):
    with pytest.raises(ValueError, match=message):
        orthogonalize(**options)


@pytest.mark.parametrize("kind", ["Auto", "Explicit"])
def test_matrices_split_along_every_axis(kind):
    """Rows, columns and heads over a mesh of 2 x 2 x 2: the same values, and the same split again."""
    axis_type = getattr(jax.sharding.AxisType, kind)
    mesh = jax.make_mesh((2, 2, 2), ("head", "in", "out"), axis_types=(axis_type,) * 3)
    g = random_matrices(8, 2, 16).astype(np.float32)
    tx = orthogonalize(weight_dimension_numbers="in head out")
    with jax.set_mesh(mesh):
        split = jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec("in", "head", "out"))
        u = jax.jit(lambda g: updated(tx, g))(jax.device_put(g, split))
        if kind == "Explicit":
            assert u.sharding.is_equivalent_to(split, 3)
    np.testing.assert_allclose(jax.device_get(u), updated(tx, g), rtol=0, atol=1e-5)
