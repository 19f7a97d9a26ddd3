"""Adam's kin beside Optax in float32; where they differ, both numbers."""

from collections.abc import Iterator
from typing import Any

import jax.numpy as jnp
import numpy as np
import optax
import pytest

import gradtx
from tests.peers.comparison import disagreement, optax_trajectory, permissive
from tests.peers.test_large_batch_and_sign import compiled
from tests.peers.test_torch import torch_updates, updates_of
from tests.trajectories import (
    gradients,
    leafwise,
    parameters,
    rate,
    reference_updates,
    relative_error,
    trajectory,
)

B1, B2, EPS, EPS_ROOT, DECAY = 0.85, 0.97, 1e-2, 2e-2, 0.2
MASK = {"matrix": True, "scalar": False}
ADAM = (rate, B1, B2, EPS, EPS_ROOT)
CONSTANT = {"momentum_decay": None}
OPTAX: list[tuple[str, tuple[Any, ...], dict[str, Any], dict[str, Any]]] = [
    ("nadamw", (*ADAM, None, DECAY, MASK), {}, CONSTANT),
    ("radam", (*ADAM, 4.5), {}, {}),
    ("radam", ADAM, {"nesterov": True}, {}),
    ("adabelief", ADAM, {"nesterov": True}, {}),
    ("adamaxw", (rate, B1, B2, EPS, DECAY, MASK), {}, {}),
    ("adadelta", (rate, B1, EPS, DECAY, MASK), {}, {}),
    ("scale_by_yogi", (B1, B2, EPS, EPS_ROOT, 0.0), {}, {}),
    ("novograd", (rate, B1, B2, 0.0), {"weight_decay": DECAY}, {}),
]


@pytest.mark.parametrize(
    ("name", "args", "both", "ours"), OPTAX, ids=[f"{name}-{i}" for i, (name, *_) in enumerate(OPTAX)]
)
def test_optax(name, args, both, ours):
    """Within 3e-5 over 20 steps, as far as Optax's Adam is from float64."""
    left, right = getattr(gradtx, name)(*args, **both, **ours), getattr(optax, name)(*args, **both)
    assert disagreement(left, right) < 3e-5


@pytest.mark.parametrize("rule", ["radam", "belief", "adamax", "adadelta", "novograd"])
def test_state_is_that_of_optax(rule):
    ours, theirs = (getattr(library, f"scale_by_{rule}")().init(parameters()) for library in (gradtx, optax))
    assert repr(ours) == repr(theirs)


def test_nadam_has_three_forms():
    """The first step from one gradient: the report and PyTorch, the workshop paper, Optax's constant b1."""
    mu1, mu2 = (0.9 * (1 - 0.5 * 0.96 ** (0.004 * t)) for t in (1, 2))
    report = mu2 * 0.1 / (1 - mu1 * mu2) + 1
    workshop = mu2 * (1 - mu1) / (1 - mu1 * mu2) + 1
    constant = 0.9 * 0.1 / (1 - 0.9**2) + 1
    np.testing.assert_allclose([report, workshop, constant], [1.0565, 1.3104, 1.4737], atol=1e-4)
    np.testing.assert_allclose(_first(gradtx.nadam(1.0)), -report, rtol=1e-6)
    np.testing.assert_allclose(_first(gradtx.nadam(1.0, momentum_decay=None)), -constant, rtol=1e-6)
    np.testing.assert_allclose(_first(optax.nadam(1.0)), -constant, rtol=1e-5)


def test_radam_adds_epsilon_to_the_corrected_root():
    """As Adam does; PyTorch adds it before the correction, so that it is larger at first."""
    theirs = torch_updates("RAdam", {"betas": (B1, B2), "eps": EPS})
    assert relative_error(updates_of(gradtx.radam(rate, B1, B2, EPS)), theirs) > 5e-4


def test_radam_is_tractable_above_the_threshold_of_the_paper():
    """rho_5 is 4.996 with b2 = 0.999: adaptive in the paper, which has 4, and not elsewhere, with 5."""
    constant = [{"x": np.float32(0.5)}] * 6
    r5, r6 = (
        ((rho - 4) * (rho - 2) * 1999 / (1995 * 1997 * rho)) ** 0.5
        for rho in (1999 - 2 * t * 0.999**t / (1 - 0.999**t) for t in (5, 6))
    )
    params = {"x": np.float32(0.0)}
    paper, _, _ = trajectory(gradtx.scale_by_radam(threshold=4.0), params, constant)
    ours, _, _ = trajectory(gradtx.scale_by_radam(), params, constant)
    theirs, _, _ = optax_trajectory(optax.scale_by_radam(), params, constant)
    np.testing.assert_allclose(paper["x"], [0.5] * 4 + [r5, r6], rtol=1e-6)
    np.testing.assert_allclose(ours["x"], [0.5] * 5 + [r6], rtol=1e-6)
    np.testing.assert_allclose(theirs["x"], [0.5] * 5 + [r6], rtol=1e-2)
    assert abs(theirs["x"][-1] / r6 - 1) > 1e-4  # 2 / (1 - b2) and what is subtracted from it cancel


def test_novograd_divides_the_first_gradient_by_its_norm_alone():
    """As algorithm 1; Optax adds the epsilon there too. Then both add it: the difference decays by b1."""
    steps = [{"x": np.float32([3.0, 4.0])}] * 3
    params = {"x": np.zeros(2, np.float32)}
    ours, *_ = trajectory(gradtx.scale_by_novograd(B1, B2, 0.5), params, steps)
    theirs, *_ = optax_trajectory(optax.scale_by_novograd(B1, B2, 0.5), params, steps)
    first = np.float64([0.6, 0.8]) * (1 - 1 / 1.1)
    np.testing.assert_allclose(
        ours["x"] - theirs["x"], [first, B1 * first, B1**2 * first], rtol=1e-4, atol=1e-7
    )


def test_yogi_starts_its_first_moment_at_zero():
    """As the paper; Optax starts it, as the second, at the `initial_accumulator_value`."""
    arguments = (B1, B2, EPS, 0.0, 0.3)

    @leafwise
    def zaheer(theta: Any, steps: list[Any], m: float) -> Iterator[Any]:
        v = 0.3
        for t, g in enumerate(steps, start=1):
            m = B1 * m + (1 - B1) * g
            v = v - (1 - B2) * np.sign(v - g**2) * g**2
            theta = theta + m / (1 - B1**t) / (np.sqrt(v / (1 - B2**t)) + EPS)
            yield theta

    params, steps = parameters(), gradients(steps=20)
    ours, _, _ = trajectory(gradtx.scale_by_yogi(*arguments), params, steps)
    theirs, _, _ = optax_trajectory(optax.scale_by_yogi(*arguments), params, steps)
    assert relative_error(ours, reference_updates(zaheer(0.0), params, steps)) < 1e-6
    assert relative_error(theirs, reference_updates(zaheer(0.3), params, steps)) < 3e-5
    assert relative_error(ours, theirs) > 0.1


SPARING = {
    "nadamw": gradtx.nadamw(rate),
    "radam": gradtx.radam(rate),
    "adabelief": gradtx.adabelief(rate),
    "yogi": gradtx.yogi(rate),
    "adamaxw": gradtx.adamaxw(rate),
    "adadelta": gradtx.adadelta(rate),
    "novograd": gradtx.novograd(rate, weight_decay=0.1),
}


@pytest.mark.parametrize(
    ("name", "dtype"), [*((name, "float32") for name in SPARING), ("novograd", "bfloat16")]
)
def test_a_step_keeps_and_copies_nothing_whole(name, dtype):
    """The partial sums of NovoGrad's norms, which are float64, are 1.6% of parameters of 2 bytes."""
    temporaries, copies = compiled(SPARING[name], dtype)
    assert copies == 0
    assert temporaries < (0.01 if dtype == "float32" else 0.02)


def test_optax_copies_the_second_moment_of_adabelief():
    """Shows what the test above would see: the epsilon on the average itself, and Adadelta's step stored."""
    temporaries, copies = compiled(optax.adabelief(1e-3))
    assert copies == 16
    assert temporaries > 0.9
    assert compiled(optax.adadelta(1e-3))[0] > 0.9


def _first(tx: Any) -> Any:
    with permissive():
        return tx.update(jnp.array(0.5), tx.init(jnp.array(0.0)))[0]
