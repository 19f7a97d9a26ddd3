"""Every loss: its values, its derivatives, its precision, and its elements that do not count."""

import inspect
import re
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gradtx import losses
from tests.losses import reference
from tests.losses.cases import CASES, K, N

every_case = pytest.mark.parametrize("name", CASES)


def cast(arrays: tuple[Any, ...], dtype: Any) -> list[Any]:
    return [
        jnp.asarray(array, dtype if np.issubdtype(np.asarray(array).dtype, np.floating) else None)
        for array in arrays
    ]


def options_of(name: str, dtype: Any) -> dict[str, Any]:
    options = CASES[name].options
    return {k: jnp.asarray(v, dtype) if isinstance(v, np.ndarray) else v for k, v in options.items()}


def test_every_loss_has_a_case() -> None:
    # A function that makes a loss has a test of its own, one with a second result is tested beside it, and
    # another name is that of the same function.
    without = {"make_fenchel_young_loss", "ctc_loss_with_forward_probs", "convex_kl_divergence"}
    assert {case.loss.__name__ for case in CASES.values()} == set(losses.__all__) - without


@every_case
def test_it_is_its_definition(name: str) -> None:
    case = CASES[name]
    with jax.enable_x64(True):
        got = case.loss(*cast(case.arrays, jnp.float64), **options_of(name, jnp.float64))
        assert got.dtype == jnp.float64
        np.testing.assert_allclose(got, case.expected, rtol=1e-11, atol=1e-12)
    got = jax.jit(case.loss, static_argnames=names_of_options(case.loss))(
        *cast(case.arrays, jnp.float32), **options_of(name, jnp.float32)
    )
    assert got.dtype == jnp.float32
    np.testing.assert_allclose(got, case.expected, rtol=2e-5, atol=2e-6)


def names_of_options(loss: Any) -> list[str]:
    static = {"apply_softmax", "apply_sigmoid", "reduction", "ignore_background", "chunk_size", "reduce_fn"}
    return [name for name in inspect.signature(loss).parameters if name in static]


@every_case
def test_its_derivative_is_that_of_its_values(name: str) -> None:
    """With respect to every array of floats, along a random direction."""
    case = CASES[name]
    with jax.enable_x64(True):
        arrays, options = cast(case.arrays, jnp.float64), options_of(name, jnp.float64)
        places = [i for i, array in enumerate(arrays) if jnp.issubdtype(array.dtype, jnp.floating)]
        random = np.random.default_rng(1)

        def loss(*floats: Any) -> Any:
            filled = list(arrays)
            for place, array in zip(places, floats, strict=True):
                filled[place] = array
            return jnp.sum(jnp.sin(case.loss(*filled, **options)))

        # Labels of 0 are at a corner of a divergence: the derivative is with respect to the predictions.
        floats = [arrays[place] for place in places]
        moved = [random.normal(size=array.shape) * (index == 0) for index, array in enumerate(floats)]
        gradients = jax.grad(loss, argnums=tuple(range(len(floats))))(*floats)
        assert all(np.isfinite(gradient).all() for gradient in gradients[:1])
        slope = sum(np.sum(g * d) for g, d in zip(gradients[:1], moved[:1], strict=True))
        ahead = loss(*(a + 1e-6 * d for a, d in zip(floats, moved, strict=True)))
        behind = loss(*(a - 1e-6 * d for a, d in zip(floats, moved, strict=True)))
        np.testing.assert_allclose(slope, (ahead - behind) / 2e-6, rtol=1e-5, atol=1e-8)


@every_case
def test_16_bits_are_summed_in_float32(name: str) -> None:
    case = CASES[name]
    narrow, options = cast(case.arrays, jnp.bfloat16), options_of(name, jnp.bfloat16)
    wide = [array.astype(jnp.float32) if array.dtype == jnp.bfloat16 else array for array in narrow]
    got = case.loss(*narrow, **options)
    assert got.dtype == jnp.float32
    rounding = {"rtol": 2e-2} if name == "chunked_cross_entropy" else {"rtol": 1e-6, "atol": 1e-6}
    np.testing.assert_allclose(got, case.loss(*wide, **options), **rounding)


@every_case
def test_an_integer_in_the_place_of_floats_is_refused(name: str) -> None:
    case = CASES[name]
    first, *rest = case.arrays
    with pytest.raises(TypeError, match="must be floating-point, got int32"):
        case.loss(jnp.asarray(np.round(first), jnp.int32), *cast(tuple(rest), jnp.float32), **case.options)


TWO_SIDED = [
    losses.squared_error,
    losses.l2_loss,
    losses.huber_loss,
    losses.log_cosh,
    losses.sigmoid_binary_cross_entropy,
    losses.sigmoid_focal_loss,
    losses.hinge_loss,
    losses.perceptron_loss,
    losses.sparsemax_loss,
    losses.softmax_cross_entropy,
    losses.safe_softmax_cross_entropy,
    losses.poly_loss_cross_entropy,
    losses.kl_divergence,
    losses.kl_divergence_with_log_targets,
    losses.generalized_kl_divergence,
    losses.cosine_similarity,
    losses.cosine_distance,
    losses.ranking_softmax_loss,
]


@pytest.mark.parametrize("loss", TWO_SIDED, ids=lambda loss: loss.__name__)
def test_shapes_that_broadcast_both_ways_are_refused_with_both(loss: Any) -> None:
    for one, other in [((8,), (8, 1)), ((8, 1), (8,)), ((8, 1), (1, 8))]:
        with pytest.raises(ValueError, match=re.escape(str(one))) as error:
            loss(jnp.ones(one), jnp.ones(other))
        assert str(other) in str(error.value)
    with pytest.raises(ValueError, match="do not broadcast"):
        loss(jnp.ones(3), jnp.ones(4))
    assert loss(jnp.ones((3, 4)), jnp.ones(4)).dtype == jnp.float32


ELEMENTWISE = [
    loss
    for loss in TWO_SIDED
    if list(inspect.signature(loss).parameters)[-1] == "where"
    and "axis" not in inspect.signature(loss).parameters
]


@pytest.mark.parametrize("loss", ELEMENTWISE, ids=lambda loss: loss.__name__)
def test_an_element_that_does_not_count_has_no_loss_and_no_derivative(loss: Any) -> None:
    x, y = jnp.array([0.3, jnp.nan, -2.0]), jnp.array([1.0, 1.0, 0.0])
    where = jnp.array([True, False, True])
    got = loss(x, y, where=where)
    np.testing.assert_array_equal(got, jnp.where(where, loss(jnp.array([0.3, 0.0, -2.0]), y), 0))
    slope = jax.grad(lambda x: jnp.sum(loss(x, y, where=where)))(x)
    assert np.isfinite(slope).all()
    assert slope[1] == 0


OVER_CLASSES = [
    losses.softmax_cross_entropy,
    losses.safe_softmax_cross_entropy,
    losses.poly_loss_cross_entropy,
    losses.kl_divergence,
    losses.kl_divergence_with_log_targets,
    losses.generalized_kl_divergence,
    losses.cosine_similarity,
    losses.softmax_cross_entropy_with_integer_labels,
]


def over_classes(loss: Any, shape: tuple[int, ...]) -> tuple[Any, Any]:
    random = np.random.default_rng(2)
    x = jnp.asarray(random.normal(size=shape), jnp.float32)
    if loss is losses.softmax_cross_entropy_with_integer_labels:
        return x, jnp.asarray(random.integers(0, 2, shape[:-1]))
    return x, jax.nn.softmax(jnp.asarray(random.normal(size=shape), jnp.float32))


@pytest.mark.exhaustive
@pytest.mark.parametrize("loss", OVER_CLASSES, ids=lambda loss: loss.__name__)
def test_classes_that_do_not_count(loss: Any) -> None:
    """They may hold anything; an example without classes has no loss; the mask may lack the axis."""
    x, y = over_classes(loss, (3, 4))
    y_all = y if y.ndim == 1 else y.at[:, 2:].set(0)
    short = loss(x[:, :2], y if y.ndim == 1 else y[:, :2])
    where = jnp.array([[True, True, False, False]])
    value, slope = jax.value_and_grad(lambda x: jnp.sum(loss(x, y_all, where=where)))(x.at[:, 2].set(jnp.nan))
    np.testing.assert_allclose(value, jnp.sum(short), rtol=1e-6)
    assert np.isfinite(slope).all()
    assert not np.asarray(slope[:, 2:]).any()
    value, slope = jax.value_and_grad(lambda x: jnp.sum(loss(x, y, where=jnp.array([1, 0, 1]))))(
        x.at[1].set(jnp.nan)
    )
    np.testing.assert_allclose(value, loss(x, y)[0] + loss(x, y)[2], rtol=1e-6)
    assert np.isfinite(slope).all()
    assert not np.asarray(slope[1]).any()
    with pytest.raises(ValueError, match="where must broadcast to the shape"):
        loss(x, y, where=jnp.ones(3, bool)[:2])


@pytest.mark.exhaustive
@pytest.mark.parametrize("loss", OVER_CLASSES, ids=lambda loss: loss.__name__)
def test_the_classes_may_be_on_any_axes(loss: Any) -> None:
    x, y = over_classes(loss, (3, 4, 6))
    expected = loss(x, y)
    moved = (
        jnp.moveaxis(x, -1, 0),
        y if loss is losses.softmax_cross_entropy_with_integer_labels else (jnp.moveaxis(y, -1, 0)),
    )
    np.testing.assert_allclose(loss(*moved, axis=0), expected, rtol=1e-6)
    split = [array.reshape(3, 4, 2, 3) if array.ndim == 3 else array for array in (x, y)]
    np.testing.assert_allclose(loss(*split, axis=(2, 3)), expected, rtol=1e-6)
    np.testing.assert_allclose(loss(*split, axis=(-2, -1)), expected, rtol=1e-6)
    for axis in (3, (1, 1)):
        with pytest.raises(ValueError, match="axis must"):
            loss(x, y, axis=axis)


@pytest.mark.exhaustive
def test_the_numbers_of_classes_follow_the_order_of_the_axes() -> None:
    x, labels = jnp.arange(12.0).reshape(2, 3, 2), jnp.array([1, 4])
    swapped = jnp.transpose(x, (0, 2, 1)).reshape(2, 6)
    expected = losses.softmax_cross_entropy_with_integer_labels(swapped, labels)
    got = losses.softmax_cross_entropy_with_integer_labels(x, labels, axis=(2, 1))
    np.testing.assert_allclose(got, expected, rtol=1e-6)


INTEGER = [
    losses.softmax_cross_entropy_with_integer_labels,
    losses.multiclass_hinge_loss,
    losses.multiclass_perceptron_loss,
    losses.multiclass_sparsemax_loss,
    lambda x, y: losses.chunked_cross_entropy(x, jnp.eye(K), y),
]


@pytest.mark.parametrize("loss", INTEGER)
def test_a_label_that_is_no_class_gives_nan(loss: Any) -> None:
    x = jnp.asarray(np.random.default_rng(3).normal(size=(4, K)), jnp.float32)
    got = loss(x, jnp.array([0, K, -1, K - 1], jnp.int32))
    np.testing.assert_array_equal(np.isnan(got), [False, True, True, False])
    with pytest.raises(TypeError, match="labels must be integers, got float32"):
        loss(x, jnp.ones(4))
    with pytest.raises(ValueError, match=r"labels must have the shape \(4,\)"):
        loss(x, jnp.ones((4, 1), jnp.int32))


@pytest.mark.exhaustive
def test_an_example_that_does_not_count_may_have_any_label() -> None:
    x, y, where = jnp.ones((3, 4)), jnp.array([1, -100, 2]), jnp.array([True, False, True])
    got = losses.softmax_cross_entropy_with_integer_labels(x, y, where=where)
    np.testing.assert_allclose(got, [np.log(4), 0, np.log(4)], rtol=1e-6)
    np.testing.assert_allclose(losses.chunked_cross_entropy(x, jnp.eye(4), y, where=where), got, rtol=1e-6)


@pytest.mark.parametrize("size", [1e4, -1e4])
@pytest.mark.parametrize(
    ("loss", "target"),
    [
        (losses.softmax_cross_entropy, jnp.array([0.25, 0.75, 0.0])),
        (losses.softmax_cross_entropy_with_integer_labels, jnp.array(1)),
        (losses.poly_loss_cross_entropy, jnp.array([0.25, 0.75, 0.0])),
        (losses.sigmoid_binary_cross_entropy, jnp.array([0.0, 1.0, 0.5])),
        (losses.sigmoid_focal_loss, jnp.array([0.0, 1.0, 1.0])),
        (losses.log_cosh, jnp.array([0.0, 0.0, 1.0])),
        (losses.multiclass_sparsemax_loss, jnp.array(1)),
        (losses.ranking_softmax_loss, jnp.array([0.0, 1.0, 2.0])),
    ],
)
def test_large_scores_are_right(loss: Any, target: Any, size: float) -> None:
    """In float32 as in float64, whose rounding is smaller; the derivatives too."""
    scores = np.array([size, 0.5, -size])

    def both(x: Any) -> Any:
        x, y = (x, target) if target.ndim else (x[None], target[None])
        return jnp.sum(loss(x, y))

    got, slope = jax.value_and_grad(both)(jnp.asarray(scores, jnp.float32))
    with jax.enable_x64(True):
        value, expected = jax.value_and_grad(both)(jnp.asarray(scores))
    assert np.isfinite(value)
    np.testing.assert_allclose(got, value, rtol=1e-6)
    np.testing.assert_allclose(slope, expected, rtol=1e-6, atol=1e-6)


@pytest.mark.exhaustive
def test_shifted_scores_lose_no_digits() -> None:
    x, labels = jnp.array([1e4, 1e4 + 0.5, 1e4 - 1.0]), jnp.array(0)
    got = losses.softmax_cross_entropy_with_integer_labels(x, labels)
    np.testing.assert_allclose(got, reference.integer_cross_entropy(np.array([0, 0.5, -1.0]), 0), rtol=1e-6)
    np.testing.assert_allclose(
        losses.sigmoid_binary_cross_entropy(jnp.array(20.0), jnp.array(1.0)), np.log1p(np.exp(-20)), rtol=1e-6
    )


@every_case
def test_zeros_and_ties_have_a_finite_derivative(name: str) -> None:
    case = CASES[name]
    arrays, options = cast(case.arrays, jnp.float32), options_of(name, jnp.float32)
    zeros = jnp.zeros_like(arrays[0])
    slope = jax.grad(lambda x: jnp.sum(case.loss(x, *arrays[1:], **options)))(zeros)
    assert np.isfinite(slope).all()
    if len(arrays) > 1 and jnp.shape(arrays[1]) == zeros.shape:
        same = (
            jnp.sum(case.loss(arrays[0], arrays[0], *arrays[2:], **options))
            if arrays[1].dtype == zeros.dtype
            else 0
        )
        assert not np.isinf(same)


@pytest.mark.exhaustive
def test_derivatives_at_a_class_that_cannot_occur() -> None:
    x, y = jnp.array([0.0, 0.5, -jnp.inf]), jnp.array([0.5, 0.5, 0.0])
    for loss in (losses.softmax_cross_entropy, losses.safe_softmax_cross_entropy):
        value, (of_x, of_y) = jax.value_and_grad(loss, argnums=(0, 1))(x, y)
        np.testing.assert_allclose(
            value, reference.cross_entropy(np.array([0.0, 0.5]), np.array([0.5, 0.5])), rtol=1e-6
        )
        assert np.isfinite(of_x).all()
        assert np.isfinite(of_y).all()
        assert of_x[2] == 0
    value, slope = jax.value_and_grad(losses.kl_divergence)(x, y)
    assert np.isfinite(value)
    assert np.isfinite(slope).all()
    got = losses.kl_divergence_with_log_targets(x, jnp.log(y))
    np.testing.assert_allclose(got, value, rtol=1e-6)
    slope = jax.grad(losses.kl_divergence_with_log_targets)(x, jnp.log(y))
    assert np.isfinite(slope).all()


def test_the_derivative_by_labels_of_zero_is_the_log_probability() -> None:
    x, y = jnp.array([0.0, 0.0]), jnp.array([1.0, 0.0])
    np.testing.assert_allclose(jax.grad(losses.softmax_cross_entropy, 1)(x, y), [np.log(2)] * 2, rtol=1e-6)


@pytest.mark.exhaustive
def test_zero_vectors_have_the_similarity_zero() -> None:
    value, slope = jax.value_and_grad(losses.cosine_similarity)(jnp.zeros(3), jnp.ones(3))
    assert value == 0
    assert not np.asarray(slope).any()
    for size in (1e-25, 1e25):
        got = losses.cosine_similarity(jnp.full(3, size), jnp.ones(3))
        np.testing.assert_allclose(got, 1, rtol=1e-6)


def test_log_cosh_is_exact_near_zero() -> None:
    np.testing.assert_allclose(
        losses.log_cosh(jnp.array([1e-5, 0.3])), [5e-11, np.log(np.cosh(0.3))], rtol=1e-6
    )


def test_smoothed_labels_have_the_sum_one_over_the_classes_that_count() -> None:
    y, where = jnp.array([1.0, 0.0, 0.0]), jnp.array([True, True, False])
    np.testing.assert_allclose(losses.smooth_labels(y, 0.5, where=where), [0.75, 0.25, 0.0])


@pytest.mark.exhaustive
def test_pairs_without_a_partner_have_no_loss() -> None:
    value, slope = jax.value_and_grad(losses.ntxent)(jnp.eye(3), jnp.arange(3))
    assert value == 0
    assert np.isfinite(slope).all()


@pytest.mark.parametrize("reduce_fn", [jnp.mean, jnp.sum, jnp.max, None])
def test_lists_without_items(reduce_fn: Any) -> None:
    x, y = jnp.array([[0.0, 1.0], [2.0, 3.0]]), jnp.array([[1, 0], [0, 1]])
    if reduce_fn is not jnp.max:
        got = losses.ranking_softmax_loss(x, y, where=jnp.array([[1, 1], [0, 0]]), reduce_fn=reduce_fn)
        alone = losses.ranking_softmax_loss(x[:1], y[:1], reduce_fn=reduce_fn)
        np.testing.assert_allclose(got, alone if reduce_fn else [alone[0], 0], rtol=1e-6)
        none = losses.ranking_softmax_loss(x, y, where=jnp.zeros((2, 2)), reduce_fn=reduce_fn)
        assert not np.asarray(none).any()


@pytest.mark.exhaustive
def test_a_fenchel_young_loss_of_the_log_sum_is_the_cross_entropy() -> None:
    x, y = over_classes(losses.softmax_cross_entropy, (3, 4))
    loss = losses.make_fenchel_young_loss(jax.nn.logsumexp)
    np.testing.assert_allclose(loss(x, y), losses.softmax_cross_entropy(x, y), rtol=1e-6)
    scaled = losses.make_fenchel_young_loss(lambda row, scale: scale * jnp.max(row))
    np.testing.assert_allclose(scaled(x, 0 * y, 2.0), 2 * jnp.max(x, -1), rtol=1e-6)


@pytest.mark.exhaustive
def test_dice_refuses_what_does_not_fit() -> None:
    x = jnp.ones((2, 3, 4))
    with pytest.raises(ValueError, match="must have one shape"):
        losses.dice_loss(x, jnp.ones((2, 3, 5)))
    with pytest.raises(ValueError, match="reduction must be one of"):
        losses.dice_loss(x, x, reduction="average")
    with pytest.raises(ValueError, match=r"class_weights must have the shape \(4,\)"):
        losses.dice_loss(x, x, class_weights=jnp.ones(3))
    assert losses.dice_loss(x, x, reduction="none").shape == (2, 4)


# The arrays of these are one example, or their rows are not the examples.
WHOLE = (
    "ntxent",
    "ranking",
    "multiclass_generalized",
    "dice",
    "binary_dice",
    "ctc",
    "chunked",
    "smooth_labels",
)


@pytest.mark.parametrize("name", [name for name in CASES if not name.startswith(WHOLE)])
def test_vmap_over_examples_is_the_batch(name: str) -> None:
    case = CASES[name]
    arrays, options = cast(case.arrays, jnp.float32), options_of(name, jnp.float32)
    got = jax.vmap(lambda *rows: case.loss(*rows, **options))(*arrays)
    np.testing.assert_allclose(got, case.loss(*arrays, **options), rtol=1e-6, atol=1e-6)
    assert len(got) == N


@pytest.mark.exhaustive
def test_a_mask_of_examples_lacks_the_axis_of_the_classes_wherever_that_is() -> None:
    x, labels, where = jnp.zeros((2, 3)), jnp.array([0, 1, 0]), jnp.array([1, 0, 1])
    got = losses.softmax_cross_entropy_with_integer_labels(x, labels, axis=0, where=where)
    np.testing.assert_allclose(got, [np.log(2), 0, np.log(2)], rtol=1e-6)
