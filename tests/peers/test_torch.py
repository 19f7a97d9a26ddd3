"""Forms in which PyTorch differs: the paper's decides. `docs/from_pytorch.md` has the calls that agree."""

from collections.abc import Callable, Iterator
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest

import gradtx
from tests.peers import pytorch
from tests.peers.pytorch import as_model
from tests.trajectories import (
    gradients,
    in_precision_of,
    leafwise,
    parameters,
    rate,
    reference_updates,
    relative_error,
    trajectory,
)

torch = pytest.importorskip("torch")

STEPS = 20
B1, B2, EPS, MU = 0.85, 0.97, 1e-2, 0.7
# Both compute in double precision; what is left are a few roundings in a different order.
SAME = 1e-12
ADAM = {"b1": B1, "b2": B2, "eps": EPS}
BETAS = {"betas": (B1, B2), "eps": EPS}
ROOT = {"decay": B2, "eps": EPS, "eps_in_sqrt": False}
ALPHA = {"alpha": B2, "eps": EPS}


def torch_updates(name: str, options: dict[str, Any]) -> Any:
    """What an optimizer of PyTorch with the learning rate `rate` adds to the parameters at every step."""
    model = as_model(parameters("float64"))
    optimizer = getattr(torch.optim, name)(model.values(), **options)

    def step(t: int) -> None:
        for group in optimizer.param_groups:
            group["lr"] = rate(t)
        optimizer.step()

    return pytorch.updates_of(model, gradients("float64", STEPS), step)


def updates_of(tx: Any) -> Any:
    """The same of a gradtx optimizer."""
    with in_precision_of("float64"):
        return trajectory(tx, parameters("float64"), gradients("float64", STEPS))[0]


def amsgrad_form(v_hat: Callable[[Any, Any, int], tuple[Any, Any]], correct_mu: bool) -> Any:
    """AMSGrad where `v_hat(v_max, v, t)` says what enters the maximum, and what is divided by."""

    @leafwise
    def rule(theta: Any, steps: list[Any]) -> Iterator[Any]:
        m = v = v_max = 0.0
        for t, g in enumerate(steps, start=1):
            m = B1 * m + (1 - B1) * g
            v = B2 * v + (1 - B2) * g**2
            v_max, square = v_hat(v_max, v, t)
            theta = theta - rate(t - 1) * m / (1 - B1**t if correct_mu else 1) / (np.sqrt(square) + EPS)
            yield theta

    return reference_updates(rule(), parameters("float64"), gradients("float64", STEPS))


def test_amsgrad_has_three_forms():
    """Reddi et al. correct nothing; Optax and gradtx correct before the maximum, PyTorch behind it."""

    def raw(v_max: Any, v: Any, t: int) -> Any:
        return (np.maximum(v_max, v),) * 2

    def corrected_before(v_max: Any, v: Any, t: int) -> Any:
        return (np.maximum(v_max, v / (1 - B2**t)),) * 2

    def corrected_behind(v_max: Any, v: Any, t: int) -> Any:
        v_max = np.maximum(v_max, v)
        return v_max, v_max / (1 - B2**t)

    paper, before = amsgrad_form(raw, False), amsgrad_form(corrected_before, True)
    behind = torch_updates("Adam", BETAS | {"amsgrad": True})
    uncorrected = gradtx.amsgrad(rate, **ADAM, bias_correction_mu=False, bias_correction_nu=False)
    assert relative_error(updates_of(uncorrected), paper) < SAME
    assert relative_error(updates_of(gradtx.amsgrad(rate, **ADAM)), before) < SAME
    assert relative_error(behind, amsgrad_form(corrected_behind, True)) < SAME
    # The same at the first step; afterwards 4% apart, relative to the largest update.
    assert relative_error(behind, before) > 0.01


def test_rmsprop_with_momentum_and_a_scheduled_rate_follows_graves():
    """Graves (2013), equation 42, keeps steps in the velocity; PyTorch keeps directions."""
    ours = updates_of(gradtx.rmsprop(rate, **ROOT, momentum=MU))

    @leafwise
    def graves(theta: Any, steps: list[Any]) -> Iterator[Any]:
        n = delta = 0.0
        for t, g in enumerate(steps):
            n = B2 * n + (1 - B2) * g**2
            delta = MU * delta - rate(t) * g / (np.sqrt(n) + EPS)
            theta = theta + delta
            yield theta

    assert (
        relative_error(ours, reference_updates(graves(), parameters("float64"), gradients("float64", STEPS)))
        < SAME
    )
    assert relative_error(torch_updates("RMSprop", ALPHA | {"momentum": MU}), ours) > 0.05


def test_adagrad_with_epsilon_inside_differs():
    """Duchi et al. have delta outside, as PyTorch; Optax, Keras and gradtx have it inside the root."""
    ours = updates_of(gradtx.adagrad(rate, 0.3, EPS))
    theirs = torch_updates("Adagrad", {"initial_accumulator_value": 0.3, "eps": EPS})
    assert relative_error(theirs, ours) > 1e-3


def test_clipping_reaches_the_bound_itself():
    """Pascanu et al. scale to the threshold; PyTorch's 1e-6 in the denominator stops short of it."""
    g = np.array([3e-4, 4e-4])
    param = torch.nn.Parameter(torch.zeros(2, dtype=torch.float64))
    param.grad = torch.tensor(g)
    torch.nn.utils.clip_grad_norm_([param], 1e-4)
    with in_precision_of("float64"):
        tx = gradtx.clip_by_global_norm(1e-4)
        ours = tx.update(jnp.asarray(g), tx.init(g))[0]
    np.testing.assert_allclose(np.linalg.norm(ours), 1e-4, rtol=1e-14)
    np.testing.assert_allclose(param.grad.norm(), 1e-4 * 5e-4 / (5e-4 + 1e-6), rtol=1e-14)
