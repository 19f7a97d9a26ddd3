"""The rarer names of Optax's catalogue beside it, their disagreements, and what a step costs."""

import inspect
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from optax import contrib

import gradtx
from tests.peers.comparison import disagreement, permissive
from tests.peers.test_adan_to_mars import cost
from tests.rules.test_polyak import with_loss
from tests.trajectories import parameters, rate

ADAM: dict[str, Any] = {"b1": 0.85, "b2": 0.97, "eps": 1e-2, "eps_root": 2e-2}
OPTIMISM = {"alpha": 0.8, "beta": 0.6}
MATRICES = {"matrix": (3, 4), "vector": (5,)}
CASES: list[tuple[str, Any, tuple[Any, ...], dict[str, Any]]] = [
    ("scale_by_optimistic_gradient", optax, (0.8, 0.6), {}),
    ("optimistic_gradient_descent", optax, (rate, 0.8, 0.6), {}),
    ("optimistic_adam_v2", optax, (rate,), ADAM | OPTIMISM),
    ("optimistic_adam_v2", optax, (rate,), ADAM | OPTIMISM | {"nesterov": False}),
    ("scale_by_param_block_norm", optax, (2.5,), {}),
    ("fromage", optax, (0.1, 1.5), {}),
    ("fromage", optax, (rate, 1.5), {}),
    ("scale_by_distance_over_gradients", optax, (0.3, 0.2), {"global_scale": 0.7}),
    ("madgrad", contrib, (0.1,), {"momentum": 0.7, "weight_decay": 0.2}),
    ("scale_by_madgrad", contrib, (0.3,), {}),
]


@pytest.mark.parametrize(
    ("name", "library", "args", "kwargs"), CASES, ids=[f"{name}-{i}" for i, (name, *_) in enumerate(CASES)]
)
def test_trajectory(name: str, library: Any, args: Any, kwargs: Any) -> None:
    """Within 3e-5 over 20 steps, as `test_optax.py` has it."""
    ours, theirs = (getattr(source, name)(*args, **kwargs) for source in (gradtx, library))
    assert disagreement(ours, theirs, shapes=MATRICES) < 3e-5


def test_the_older_form_of_optimistic_adam() -> None:
    with pytest.warns(DeprecationWarning, match="optimistic_adam_v2"):
        theirs = optax.optimistic_adam(0.1, 0.05, **ADAM)
    assert disagreement(gradtx.optimistic_adam(0.1, 0.05, **ADAM), theirs) < 3e-5


@pytest.mark.parametrize("variant", ["sps", "sps+"])
def test_polyak(variant: str) -> None:
    """With a bound that none of the negative step sizes reaches: Optax has no bound for these."""
    arguments = {"max_learning_rate": 2.0, "eps": 0.2, "variant": variant}
    ours, theirs = (library.polyak_sgd(**arguments, f_min=0.3) for library in (gradtx, optax))
    assert disagreement(with_loss(ours), with_loss(theirs)) < 3e-5


def test_polyak_measures_the_gradient_before_its_scaling() -> None:
    """The step size of Loizou et al. is half of 8 / 16; Optax's is 8 / (0.5 * 16): it halves g first."""
    g, steps = jnp.array([4.0]), []
    for library in (gradtx, optax):
        tx = library.polyak_sgd(10.0, scaling=0.5)
        with permissive():
            steps.append(float(tx.update(g, tx.init(g), g, value=8.0)[0][0]))
    np.testing.assert_allclose(steps, [-0.25 * 4, -1.0 * 4], rtol=1e-6)


def test_polyak_steps_for_a_small_gradient() -> None:
    """Optax takes a squared norm below 2.2e-16, the epsilon of float64, for 0."""
    g, steps = jnp.array([1e-8]), []
    for library in (gradtx, optax):
        tx = library.scale_by_polyak()
        with permissive():
            steps.append(float(tx.update(g, tx.init(g), g, value=5e-17)[0][0]))
    np.testing.assert_allclose(steps, [0.5e-8, 0.0], rtol=1e-5)


def test_rprop_steps_one_update_later_in_optax() -> None:
    steps = []
    for library in (gradtx, optax):
        tx = library.rprop(1.0)
        state = tx.init(jnp.array(0.0))
        steps.append([])
        for _ in range(3):
            with permissive():
                update, state = tx.update(jnp.array(5.0), state)
            steps[-1].append(float(update))
    np.testing.assert_allclose(steps, [[-1.0, -1.2, -1.44], [0.0, -1.0, -1.2]], rtol=1e-6)


def test_acprop_centers_by_the_average_after_the_gradient() -> None:
    """Zhuang et al. have (g_t - m_t)^2, which is b1 times as far; Optax has (g_t - m_{t-1})^2."""
    arguments = {"b1": 0.5, "b2": 0.75, "eps": 0.0, "eps_root": 0.0}
    second = []
    for library in (gradtx, contrib):
        tx = library.scale_by_acprop(**arguments)
        with permissive():
            first, state = tx.update(jnp.array(4.0), tx.init(jnp.array(0.0)))
            second.append(float(tx.update(jnp.array(6.0), state)[0]))
        assert first == 4.0
    np.testing.assert_allclose(second, [6 / (4 - 2), 6 / 4], rtol=1e-6)


def test_acprop_is_optax_s_without_an_average() -> None:
    """Where b1 is 0.999 the two distances agree to a thousandth, and so do the updates."""
    arguments = {"b1": 0.999, "b2": 0.97}
    ours, theirs = (library.acprop(0.1, weight_decay=0.2, **arguments) for library in (gradtx, contrib))
    assert disagreement(ours, theirs) < 2e-3


NAMES = [
    ("acprop", contrib),
    ("fromage", optax),
    ("madgrad", contrib),
    ("optimistic_adam", optax),
    ("optimistic_adam_v2", optax),
    ("optimistic_gradient_descent", optax),
    ("polyak_sgd", optax),
    ("rprop", optax),
    ("scale_by_acprop", contrib),
    ("scale_by_distance_over_gradients", optax),
    ("scale_by_madgrad", contrib),
    ("scale_by_optimistic_gradient", optax),
    ("scale_by_param_block_norm", optax),
    ("scale_by_polyak", optax),
    ("scale_by_rprop", optax),
]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize(("name", "library"), NAMES)
def test_signature_and_state(name: str, library: Any) -> None:
    """Optax's parameters come first, in its order and with its defaults; its state, under the same names."""
    ours, theirs = (inspect.signature(getattr(source, name)).parameters for source in (gradtx, library))
    assert list(ours)[: len(theirs)] == list(theirs)
    for key in theirs:
        assert ours[key].default == theirs[key].default, key
    rates = (0.1,) if "learning_rate" in theirs else ()
    states = (getattr(source, name)(*rates).init(parameters()) for source in (gradtx, library))
    (left, right) = (jax.tree_util.tree_leaves_with_path(state) for state in states)
    assert [path for path, _ in left] == [path for path, _ in right]


@pytest.mark.parametrize(
    "tx",
    [
        gradtx.rprop(0.1),
        gradtx.fromage(rate),
        gradtx.madgrad(rate, weight_decay=0.1),
        gradtx.scale_by_distance_over_gradients(),
    ],
    ids=["rprop", "fromage", "madgrad", "distance over gradients"],
)
def test_a_step_copies_nothing(tx: Any) -> None:
    """Scalars, and the partial sums of norms."""
    temporaries, copies = cost(tx)
    assert copies == 0
    assert temporaries < 0.05
