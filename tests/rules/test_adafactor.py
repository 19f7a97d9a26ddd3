"""Adafactor against its paper in double precision, and what its factored state costs."""

import re
from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gradtx import (
    FactoredState,
    MaskedNode,
    adafactor,
    chain,
    scale_by_adafactor,
    scale_by_factored_rms,
    scale_by_learning_rate,
)
from gradtx.tree import TreeMismatchError
from tests.trajectories import (
    DTYPES,
    TOLERANCE,
    distance,
    gradients,
    in_precision_of,
    leafwise,
    parameters,
    rate,
    relative_error,
    trajectory,
)

POWER, EPS, BOUND, MOMENTUM, DECAY, SHORTEST = 0.7, 2e-2, 0.9, 0.6, 0.05, 5
# Every kind of leaf, with its axes of rows and of columns: the two longest, of which the columns are longer.
AXES: dict[tuple[int, ...], tuple[int, int] | None] = {
    (5, 7): (0, 1),
    (7, 5): (1, 0),
    (6, 6): (0, 1),
    (6, 3, 5): (2, 0),
    (2, 6, 3, 5): (3, 1),
    (9, 4): None,
    (7,): None,
    (): None,
}
SHAPES = {str(shape): shape for shape in AXES}
STATISTICS = {"decay_rate": POWER, "epsilon": EPS, "min_dim_size_to_factor": SHORTEST}
OPTIONS = {"decay_rate": POWER, "eps": EPS, "min_dim_size_to_factor": SHORTEST}


def rms(x: Any) -> Any:
    return np.sqrt(np.mean(np.abs(x) ** 2))


def power(t: int) -> float:
    """Algorithm 6: the second moment's decay at step t."""
    return 1 - t**-POWER


@leafwise
def shazeer_stern(
    theta: Any,
    gradients: list[Any],
    d: float = np.inf,
    beta2: Any = power,
    axes: Any = AXES,
    rho: Any = lambda t: rate(t - 1),
    eps2: float = 1e-3,
    relative: bool = False,
    momentum: float = 0.0,
    decay: float = 0.0,
) -> Iterator[Any]:
    """Shazeer and Stern (2018), algorithms 4 and 5: sums over rows and columns, or the whole square."""
    r = c = v = step = 0.0
    for t, g in enumerate(gradients, start=1):
        square = np.abs(g) ** 2 + EPS
        if pair := axes[g.shape]:
            square = np.moveaxis(square, pair, (-2, -1))  # a stack of matrices
            r = beta2(t) * r + (1 - beta2(t)) * np.sum(square, -1, keepdims=True)
            c = beta2(t) * c + (1 - beta2(t)) * np.sum(square, -2, keepdims=True)
            v = np.moveaxis(r @ c / np.sum(r, -2, keepdims=True), (-2, -1), pair)
        else:
            v = beta2(t) * v + (1 - beta2(t)) * square
        u = g / np.sqrt(v)
        u = u / max(1.0, rms(u) / d)
        alpha = rho(t) * (max(eps2, rms(theta)) if relative else 1.0)
        step = momentum * step + (1 - momentum) * alpha * u
        theta = theta - step - decay * theta
        yield theta


@DTYPES
def test_factored_second_moment(dtype):
    tx = chain(scale_by_factored_rms(**STATISTICS), scale_by_learning_rate(rate))
    assert distance(tx, shazeer_stern(), dtype, shapes=SHAPES) < TOLERANCE[dtype]


@DTYPES
def test_with_update_clipping(dtype):
    tx = chain(scale_by_adafactor(**STATISTICS, clipping_threshold=BOUND), scale_by_learning_rate(rate))
    assert distance(tx, shazeer_stern(BOUND), dtype, shapes=SHAPES) < TOLERANCE[dtype]
    assert distance(tx, shazeer_stern(), dtype, shapes=SHAPES) > 0.1  # the bound binds


@pytest.mark.parametrize("transformation", [scale_by_factored_rms, scale_by_adafactor])
def test_without_factoring(transformation):
    tx = chain(transformation(factored=False, **STATISTICS), scale_by_learning_rate(rate))
    bound = 1.0 if transformation is scale_by_adafactor else np.inf
    rule = shazeer_stern(bound, axes=dict.fromkeys(AXES))
    assert distance(tx, rule, "float64", shapes=SHAPES) < TOLERANCE["float64"]


@pytest.mark.parametrize("transformation", [scale_by_factored_rms, scale_by_adafactor])
@pytest.mark.parametrize(
    ("axes", "chosen"),
    [
        ((-2, -1), lambda shape: (len(shape) - 2, len(shape) - 1)),
        ((1, 0), lambda shape: (1, 0)),
        (lambda shape: (0, -1) if len(shape) < 4 else None, lambda shape: (0, len(shape) - 1)),
    ],
)
def test_other_axes(transformation, axes, chosen):
    """A pair for all leaves, or a function of the shape; below the least length nothing is factored."""
    tx = chain(transformation(axes=axes, **STATISTICS), scale_by_learning_rate(rate))
    table = {
        shape: chosen(shape)
        if len(shape) > 1
        and min(shape[axis] for axis in chosen(shape)) >= SHORTEST
        and not (callable(axes) and len(shape) == 4)
        else None
        for shape in AXES
    }
    bound = 1.0 if transformation is scale_by_adafactor else np.inf
    rule = shazeer_stern(bound, axes=table)
    assert distance(tx, rule, "float64", shapes=SHAPES) < TOLERANCE["float64"]


def test_a_decay_offset_starts_over():
    """The decay stays at 0 until as many updates have been; later it counts from there."""
    tx = chain(scale_by_factored_rms(step_offset=3, **STATISTICS), scale_by_learning_rate(rate))
    rule = shazeer_stern(beta2=lambda t: power(max(t - 3, 1)))
    assert distance(tx, rule, "float64", shapes=SHAPES) < TOLERANCE["float64"]


def test_another_decay():
    """Bounded, as Zhai et al. (2022), arXiv:2106.04560, have it; the function counts from 0."""

    def bounded(before: Any, exponent: Any) -> Any:
        return jnp.minimum(1.0 - (before + 1.0) ** -exponent, 0.6)

    tx = chain(scale_by_factored_rms(decay_rate_fn=bounded, **STATISTICS), scale_by_learning_rate(rate))
    rule = shazeer_stern(beta2=lambda t: min(power(t), 0.6))
    assert distance(tx, rule, "float64", shapes=SHAPES) < TOLERANCE["float64"]


@DTYPES
def test_adafactor_with_everything(dtype):
    tx = adafactor(
        rate,
        **OPTIONS,
        clipping_threshold=BOUND,
        momentum=MOMENTUM,
        dtype_momentum=dtype if dtype == "float64" else None,
        weight_decay_rate=DECAY,
    )
    rule = shazeer_stern(BOUND, relative=True, momentum=MOMENTUM, decay=DECAY)
    assert distance(tx, rule, dtype, shapes=SHAPES) < TOLERANCE[dtype]


@DTYPES
def test_adafactor_of_the_paper(dtype):
    """Its relative step size, which is constant in the first 9999 steps."""
    rule = shazeer_stern(1.0, relative=True, rho=lambda t: min(1e-2, t**-0.5))
    assert distance(adafactor(**OPTIONS), rule, dtype, shapes=SHAPES) < TOLERANCE[dtype]


def test_adafactor_with_nothing():
    tx = adafactor(rate, **OPTIONS, multiply_by_parameter_scale=False, clipping_threshold=None)
    assert distance(tx, shazeer_stern(), "float64", shapes=SHAPES) < TOLERANCE["float64"]


def test_adafactor_hands_on_its_options():
    options = {"decay_offset": 2, "factored": False, "axes": (-2, -1), "weight_decay_mask": str}
    tx = adafactor(0.1, **options, weight_decay_rate=DECAY)
    direction, *_, decay, _ = tx.transformations
    assert (direction.step_offset, direction.factored, direction.axes) == (2.0, False, (-2, -1))
    assert decay.mask is str


@pytest.mark.parametrize("shape", [(5, 8), (3, 5, 8)])
def test_a_square_of_rank_one_is_factored_exactly(shape):
    """Then the factored and the whole average give the same update, at every step."""
    generator = np.random.default_rng(3)
    rows, columns = generator.lognormal(size=(*shape[:-1], 1)), generator.lognormal(size=(1, shape[-1]))
    signs = generator.choice([-1.0, 1.0], (10, *shape))
    steps = [{"w": size * sign * rows * columns} for size, sign in enumerate(signs, start=1)]
    options = {"min_dim_size_to_factor": 5, "epsilon": 0.0}
    with in_precision_of("float64"):
        params = {"w": np.zeros(shape)}
        factored, _, state = trajectory(scale_by_factored_rms(**options), params, steps)
        whole, *_ = trajectory(scale_by_factored_rms(factored=False, **options), params, steps)
    assert state.v["w"] == MaskedNode()
    assert relative_error(factored, whole) < 1e-14  # a few roundings
    np.testing.assert_allclose(factored["w"][0], signs[0], rtol=1e-14)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_the_state_of_a_large_matrix_is_twenty_kilobytes(dtype):
    """Adam holds 2 * 4 * 1024 * 4096 = 33554432 bytes for it."""
    params = {"w": jnp.zeros((1024, 4096), dtype), "b": jnp.zeros(3, dtype)}
    state = scale_by_factored_rms().init(params)
    assert isinstance(state, FactoredState)
    assert jax.tree.map(lambda leaf: (leaf.shape, leaf.dtype.name), state) == FactoredState(
        count=((), "int32"),
        v_row={"w": ((1024,), "float32"), "b": MaskedNode()},
        v_col={"w": ((4096,), "float32"), "b": MaskedNode()},
        v={"w": MaskedNode(), "b": ((3,), "float32")},
    )
    for tx in (scale_by_factored_rms(), adafactor(1e-3), adafactor(1e-3, weight_decay_rate=0.1)):
        alone = tx.init({"w": params["w"]})
        assert sum(leaf.nbytes for leaf in jax.tree.leaves(alone)) == 4 * (1024 + 4096) + 4  # and the count


@pytest.mark.parametrize("tx", [scale_by_factored_rms(**STATISTICS), scale_by_adafactor(**STATISTICS)])
def test_gradients_in_16_bits_are_computed_with_in_32(tx):
    rounded = jax.tree.map(lambda leaf: leaf.astype("float32"), gradients("bfloat16", shapes=SHAPES))
    params = parameters("bfloat16", shapes=SHAPES)
    narrow, _, state = trajectory(tx, params, gradients("bfloat16", shapes=SHAPES))
    wide, *_ = trajectory(tx, params, rounded)
    assert {leaf.dtype.name for leaf in jax.tree.leaves((narrow, state))} == {"float32", "int32"}
    assert relative_error(narrow, wide) < TOLERANCE["float32"]


def test_late_in_training_a_square_still_weighs_what_it_should():
    """1 - (1 - 1e6**-0.8), which goes through a decay close to 1, would be 0.2% off in float32."""
    tx = scale_by_factored_rms(epsilon=0.0)
    state = tx.init(jnp.zeros(()))._replace(count=jnp.int32(999_999))
    _, state = tx.update(jnp.ones(()), state)
    np.testing.assert_allclose(state.v, 1e6**-0.8, rtol=1e-6)


@pytest.mark.parametrize("transformation", [scale_by_factored_rms, scale_by_adafactor])
def test_rows_and_columns_of_zeros_stay_where_they_are(transformation):
    """Without epsilon their averages are 0."""
    gradient = {"zero": jnp.zeros((3, 4)), "partly": jnp.zeros((3, 4)).at[1].set(2.0), "vector": jnp.zeros(3)}
    tx = transformation(epsilon=0.0, min_dim_size_to_factor=2)
    update, _ = tx.update(gradient, tx.init(gradient))
    np.testing.assert_array_equal(update["zero"], np.zeros((3, 4)))
    np.testing.assert_array_equal(update["vector"], np.zeros(3))
    assert np.all(np.isfinite(update["partly"]))
    np.testing.assert_array_equal(update["partly"][::2], np.zeros((2, 4)))


@pytest.mark.parametrize("bad", [np.inf, np.nan])
def test_a_gradient_that_is_not_finite_shows(bad):
    """All of a factored leaf, and of a clipped one, becomes NaN: its averages are no numbers any more."""
    gradient = {"w": jnp.ones((3, 4)).at[1, 2].set(bad), "good": jnp.ones((3, 4))}
    tx = scale_by_adafactor(min_dim_size_to_factor=2)
    update, _ = tx.update(gradient, tx.init(gradient))
    assert np.all(np.isnan(update["w"]))
    assert np.all(np.isfinite(update["good"]))


def test_what_is_no_pair_of_axes_is_refused():
    for wrong in ("last", (0,), (0, 1, 2), 1, (0.0, 1.0)):
        with pytest.raises(ValueError, match="a pair \\(rows, columns\\)"):
            scale_by_factored_rms(axes=wrong)
    for wrong in ((0, 2), (1, -1), (-3, 0)):
        with pytest.raises(ValueError, match=r"shape \(128, 128\) cannot be factored along the axes"):
            scale_by_factored_rms(axes=wrong).init(jnp.ones((128, 128)))
    for wrong in (-1, 2.0, True):
        with pytest.raises(ValueError, match="min_dim_size_to_factor must be a whole number of at least 0"):
            scale_by_factored_rms(min_dim_size_to_factor=wrong)


@pytest.mark.parametrize("transformation", [scale_by_factored_rms, scale_by_adafactor])
def test_a_number_is_no_function_of_the_decay(transformation):
    with pytest.raises(TypeError, match="a function of a count and of decay_rate, got"):
        transformation(decay_rate_fn=0.9)


def test_a_state_made_for_other_axes_is_refused_with_the_leaf():
    params = {"w": jnp.ones((128, 256))}
    state = scale_by_factored_rms(factored=False).init(params)
    with pytest.raises(TreeMismatchError, match=r"at \['w'\]: got shape \(128, 256\), expected nothing"):
        scale_by_factored_rms().update(params, state)


@pytest.mark.parametrize("least", [1, 128])
@pytest.mark.parametrize("shape", [(1, 4), (4, 1), (3, 4, 4)])
def test_a_gradient_of_another_shape_is_refused(least, shape):
    """Without parameters to compare it with, too: the averages would be broadcast against it."""
    tx = scale_by_factored_rms(min_dim_size_to_factor=least)
    with pytest.raises(TreeMismatchError, match=rf"at \['w'\]: got shape {re.escape(str(shape))}"):
        tx.update({"w": jnp.ones(shape)}, tx.init({"w": jnp.ones((4, 4))}))


@pytest.mark.exhaustive
def test_it_has_a_derivative_where_gradients_and_parameters_are_zero():
    """Learning hyperparameters differentiates through the update; a root has no derivative at 0."""
    params = {"w": jnp.zeros((3, 4)), "b": jnp.zeros(2)}
    tx = adafactor(0.1, min_dim_size_to_factor=2)

    def size(gradient: Any, params: Any) -> Any:
        updates, _ = tx.update(gradient, tx.init(params), params)
        return sum(jnp.sum(leaf) for leaf in jax.tree.leaves(updates))

    for derivative in jax.jit(jax.grad(size, (0, 1)))(params, params):
        assert all(np.all(np.isfinite(leaf)) for leaf in jax.tree.leaves(derivative))
