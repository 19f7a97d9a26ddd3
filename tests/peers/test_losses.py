"""Losses, trees and projections against Optax and PyTorch, over random arguments."""

import inspect
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gradtx import losses, projections, tree, tree_utils
from tests.losses.cases import CASES
from tests.losses.test_losses import cast, options_of

optax = pytest.importorskip("optax")
torch = pytest.importorskip("torch")
F = torch.nn.functional

BEYOND_OPTAX = ("label_smoothing", "z_loss", "where", "axis")
"""Parameters that Optax does not have on every loss."""

OF_OPTAX = [name for name in CASES if hasattr(optax.losses, CASES[name].loss.__name__)]


def test_all_losses_but_one_are_those_of_optax() -> None:
    ours = set(losses.__all__)
    theirs = {name for name in dir(optax.losses) if callable(getattr(optax.losses, name))}
    assert ours - theirs == {"chunked_cross_entropy"}
    assert theirs <= ours
    assert losses.convex_kl_divergence is losses.generalized_kl_divergence  # deprecated for it


@pytest.mark.parametrize("name", sorted(set(losses.__all__) - {"chunked_cross_entropy"}))
def test_it_has_optax_s_parameters(name: str) -> None:
    """In their order and kind; further ones are by keyword alone."""
    theirs = inspect.signature(getattr(optax.losses, name)).parameters
    ours = inspect.signature(getattr(losses, name)).parameters
    shared = [parameter for parameter in ours if parameter in theirs]
    assert shared == list(theirs)
    for parameter in theirs:
        assert ours[parameter].kind == theirs[parameter].kind
        if parameter != "log_epsilon":
            assert ours[parameter].default == theirs[parameter].default
    for parameter in set(ours) - set(theirs):
        assert parameter in BEYOND_OPTAX
        assert ours[parameter].kind == inspect.Parameter.KEYWORD_ONLY or name == "safe_softmax_cross_entropy"


@pytest.mark.parametrize("name", OF_OPTAX)
def test_values_and_derivatives_are_optax_s(name: str) -> None:
    case = CASES[name]
    if set(case.options) & set(BEYOND_OPTAX) or case.loss is losses.triplet_margin_loss:
        pytest.skip("an option that Optax does not have, or a difference (an odd degree)")
    with jax.enable_x64(True), jax.numpy_rank_promotion("allow"), jax.numpy_dtype_promotion("standard"):
        options = options_of(name, jnp.float64)
        arrays = cast(case.arrays, jnp.float64)

        def total(loss: Any, x: Any) -> Any:
            return jnp.sum(jnp.cos(loss(x, *arrays[1:], **options)))

        ours = jax.value_and_grad(lambda x: total(case.loss, x))(arrays[0])
        theirs = jax.value_and_grad(lambda x: total(getattr(optax.losses, case.loss.__name__), x))(arrays[0])
    for got, expected in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(got, expected, rtol=1e-6, atol=1e-7)


X, Y = np.random.default_rng(0).normal(size=(2, 6, 5))
LABELS = np.array([0, 4, 2, 2, 1, 3])
TORCH = {
    "squared_error": (losses.squared_error, (X, Y), lambda x, y: F.mse_loss(x, y, reduction="none")),
    "huber_loss": (losses.huber_loss, (X, Y), lambda x, y: F.huber_loss(x, y, reduction="none")),
    "cosine_similarity": (losses.cosine_similarity, (X, Y), F.cosine_similarity),
    "cross_entropy": (
        losses.softmax_cross_entropy_with_integer_labels,
        (X, LABELS),
        lambda x, y: F.cross_entropy(x, y, reduction="none"),
    ),
    "label smoothing": (
        lambda x, y: losses.softmax_cross_entropy_with_integer_labels(x, y, label_smoothing=0.3),
        (X, LABELS),
        lambda x, y: F.cross_entropy(x, y, reduction="none", label_smoothing=0.3),
    ),
    "binary_cross_entropy": (
        losses.sigmoid_binary_cross_entropy,
        (X, 1 / (1 + np.exp(-Y))),
        lambda x, y: F.binary_cross_entropy_with_logits(x, y, reduction="none"),
    ),
    "kl_div": (
        losses.kl_divergence,
        (X, np.exp(Y)),
        lambda x, y: F.kl_div(x, y, reduction="none").sum(-1),
    ),
    "triplet": (
        lambda x, y: losses.triplet_margin_loss(x, y, 0.5 * y, norm_degree=3, eps=0.0),
        (X, Y),
        lambda x, y: F.triplet_margin_loss(x, y, 0.5 * y, p=3, eps=0.0, reduction="none"),
    ),
    "ctc": (
        lambda x: losses.ctc_loss(x, jnp.zeros((2, 3)), jnp.array([[1, 2], [3, 3]]), jnp.zeros((2, 2))),
        (X.reshape(2, 3, 5),),
        lambda x: F.ctc_loss(
            x.log_softmax(-1).transpose(0, 1),
            torch.tensor([[1, 2], [3, 3]]),
            torch.tensor([3, 3]),
            torch.tensor([2, 2]),
            reduction="none",
        ),
    ),
}


@pytest.mark.parametrize("name", TORCH)
def test_values_and_derivatives_are_pytorch_s(name: str) -> None:
    loss, arrays, theirs = TORCH[name]
    tensors = [torch.tensor(array) for array in arrays]
    tensors[0].requires_grad_()
    expected = theirs(*tensors)
    expected.cos().sum().backward()
    with jax.enable_x64(True):
        ours = [jnp.asarray(array) for array in arrays]
        got = loss(*ours)
        slope = jax.grad(lambda x: jnp.sum(jnp.cos(loss(x, *ours[1:]))))(ours[0])
    np.testing.assert_allclose(got, expected.detach().numpy(), rtol=1e-6)
    np.testing.assert_allclose(slope, tensors[0].grad.numpy(), rtol=1e-6, atol=1e-9)


def test_every_name_of_a_tree_is_here_with_its_parameters() -> None:
    """Except for what other names are for; `norm` ignores integers, and has an axis over devices."""
    theirs = {name for name in dir(optax.tree) if not name.startswith("_")}
    assert theirs <= set(tree.__all__)
    for name in theirs & set(tree.__all__):
        expected = list(inspect.signature(getattr(optax.tree, name)).parameters)
        got = inspect.signature(getattr(tree, name)).parameters
        assert [parameter for parameter in got if parameter in expected] == expected, name
        own = set(got) - set(expected)
        assert all(got[parameter].kind == inspect.Parameter.KEYWORD_ONLY for parameter in own), name


TREES = [
    {"a": np.array([1.5, -2.0, 0.25], np.float32), "b": [np.float32(3.0)]},
    {"a": np.array([0.5, 4.0, -1.0], np.float32), "b": [np.float32(-1.0)]},
]
CALLS = {
    "add": lambda t, x, y: t.add(x, y, x),
    "sub": lambda t, x, y: t.sub(x, y),
    "mul": lambda t, x, y: t.mul(x, y),
    "div": lambda t, x, y: t.div(x, y),
    "scale": lambda t, x, y: t.scale(0.5, x),
    "add_scale": lambda t, x, y: t.add_scale(x, 0.5, y),
    "vdot": lambda t, x, y: t.vdot(x, y),
    "sum": lambda t, x, y: t.sum(x),
    "max": lambda t, x, y: t.max(x),
    "min": lambda t, x, y: t.min(x),
    "size": lambda t, x, y: t.size(x),
    "norm": lambda t, x, y: [t.norm(x), t.norm(x, 1), t.norm(x, "inf"), t.norm(x, squared=True)],
    "conj": lambda t, x, y: t.conj(x),
    "real": lambda t, x, y: t.real(x),
    "clip": lambda t, x, y: t.clip(x, -1.0, 1.0),
    "where": lambda t, x, y: t.where(False, x, y),
    "allclose": lambda t, x, y: [t.allclose(x, y), t.allclose(x, x)],
    "batch_shape": lambda t, x, y: t.batch_shape(x, (2,)),
    "ones_like": lambda t, x, y: t.ones_like(x),
    "zeros_like": lambda t, x, y: t.zeros_like(x, jnp.bfloat16),
    "full_like": lambda t, x, y: t.full_like(x, 3.0),
    "cast": lambda t, x, y: t.cast(x, jnp.float16),
    "cast_like": lambda t, x, y: t.cast_like(x, t.cast(y, jnp.float16)),
    "random_like": lambda t, x, y: t.random_like(jax.random.key(1), x),
    "split_key_like": lambda t, x, y: t.unwrap_random_key_data(t.split_key_like(jax.random.key(1), x)),
    "update_moment": lambda t, x, y: t.update_moment(x, y, 0.9, 2),
    "update_infinity_moment": lambda t, x, y: t.update_infinity_moment(x, t.mul(y, y), 0.9, 0.1),
    "update_moment_per_elem_norm": lambda t, x, y: t.update_moment_per_elem_norm(x, y, 0.9, 3),
    "bias_correction": lambda t, x, y: t.bias_correction(x, 0.9, jnp.array(3)),
}


@pytest.mark.parametrize("name", CALLS)
def test_a_function_of_a_tree_is_optax_s(name: str) -> None:
    x, y = (jax.tree.map(jnp.asarray, each) for each in TREES)
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        ours, theirs = CALLS[name](tree, x, y), CALLS[name](optax.tree, x, y)
    assert jax.tree.structure(ours) == jax.tree.structure(theirs)
    for got, expected in zip(jax.tree.leaves(ours), jax.tree.leaves(theirs), strict=True):
        assert jnp.result_type(got) == jnp.result_type(expected)
        np.testing.assert_allclose(got, expected, rtol=2e-6, atol=1e-7)


NORMAL = {"a": np.array([0.5, 4.0, -1.0], np.float32), "b": [np.float32(-1.0)]}
PROJECTIONS = dict.fromkeys(projections.__all__, ()) | {
    "projection_box": (-1.0, 0.5),
    "projection_halfspace": (NORMAL, 0.7),
    "projection_hyperplane": (NORMAL, 0.7),
    "projection_vector": (NORMAL,),
}


@pytest.mark.parametrize("name", projections.__all__)
def test_a_projection_is_optax_s(name: str) -> None:
    ours, theirs = getattr(projections, name), getattr(optax.projections, name)
    assert list(inspect.signature(ours).parameters) == list(inspect.signature(theirs).parameters)
    alone = name in ("projection_box", "projection_hypercube")  # Optax takes numbers for one array alone
    for x in [jax.tree.map(jnp.asarray, each["a"] if alone else each) for each in TREES]:
        arguments = jax.tree.map(jnp.asarray, PROJECTIONS[name])
        with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
            got, expected = ours(x, *arguments), theirs(x, *arguments)
        for one, other in zip(jax.tree.leaves(got), jax.tree.leaves(expected), strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)
    assert {n for n in dir(optax.projections) if n.startswith("projection")} == set(projections.__all__)


def test_the_older_spelling_has_the_same_functions() -> None:
    theirs = {name for name in dir(optax.tree_utils) if name.startswith("tree_")} | {"NamedTupleKey"}
    assert theirs == set(tree_utils.__all__)
    for name in theirs - {"NamedTupleKey"}:
        function = getattr(tree_utils, name)
        if function is not getattr(tree, name.removeprefix("tree_"), None):
            x = jnp.array([3.0, -4.0])
            arguments = {"tree_scalar_mul": (2.0, x), "tree_add_scalar_mul": (x, 2.0, x)}.get(name, (x,))
            np.testing.assert_allclose(function(*arguments), getattr(optax.tree_utils, name)(*arguments))
