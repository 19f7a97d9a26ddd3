"""Equal to PyTorch's learning rates, step by step."""

import numpy as np
import pytest

import gradtx

torch = pytest.importorskip("torch")
lr_scheduler = torch.optim.lr_scheduler

STEPS = 60


def learning_rates(scheduler, **arguments):
    """The rate of every update of an SGD whose base rate is 0.4."""
    optimizer = torch.optim.SGD([torch.zeros(1)], lr=0.4)
    scheduler = scheduler(optimizer, **arguments)
    rates = []
    for _ in range(STEPS):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return rates


def agree(schedule, rates):
    np.testing.assert_allclose(schedule(np.arange(len(rates))), rates, rtol=5e-7)


def test_step_decay():
    agree(
        gradtx.step_decay_schedule(0.4, transition_steps=7, decay_rate=0.3),
        learning_rates(lr_scheduler.StepLR, step_size=7, gamma=0.3),
    )


def test_exponential_decay():
    agree(
        gradtx.exponential_decay(0.4, transition_steps=1, decay_rate=0.97),
        learning_rates(lr_scheduler.ExponentialLR, gamma=0.97),
    )


def test_piecewise_constant():
    agree(
        gradtx.piecewise_constant_schedule(0.4, {10: 0.3, 25: 0.3, 40: 0.3}),
        learning_rates(lr_scheduler.MultiStepLR, milestones=[10, 25, 40], gamma=0.3),
    )


def test_linear():
    agree(
        gradtx.linear_schedule(0.1, 0.3, transition_steps=40),
        learning_rates(lr_scheduler.LinearLR, start_factor=0.25, end_factor=0.75, total_iters=40),
    )


def test_polynomial():
    agree(
        gradtx.polynomial_schedule(0.4, 0.0, power=1.5, transition_steps=40),
        learning_rates(lr_scheduler.PolynomialLR, total_iters=40, power=1.5),
    )


def test_cosine_annealing_up_to_its_end():
    rates = learning_rates(lr_scheduler.CosineAnnealingLR, T_max=40, eta_min=0.03)
    schedule = gradtx.cosine_annealing_schedule(0.4, decay_steps=40, end_value=0.03)
    agree(schedule, rates[:41])
    # There PyTorch's rises again and ours stays.
    assert rates[50] > 0.05
    np.testing.assert_allclose(schedule(50), 0.03, rtol=1e-7)


@pytest.mark.parametrize("growth", [1, 2, 3])
def test_warm_restarts(growth):
    agree(
        gradtx.cosine_restarts_schedule(0.4, cycle_steps=5, cycle_growth=growth, end_value=0.03),
        learning_rates(lr_scheduler.CosineAnnealingWarmRestarts, T_0=5, T_mult=growth, eta_min=0.03),
    )


def test_one_cycle_with_its_peak_and_end_a_step_earlier():
    # PyTorch's phases end at pct_start * total_steps - 1 and at total_steps - 1.
    rates = learning_rates(
        lr_scheduler.OneCycleLR,
        max_lr=0.4,
        total_steps=STEPS + 1,
        pct_start=19 / (STEPS + 1),
        div_factor=10.0,
        final_div_factor=50.0,
        cycle_momentum=False,
    )
    agree(
        gradtx.cosine_onecycle_schedule(STEPS, 0.4, 18 / STEPS, div_factor=10.0, final_div_factor=50.0), rates
    )
