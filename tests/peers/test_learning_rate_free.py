"""Methods without a learning rate beside Optax: agreement, known disagreements, and what a step costs."""

import inspect
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax.contrib
import pytest

import gradtx
from tests.peers.comparison import disagreement, optax_trajectory, permissive
from tests.peers.test_compiled import temporaries
from tests.trajectories import gradients, parameters, relative_error, trajectory

B1 = 0.7


@pytest.mark.parametrize(
    ("name", "args"),
    [
        ("schedule_free_sgd", (0.1, None, B1, 0.1)),
        ("schedule_free_adamw", (0.1, None, B1, 0.8, 1e-2, 0.1)),
    ],
)
def test_schedule_free(name, args):
    """Within 3e-5 over 20 steps; and Optax's own function finds the average in the state kept here."""
    ours, theirs = getattr(gradtx, name)(*args), getattr(optax.contrib, name)(*args)
    assert disagreement(ours, theirs) < 3e-5
    start, steps = parameters(), gradients(steps=20)
    _, params, state = trajectory(ours, start, steps)
    _, their_params, their_state = optax_trajectory(theirs, start, steps)
    assert state._fields[: len(their_state._fields)] == their_state._fields
    assert state.step_count == their_state.step_count
    average = gradtx.eval_params(ours, state, params)
    with permissive():
        for other in ((their_state, their_params), (state, params)):
            point = optax.contrib.schedule_free_eval_params(*other)
            assert relative_error(average, jax.tree.map(np.asarray, point)) < 3e-5


@pytest.mark.parametrize("safeguard", [False, True])
def test_prodigy(safeguard):
    options = {"betas": (B1, 0.8), "estim_lr0": 0.05, "weight_decay": 0.1, "safeguard_warmup": safeguard}
    options["eps"] = 0.1
    factor = gradtx.linear_schedule(2.0, 0.5, 20)
    ours = gradtx.prodigy(factor, **options, bias_correction=True)
    assert disagreement(ours, optax.contrib.prodigy(factor, **options)) < 3e-5


def test_dadapt_adamw():
    options = {"betas": (B1, 0.8), "estim_lr0": 0.05, "weight_decay": 0.1, "eps": 0.1}
    factor = gradtx.linear_schedule(2.0, 0.5, 20)
    ours = gradtx.dadapt_adamw(factor, **options, bias_correction=True)
    assert disagreement(ours, optax.contrib.dadapt_adamw(factor, **options)) < 3e-5
    params = parameters()
    states = gradtx.dadapt_adamw().init(params)[0], optax.contrib.dadapt_adamw().init(params)
    assert states[0]._fields == states[1]._fields


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("dog", {"init_step": ("heuristic", 0.1), "eps": 0.1}),
        ("dog", {"init_step": ("distance", 0.1), "eps": 0.1}),
        ("dog", {"init_step": ("learning_rate", 0.1), "eps": 0.1}),
        ("dowg", {"init_estim_sq_dist": 0.1, "eps": 0.2}),
        ("dowg", {"eps": 0.2}),
        ("cocob", {"alpha": 3.0, "eps": 0.2}),
    ],
)
def test_one_number_or_bets(name, options):
    """DoG, DoWG and COCOB, with the fields of their states."""
    options = options | {"weight_decay": 0.1, "mask": {"matrix": True, "scalar": False}}
    factor = gradtx.linear_schedule(2.0, 0.5, 20)
    ours, theirs = (getattr(library, name)(factor, **options) for library in (gradtx, optax.contrib))
    assert disagreement(ours, theirs) < 3e-5
    place = 2 if name == "cocob" else 1
    params = parameters()
    assert ours.init(params)[place]._fields == theirs.init(params)[place]._fields


LOSSES = jnp.asarray(4.0 + 3.0 * np.sin(np.arange(20.0)), jnp.float32)


def with_losses(name: str, **options: Any) -> float:
    """The disagreement of two optimizers that take the loss."""
    options |= {"b1": B1, "b2": 0.8, "eps": 0.1} if name == "momo_adam" else {"beta": B1}
    factor = gradtx.linear_schedule(2.0, 0.5, 20)
    ours, theirs = (getattr(library, name)(factor, **options) for library in (gradtx, optax.contrib))
    start, steps = parameters(), gradients(steps=20)
    left, *_ = trajectory(ours, start, steps, value=LOSSES)
    right, *_ = optax_trajectory(theirs, start, steps, value=LOSSES)
    return relative_error(left, right)


@pytest.mark.parametrize("adapts", [False, True])
@pytest.mark.parametrize("name", ["momo", "momo_adam"])
def test_a_model_of_the_loss(name, adapts):
    """Without weight decay; with it, Optax shrinks the parameters and not the step."""
    options = {"lower_bound": 0.3, "adapt_lower_bound": adapts}
    assert with_losses(name, **options) < 3e-5
    assert with_losses(name, **options, weight_decay=0.1) > 0.01
    params = parameters()
    ours, theirs = (getattr(library, name)().init(params) for library in (gradtx, optax.contrib))
    assert ours[0]._fields == theirs._fields


@pytest.mark.parametrize(
    "name",
    [
        "dadapt_adamw",
        "mechanize",
        "momo",
        "momo_adam",
        "schedule_free",
        "schedule_free_sgd",
        "schedule_free_adamw",
        "schedule_free_eval_params",
        "prodigy",
        "dog",
        "dowg",
        "cocob",
    ],
)
def test_signature(name):
    """Optax's parameters come first, in its order and with its defaults."""
    ours = inspect.signature(getattr(gradtx, name)).parameters
    theirs = inspect.signature(getattr(optax.contrib, name)).parameters
    assert list(ours)[: len(theirs)] == list(theirs)
    assert [ours[key].default for key in theirs] == [parameter.default for parameter in theirs.values()]


def first_steps(tx: Any, count: int, dtype: Any = "float32") -> tuple[list[float], Any, Any]:
    """The parameter after each of the first steps from 0, with gradients of -1; and the state then."""
    params, path = jnp.zeros((), dtype), []
    with permissive():
        state, update = tx.init(params), jax.jit(tx.update)
        for _ in range(count):
            updates, state = update(-jnp.ones((), dtype), state, params)
            params = gradtx.apply_updates(params, updates)
            path.append(float(params))
    return path, params, state


def test_optax_begins_its_warmup_with_a_step_of_0_and_weighs_it_as_the_second():
    """The authors have k / W of the rate in step k: 1/4, 2/4, 3/4 here; with b1 = 1, y is the average."""
    ours, *_ = first_steps(gradtx.schedule_free_sgd(1.0, 4, 1.0, weight_lr_power=1.0), 3)
    theirs, *_ = first_steps(optax.contrib.schedule_free_sgd(1.0, 4, 1.0, weight_lr_power=1.0), 3)
    np.testing.assert_allclose(ours, [1 / 4, (1 / 4 + 2 * 3 / 4) / 3, (1 / 4 + 2 * 3 / 4 + 3 * 6 / 4) / 6])
    np.testing.assert_allclose(theirs, [0.0, 2 * (1 / 4) / 3, (2 * (1 / 4) + 3 * (3 / 4)) / 6], rtol=1e-6)


def test_where_b1_is_0_optax_has_no_average():
    (_, ours, state), (_, theirs, their_state) = (
        first_steps(library.schedule_free_sgd(1.0, b1=0.0), 3) for library in (gradtx, optax.contrib)
    )
    assert gradtx.schedule_free_eval_params(state, ours) == 2.0  # of 1, 2 and 3
    assert np.isnan(optax.contrib.schedule_free_eval_params(their_state, theirs))


def test_in_16_bits_optax_loses_its_average():
    """The sum of weights stands still at 256, and so do the iterate and the average, far from 500 steps."""
    (_, ours, state), (*_, their_state) = (
        first_steps(library.schedule_free_sgd(1.0), 500, "bfloat16") for library in (gradtx, optax.contrib)
    )
    assert state.weight_sum == 500
    np.testing.assert_allclose(gradtx.schedule_free_eval_params(state, ours), (1 + 500) / 2, rtol=2.0**-8)
    assert their_state.weight_sum == 256
    assert their_state.z == 256


def test_the_first_step_of_prodigy():
    """The paper and its authors' code: 0.1 / sqrt(0.001) of the estimate. Optax corrects it to 1."""
    d0 = 1e-3
    paper, *_ = first_steps(gradtx.prodigy(estim_lr0=d0), 1)
    corrected, *_ = first_steps(gradtx.prodigy(estim_lr0=d0, bias_correction=True), 1)
    theirs, *_ = first_steps(optax.contrib.prodigy(estim_lr0=d0), 1)
    np.testing.assert_allclose(paper, [d0 * 0.1 / np.sqrt(0.001)], rtol=1e-4)
    np.testing.assert_allclose(corrected, [d0], rtol=1e-4)
    np.testing.assert_allclose(theirs, [d0], rtol=1e-4)


def mechanized(library: Any, gradients: Any, start: float) -> tuple[Any, Any]:
    """The last parameter and the last state of `mechanize` around gradient descent."""
    tx, params = library.mechanize((gradtx if library is gradtx else optax).sgd(1.0)), jnp.array(start)
    with permissive():
        state, update = tx.init(params), jax.jit(tx.update)
        for g in gradients:
            updates, state = update(jnp.array(g), state, params)
            params = gradtx.apply_updates(params, updates)
    return params, state


def test_mechanic_begins_as_that_of_optax():
    """The first step has the same scale; the fields of the state are Optax's, and the sum."""
    (ours, state), (theirs, their_state) = (
        mechanized(library, [3.0], 0.0) for library in (gradtx, optax.contrib)
    )
    np.testing.assert_allclose([ours, theirs], -3e-6, rtol=1e-6)
    assert state._fields == (*their_state._fields, "delta")


def test_the_reward_of_mechanic_is_never_negative_and_that_of_optax_is():
    """The last gradient, of the other sign, costs more than the first ones have earned."""
    (_, state), (_, their_state) = (
        mechanized(library, [1.0, 1.0, 1.0, -5.0], 0.0) for library in (gradtx, optax.contrib)
    )
    assert (state.r >= 0).all()
    assert (their_state.r < 0).any()


def test_the_sum_of_optax_loses_its_digits_beside_a_parameter_of_1():
    """A scale of 1e-6 moves a parameter by 10 of its last digits; the sum from the start is 1."""
    (_, state), (theirs, their_state) = (
        mechanized(library, [1.0], 1.0) for library in (gradtx, optax.contrib)
    )
    assert state.delta == -1.0
    recovered = (theirs - their_state.x0) / jnp.sum(their_state.s)
    assert abs(recovered + 1.0) > 0.01


def test_without_a_gradient_the_estimate_of_optax_is_0_over_0():
    params, estimates = jnp.ones(2), []
    for tx in (
        gradtx.scale_by_prodigy(),
        optax.contrib.prodigy(),
        gradtx.scale_by_dadapt_adamw(),
        optax.contrib.dadapt_adamw(),
    ):
        with permissive():
            _, state = tx.update(jnp.zeros(2), tx.init(params), params)
        estimates.append(float(state.estim_lr))
    np.testing.assert_array_equal(estimates, [np.float32(1e-6), np.nan] * 2)


@pytest.mark.parametrize(
    "tx",
    [
        gradtx.schedule_free_sgd(1e-2, 10, weight_decay=0.1),
        gradtx.schedule_free_adamw(1e-2, 10, weight_decay=0.1),
        gradtx.prodigy(weight_decay=0.1, bias_correction=True),
        gradtx.dog(),
        gradtx.dowg(),
    ],
    ids=["schedule_free_sgd", "schedule_free_adamw", "prodigy", "dog", "dowg"],
)
def test_a_step_keeps_no_copy(tx):
    """Scalars, and partial sums: at most 1.6% here, and less the larger the leaves are."""
    assert temporaries(tx) < 0.02


def test_optax_keeps_a_copy_of_all_parameters():
    """Shows what the test above would see."""
    assert temporaries(optax.contrib.schedule_free_sgd(1e-2)) > 0.99
