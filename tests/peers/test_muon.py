"""Muon beside Optax and PyTorch, and where they differ."""

from typing import Any

import jax.numpy as jnp
import numpy as np
import optax
import pytest
from optax.contrib import MuonDimensionNumbers

import gradtx
from tests.peers import pytorch
from tests.peers.comparison import disagreement, optax_trajectory
from tests.trajectories import gradients, parameters, rate, relative_error, trajectory

torch = pytest.importorskip("torch")

SHAPES = {"wide": (3, 5), "tall": (6, 4)}
DEFAULT, TABLE = (3.4445, -4.7750, 2.0315), ((3.0, -3.5, 1.4), (2.5, -2.4, 0.8), (1.875, -1.25, 0.375))
OPTIONS = {"ns_coeffs": TABLE, "ns_steps": 3, "beta": 0.8, "eps": 1e-2}


def theirs(weight_dimension_numbers: Any = None, **options: Any) -> Any:
    """Optax's direction; it wants the numbers of the axes at every leaf."""
    numbers = weight_dimension_numbers or dict.fromkeys(SHAPES, MuonDimensionNumbers())
    return optax.contrib.scale_by_muon(**options, weight_dimension_numbers=numbers)


@pytest.mark.parametrize("nesterov", [True, False])
@pytest.mark.parametrize("options", [OPTIONS, {"ns_coeffs": DEFAULT, "beta": 0.8, "ns_steps": 4}, {}])
def test_optax_direction(nesterov, options):
    ours = gradtx.scale_by_muon(**options, nesterov=nesterov, debias=True)
    assert disagreement(ours, theirs(nesterov=nesterov, **options), shapes=SHAPES) < 3e-5


def test_optax_without_nesterov_differs_by_the_place_of_epsilon_alone():
    options = OPTIONS | {"eps": 0.0}
    ours = gradtx.scale_by_muon(**options, nesterov=False)
    assert disagreement(ours, theirs(nesterov=False, **options), shapes=SHAPES) < 3e-5


def test_optax_weighs_the_gradient_otherwise_in_its_first_updates():
    """Optax corrects each term for its own number of steps; Jordan's code does not. Both numbers.

    After the gradients (1, 0) and (0, 1) on the diagonal, with a polynomial that changes nothing, the
    quotient of the update's two elements is (1 + b) / b^2 here, and 1 / b + (1 - b^3) / (b^2 - b^4) there.
    """
    options = {"ns_coeffs": (1.0, 0.0, 0.0), "ns_steps": 1, "eps": 0.0}
    steps = [{"w": np.diag(np.float32([1.0, 0.0]))}, {"w": np.diag(np.float32([0.0, 1.0]))}]
    ours = trajectory(gradtx.scale_by_muon(**options), steps[0], steps)[0]["w"]
    optaxs = optax_trajectory(theirs({"w": MuonDimensionNumbers()}, **options), steps[0], steps)[0]["w"]
    np.testing.assert_allclose(ours[0], optaxs[0], rtol=1e-6)  # one gradient has one direction
    assert ours[1, 1, 1] / ours[1, 0, 0] == pytest.approx(1.95 / 0.9025, rel=1e-5)  # 2.16
    assert optaxs[1, 1, 1] / optaxs[1, 0, 0] == pytest.approx(2.6735, abs=1e-3)


def test_optax_applies_a_table_once():
    """For Optax `ns_steps` has no say in a table but that it is refused where it is shorter."""
    params, steps = parameters(shapes=SHAPES), gradients(steps=1, shapes=SHAPES)
    numbers = dict.fromkeys(SHAPES, MuonDimensionNumbers())
    longer = OPTIONS | {"ns_steps": 5}
    right = optax_trajectory(theirs(numbers, **longer), params, steps)[0]
    once = trajectory(gradtx.scale_by_muon(**OPTIONS, debias=True), params, steps)[0]
    repeated = trajectory(gradtx.scale_by_muon(**longer, debias=True), params, steps)[0]
    assert relative_error(right, once) < 3e-5
    assert relative_error(right, repeated) > 0.01
    with pytest.raises(ValueError, match="Not enough coeffs"):
        theirs(numbers, **OPTIONS | {"ns_steps": 2}).init(params)


@pytest.mark.parametrize("nesterov", [True, False])
@pytest.mark.parametrize("consistent_rms", [None, 0.3])
@pytest.mark.parametrize("preset", ["standard", "dion"])
def test_optax_optimizer(consistent_rms, preset, nesterov):
    """All arguments that both have, on matrices, a convolution and a vector."""
    shapes = SHAPES | {"vector": (4,), "convolution": (2, 2, 3, 4)}
    options = {
        "ns_coeffs": preset,
        "beta": 0.8,
        "eps": 1e-3,
        "weight_decay": 0.2,
        "weight_decay_mask": {"wide": True, "tall": False, "vector": True, "convolution": True},
        "nesterov": nesterov,
        "adam_b1": 0.7,
        "adam_b2": 0.97,
        "adam_eps_root": 1e-3,
        "adam_weight_decay": 0.3,
        "adam_learning_rate": 0.05,
        "consistent_rms": consistent_rms,
    }
    mask = options["weight_decay_mask"]
    optax_options = options | {"weight_decay_mask": lambda tree: {name: mask[name] for name in tree}}
    ours = gradtx.muon(rate, **options, debias=True)
    assert disagreement(ours, optax.contrib.muon(rate, **optax_options), shapes=shapes) < 3e-5


def test_a_convolution_has_adam_as_in_optax():
    shapes = {"k": (3, 3, 4, 8)}
    params, steps = parameters(shapes=shapes), gradients(steps=1, shapes=shapes)
    ours = trajectory(gradtx.muon(0.1), params, steps)[0]["k"]
    theirs = optax_trajectory(optax.contrib.muon(0.1), params, steps)[0]["k"]
    assert np.linalg.norm(ours) == pytest.approx(2.5009, abs=1e-4)
    assert np.linalg.norm(theirs) == pytest.approx(2.5009, abs=1e-4)


@pytest.mark.parametrize("shape", [(3, 3, 4, 8), (2, 2, 3, 2, 5)], ids=str)
def test_a_convolution_as_one_matrix_is_that_of_optax(shape):
    numbers = gradtx.MuonDimensionNumbers(tuple(range(len(shape) - 1)), -1)
    optaxs = theirs({"k": MuonDimensionNumbers(numbers.reduction_axis, (len(shape) - 1,))})
    assert disagreement(gradtx.scale_by_muon(debias=True), optaxs, shapes={"k": shape}) < 3e-5


def test_optax_dimension_numbers():
    shapes = {"query": (4, 2, 3), "out": (2, 3, 4)}
    numbers = {"query": (0, 2), "out": ((0, 1), 2)}
    ours = gradtx.scale_by_muon(
        debias=True,
        weight_dimension_numbers={k: gradtx.MuonDimensionNumbers(*v) for k, v in numbers.items()},
    )
    optaxs = theirs({name: MuonDimensionNumbers(*pair) for name, pair in numbers.items()})
    assert disagreement(ours, optaxs, shapes=shapes) < 3e-5


def test_optax_arguments_and_state_have_their_names():
    assert gradtx.MuonState._fields == optax.contrib.MuonState._fields[:2]
    tx = gradtx.muon(0.1, DEFAULT, 5, 0.95, 1e-8, 0.1, None, None, nesterov=True)
    params = {"up": {"kernel": jnp.ones((2, 3)), "bias": jnp.ones(3)}}
    assert set(tx.init(params)[0].inner_states) == set(optax.contrib.muon(0.1).init(params).inner_states)


def test_torch_rounds_to_bfloat16():
    """The known disagreement: its products and their sums are in bfloat16. Both numbers."""
    params, steps = parameters("float32", SHAPES), gradients("float32", 20, SHAPES)
    model = pytorch.as_model(params)
    optimizer = torch.optim.Muon(model.values(), lr=0.1, momentum=0.8, weight_decay=0.2, ns_steps=4)
    expected = pytorch.updates_of(model, steps, lambda t: optimizer.step())
    wide, narrow = (
        gradtx.muon(0.1, beta=0.8, weight_decay=0.2, eps=0.0, ns_steps=4, ns_dtype=dtype)
        for dtype in (None, "bfloat16")
    )
    for tx in (wide, narrow):
        assert 1e-3 < relative_error(trajectory(tx, params, steps)[0], expected) < 0.1
