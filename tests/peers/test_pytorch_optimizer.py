"""The package pytorch_optimizer over 20 steps in double precision, for rules that are rare elsewhere."""

from typing import Any

import numpy as np
import pytest

import gradtx
from gradtx import cautious, chain, masked, scale_by_learning_rate, scale_by_mars, scale_by_shampoo
from tests.trajectories import (
    SHAPES,
    gradients,
    in_precision_of,
    parameters,
    rate,
    relative_error,
    trajectory,
)

torch = pytest.importorskip("torch")
library = pytest.importorskip("pytorch_optimizer")

STEPS = 20
B1, B2, B3, EPS, DECAY = 0.85, 0.97, 0.99, 1e-2, 0.2
BETAS = {"betas": (B1, B2), "eps": EPS}
MATRIX = {"matrix": (4, 3)}

EXACT = 1e-12  # both compute in double precision, in another order
FLOOR = 1e-10  # they add 1e-15 to every average square
EPSILON = 1e-6  # epsilon stands elsewhere, and is small
HALF = 2.0**-5  # theirs orthogonalizes in bfloat16, in five steps of a few roundings of 2**-9 each


TINY_EPS = 1e-10
MARS = {"betas": (B1, B2), "gamma": 0.05, "eps": TINY_EPS}

CASES: dict[str, tuple[Any, str, dict[str, Any], Any, float]] = {
    # Their epsilon is added before the second moment is corrected.
    "mars": (
        gradtx.mars(0.1, B1, B2, 0.3, 0.0, weight_decay=DECAY),
        "MARS",
        {"lr": 0.1, "betas": (B1, B2), "gamma": 0.3, "eps": 0.0, "weight_decay": DECAY},
        MATRIX,
        FLOOR,
    ),
    "adan": (
        gradtx.adan(0.1, B1, 0.7, B2, EPS, weight_decay=DECAY),
        "Adan",
        {"lr": 0.1, "betas": (B1, 0.7, B2), "eps": EPS, "weight_decay": DECAY, "weight_decouple": True},
        SHAPES,
        FLOOR,
    ),
    # Their steps count the first gradient, which the paper's t does not.
    "adopt": (
        gradtx.adopt(rate, B1, B2, EPS),
        "ADOPT",
        BETAS | {"clip_lambda": lambda step: (step - 1) ** 0.25},
        SHAPES,
        EXACT,
    ),
    "ademamix": (
        gradtx.ademamix(
            0.1,
            B1,
            B2,
            gradtx.ademamix_b3_schedule(B3, 7, B1),
            gradtx.ademamix_alpha_schedule(3.0, 7),
            EPS,
        ),
        "AdEMAMix",
        {"lr": 0.1, "betas": (B1, B2, B3), "alpha": 3.0, "eps": EPS, "t_alpha_beta3": 7},
        SHAPES,
        EXACT,
    ),
    # Their epsilon is added before the second moment is corrected.
    "adamc": (
        gradtx.adamc(rate, B1, B2, TINY_EPS, weight_decay=DECAY, max_learning_rate=0.1),
        "AdamC",
        {"betas": (B1, B2), "eps": TINY_EPS, "weight_decay": DECAY},
        SHAPES,
        EPSILON,
    ),
    # They add the two sums in single precision.
    "dadapt_adamw": (
        gradtx.dadapt_adamw(1.0, (B1, B2), EPS, 0.1, DECAY),
        "DAdaptAdam",
        BETAS | {"d0": 0.1, "weight_decay": DECAY, "weight_decouple": True, "lr": 1.0},
        SHAPES,
        EPSILON,
    ),
    "prodigy": (
        gradtx.prodigy(1.0, (B1, B2), estim_lr0=1e-3, estim_lr_coef=0.7, weight_decay=DECAY),
        "Prodigy",
        {"betas": (B1, B2), "d0": 1e-3, "d_coef": 0.7, "weight_decay": DECAY, "lr": 1.0},
        SHAPES,
        EXACT,
    ),
    "schedule-free adamw": (
        gradtx.schedule_free_adamw(0.1, None, B1, B2, EPS),
        "ScheduleFreeAdamW",
        BETAS | {"lr": 0.1},
        SHAPES,
        EXACT,
    ),
    "novograd": (
        gradtx.novograd(rate, B1, B2, 0.0),
        "NovoGrad",
        BETAS | {"eps": 0.0},
        SHAPES,
        EXACT,
    ),
    # Theirs adds epsilon to the rate.
    "madgrad": (
        gradtx.madgrad(0.1 + EPS, 0.7, DECAY, EPS),
        "MADGRAD",
        {"lr": 0.1, "momentum": 0.7, "eps": EPS, "weight_decay": DECAY},
        SHAPES,
        EXACT,
    ),
    "fromage": (gradtx.fromage(rate), "Fromage", {}, SHAPES, EXACT),
    "signum": (gradtx.signum(rate, B1), "SignSGD", {"momentum": B1}, SHAPES, EXACT),
    "sm3": (gradtx.sm3(rate, 0.0), "SM3", {}, SHAPES, EPSILON),
    "soap": (
        gradtx.soap(rate, B1, B2, 1e-8, update_interval=3, shampoo_beta=0.9, param_labels={"matrix": "soap"}),
        "SOAP",
        {"betas": (B1, B2), "shampoo_beta": 0.9, "precondition_frequency": 3, "weight_decay": 0.0},
        MATRIX,
        EPSILON,
    ),
    "shampoo": (
        masked(chain(scale_by_shampoo(eps=1e-9), scale_by_learning_rate(rate)), True),
        "Shampoo",
        {"matrix_eps": 1e-9},
        MATRIX,
        EPSILON,
    ),
    "normuon": (
        gradtx.normuon(
            rate,
            "quintic",
            5,
            B1,
            B2,
            shape_scaling="original",
            keep_norm=True,
            weight_dimension_numbers="out in",
            param_labels={"matrix": "normuon"},
        ),
        "NorMuon",
        {"momentum": B1, "beta2": B2},
        MATRIX,
        HALF,
    ),
}


# What they read of a group of parameters alone.
GROUPS: dict[str, dict[str, Any]] = {"NorMuon": {"use_muon": True}, "AdamC": {"normalized": True}}


def problem(shapes: Any) -> tuple[Any, Any]:
    """Parameters, and gradients of every step."""
    return parameters("float64", shapes), gradients("float64", STEPS, shapes)


def updates_of(tx: Any, shapes: Any) -> Any:
    with in_precision_of("float64"):
        return trajectory(tx, *problem(shapes))[0]


def their_updates(name: str, options: dict[str, Any], start: Any, steps: Any) -> Any:
    """What an optimizer of the package adds to the parameters; the rate is `rate`, or `lr`."""
    constant = options.get("lr")
    params = {key: torch.nn.Parameter(torch.tensor(value)) for key, value in start.items()}
    group = {"params": list(params.values())} | GROUPS.get(name, {})
    optimizer = getattr(library, name)([group], **{"lr": 0.1} | options)
    path = [start]
    for t, gradient in enumerate(steps):
        optimizer.param_groups[0]["lr"] = constant or rate(t)
        for key, param in params.items():
            param.grad = torch.tensor(gradient[key])
        optimizer.step()
        path.append({key: param.detach().numpy().copy() for key, param in params.items()})
    return {key: np.diff(np.stack([point[key] for point in path]), axis=0) for key in start}


@pytest.mark.parametrize(("tx", "name", "options", "shapes", "tolerance"), CASES.values(), ids=CASES)
def test_trajectory(tx, name, options, shapes, tolerance):
    assert relative_error(updates_of(tx, shapes), their_updates(name, options, *problem(shapes))) < tolerance


def test_their_adopt_counts_one_step_ahead():
    """Taniguchi et al. (2024), algorithm 2: a gradient of its own for v_0, then c_t = t^(1/4) from t = 1."""
    theirs = their_updates("ADOPT", BETAS, *problem(SHAPES))
    assert relative_error(updates_of(gradtx.adopt(rate, B1, B2, EPS), SHAPES), theirs) > 0.1


def test_their_caution_divides_by_one_more():
    """Of d elements with k agreeing, gradtx multiplies these by d / k, the package by d / (k + 1)."""
    direction = cautious(scale_by_mars(B1, B2, 0.05, TINY_EPS), descent=False)
    ours = updates_of(chain(direction, scale_by_learning_rate(rate)), MATRIX)["matrix"]
    theirs = their_updates("MARS", MARS | {"cautious": True}, *problem(MATRIX))["matrix"]
    agreeing = np.count_nonzero(ours, axis=(1, 2), keepdims=True)
    np.testing.assert_allclose(ours * agreeing / (agreeing + 1), theirs, rtol=1e-6, atol=1e-12)


def test_mars_begins_without_a_change():
    """Their code takes the gradient before the first for 0; where clipping does not hide it, that shows."""
    params, steps = {"matrix": np.ones((1, 1))}, [{"matrix": np.full((1, 1), g)} for g in (0.1, 0.2)]
    options = {"lr": 1.0, "betas": (0.5, 0.5), "gamma": 0.4, "eps": 0.0}
    theirs = their_updates("MARS", options, params, steps)
    with in_precision_of("float64"):
        ours, *_ = trajectory(gradtx.mars(1.0, 0.5, 0.5, 0.4, 0.0), params, steps)
    # The second corrected gradient is 0.2 + 0.4 * (0.2 - 0.1) = 0.24; the first, 0.1 or 0.1 + 0.4 * 0.1.
    for updates, first in ((ours, 0.1), (theirs, 0.14)):
        second = (first + 2 * 0.24) / np.sqrt(3 * (first**2 + 2 * 0.24**2))
        np.testing.assert_allclose(updates["matrix"].ravel(), [-1.0, -second], rtol=1e-12)
