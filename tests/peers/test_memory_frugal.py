"""Adafactor and SM3 beside Optax and PyTorch: agreement, known disagreements, and what a step costs."""

import inspect
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import gradtx
from tests.peers.comparison import disagreement, optax_trajectory, permissive
from tests.peers.test_compiled import temporaries, transcendentals
from tests.trajectories import gradients, in_precision_of, parameters, rate, relative_error, trajectory

# No two of Optax's two longest axes are equal: it orders those with a sort that is free to swap them.
SHAPES = {
    "wide": (5, 7),
    "tall": (7, 5),
    "stack": (6, 3, 5),
    "kernel": (2, 6, 3, 5),
    "short": (9, 4),
    "vector": (7,),
    "scalar": (),
}
STATISTICS = {"decay_rate": 0.7, "epsilon": 2e-2, "min_dim_size_to_factor": 5}
OPTIONS = {"decay_rate": 0.7, "eps": 2e-2, "min_dim_size_to_factor": 5}
ROW = {"w": (5, 7)}


def at_most(count: Any, rate: Any) -> Any:
    """Another decay, of Python's integers and JAX's arrays: the power, bounded."""
    return jnp.minimum(1.0 - (count + 1.0) ** -rate, 0.6)


@pytest.mark.parametrize(
    ("name", "args", "kwargs"),
    [
        ("scale_by_factored_rms", (), STATISTICS),
        ("scale_by_factored_rms", (False,), STATISTICS),
        ("scale_by_factored_rms", (), STATISTICS | {"decay_rate_fn": at_most}),
        ("scale_by_param_block_rms", (0.7,), {}),
        ("adafactor", (rate,), OPTIONS),
        ("adafactor", (rate,), OPTIONS | {"clipping_threshold": 0.9, "momentum": 0.6}),
        ("adafactor", (rate,), OPTIONS | {"weight_decay_rate": 0.1, "factored": False}),
        ("adafactor", (rate,), OPTIONS | {"clipping_threshold": None, "multiply_by_parameter_scale": False}),
        (
            "adafactor",
            (rate,),
            OPTIONS
            | {"weight_decay_rate": rate, "weight_decay_mask": {name: name == "wide" for name in SHAPES}},
        ),
    ],
)
def test_trajectory(name, args, kwargs):
    """Within 3e-5 over 20 steps, as `test_optax.py` has it."""
    ours, theirs = getattr(gradtx, name)(*args, **kwargs), getattr(optax, name)(*args, **kwargs)
    assert disagreement(ours, theirs, shapes=SHAPES) < 3e-5


@pytest.mark.parametrize(
    ("name", "args"),
    [("sm3", (0.1,)), ("sm3", (0.1, 0.5)), ("scale_by_sm3", ()), ("scale_by_sm3", (0.7, 0.8, 2e-2))],
)
def test_sm3(name, args):
    """Of every leaf but scalars, which Optax's refuses with an IndexError."""
    shapes = {key: shape for key, shape in SHAPES.items() if shape}
    ours, theirs = getattr(gradtx, name)(*args), getattr(optax, name)(*args)
    assert disagreement(ours, theirs, shapes=shapes) < 3e-5
    params, steps = parameters(shapes=shapes), gradients(shapes=shapes)
    *_, state = trajectory(gradtx.scale_by_sm3(), params, steps)
    *_, beside = optax_trajectory(optax.scale_by_sm3(), params, steps)
    assert type(state).__name__ == type(beside).__name__
    assert relative_error(state.nu, beside.nu) < 3e-5
    for axis, tree in enumerate(state.mu):
        for key, shape in shapes.items():
            if axis < len(shape):
                np.testing.assert_allclose(tree[key], beside.mu[key][axis], rtol=1e-5)
    with permissive(), pytest.raises(IndexError):
        optax.scale_by_sm3().update(jnp.ones(()), optax.scale_by_sm3().init(jnp.ones(())))


@pytest.mark.parametrize(
    "name", ["scale_by_factored_rms", "scale_by_param_block_rms", "scale_by_sm3", "adafactor", "sm3"]
)
def test_signature(name):
    """Optax's parameters come first, in its order and with its defaults; `decay_rate_fn` is `None` here."""
    ours, theirs = (inspect.signature(getattr(library, name)).parameters for library in (gradtx, optax))
    assert list(ours)[: len(theirs)] == list(theirs)
    for key in set(theirs) - {"decay_rate_fn"}:
        assert ours[key].default == theirs[key].default, key


def test_state():
    """The same numbers under the same names; where a leaf has none, Optax keeps an array of one zero."""
    params, steps = parameters(shapes=SHAPES), gradients(shapes=SHAPES)
    *_, ours = trajectory(gradtx.scale_by_factored_rms(**STATISTICS), params, steps)
    *_, theirs = optax_trajectory(optax.scale_by_factored_rms(**STATISTICS), params, steps)
    assert type(ours).__name__ == type(theirs).__name__
    assert ours._fields == theirs._fields
    assert ours.count == theirs.count
    for field in ("v_row", "v_col", "v"):
        for name, kept in getattr(ours, field).items():
            beside = getattr(theirs, field)[name]
            if kept == gradtx.MaskedNode():
                np.testing.assert_array_equal(beside, np.zeros(1))
            else:
                np.testing.assert_allclose(kept, beside, rtol=1e-5)


def test_without_a_learning_rate_optax_steps_a_hundred_times_as_far():
    """Algorithm 6 has min(1e-2, 1 / sqrt(t)); Optax leaves the factor out."""
    params, gradient = jnp.full(4, 2.0), jnp.array([0.1, -0.2, 0.3, -0.4])
    steps = []
    for library in (gradtx, optax):
        tx = library.adafactor()
        with permissive():
            steps.append(tx.update(gradient, tx.init(params), params)[0])
    signs = np.array([-1.0, 1.0, -1.0, 1.0])
    np.testing.assert_allclose(steps[0], 1e-2 * 2.0 * signs, rtol=1e-6)
    np.testing.assert_allclose(steps[1], 1.0 * 2.0 * signs, rtol=1e-6)


def test_in_16_bits_optax_loses_its_averages():
    """Its state has the parameters' dtype: where 1 minus the decay is small, an average cannot fall."""
    params, steps, begun = jnp.zeros(2, jnp.bfloat16), 300, 9999
    averages = []
    for library in (gradtx, optax):
        tx = library.scale_by_factored_rms()
        with permissive():
            _, state = tx.update(jnp.ones(2, jnp.bfloat16), tx.init(params), params)
            state = state._replace(count=jnp.int32(begun))
            update = jax.jit(tx.update)
            for _ in range(steps):
                _, state = update(params, state, params)
        averages.append(float(state.v[0]))
    exact = np.prod(1 - (begun + 1 + np.arange(steps)) ** -0.8)
    np.testing.assert_allclose(averages[0], exact, rtol=1e-5)
    assert exact < 0.83
    assert averages[1] == 1.0


def test_pytorch_has_its_epsilon_in_the_denominator():
    """The paper adds epsilon to the squares; PyTorch bounds the root from below by it."""
    torch = pytest.importorskip("torch")
    eps, g = 1e-2, 1e-3
    param = torch.nn.Parameter(torch.ones(1, dtype=torch.float64))
    param.grad = torch.full((1,), g, dtype=torch.float64)
    torch.optim.Adafactor([param], lr=1.0, eps=(eps, 1e-3)).step()
    np.testing.assert_allclose(1.0 - param.item(), g / eps, rtol=1e-12)
    with in_precision_of("float64"):
        tx = gradtx.adafactor(1.0, eps=eps)
        update, _ = tx.update(np.array([g]), tx.init(np.ones(1)), np.ones(1))
    np.testing.assert_allclose(-update[0], g / np.sqrt(g**2 + eps), rtol=1e-12)


@pytest.mark.parametrize(
    "tx",
    [
        gradtx.adafactor(1e-3),
        gradtx.adafactor(),
        gradtx.adafactor(1e-3, momentum=0.9, weight_decay_rate=1e-3),
        gradtx.adafactor(1e-3, clipping_threshold=None),
        gradtx.adafactor(1e-3, factored=False),
        gradtx.sm3(1e-3),
    ],
    ids=["adafactor", "relative step", "momentum and decay", "no clipping", "not factored", "sm3"],
)
def test_a_step_keeps_no_copy_of_the_gradients(tx):
    """Rows, columns and scalars: 1.3% of these small matrices, and less the larger they are."""
    assert temporaries(tx) < 0.02


@pytest.mark.parametrize("shortest", [2, 128])
def test_the_decay_and_the_relative_step_are_computed_once_a_step(shortest):
    tx = gradtx.adafactor(min_dim_size_to_factor=shortest)
    one = transcendentals(tx, leaves=1)
    assert one["power"] > 0
    assert transcendentals(tx, leaves=12) == one


def test_what_the_fused_clipping_spares():
    """Optax, and the same two transformations one after another here, store every update whole."""
    apart = gradtx.chain(gradtx.scale_by_factored_rms(), gradtx.clip_by_block_rms(1.0), gradtx.scale(-1e-3))
    assert temporaries(apart) > 0.99
    assert temporaries(optax.adafactor(1e-3)) > 0.99
