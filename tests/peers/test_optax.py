"""Every rule that Optax has too gives the same trajectory, and keeps its state under the same names."""

import inspect
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import gradtx
from tests.peers.comparison import disagreement, permissive
from tests.trajectories import parameters, rate

ADAM = {"b1": 0.85, "b2": 0.97, "eps": 1e-2, "eps_root": 2e-2}
ROOT = {"decay": 0.8, "eps": 1e-2, "initial_scale": 0.3}
MASK = {"matrix": False, "scalar": True}


def by_rank(params: Any) -> Any:
    """A mask that is a function."""
    return jax.tree.map(lambda leaf: jnp.ndim(leaf) == 2, params)


# The name in both libraries, and the arguments that both take.
CASES: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = [
    ("sgd", (rate,), {}),
    ("sgd", (rate, 0.8), {}),
    ("sgd", (rate, 0.8, True), {}),
    ("adam", (rate,), ADAM),
    ("adam", (rate,), ADAM | {"nesterov": True}),
    ("adamw", (rate,), ADAM | {"weight_decay": 0.2}),
    ("adamw", (rate,), ADAM | {"weight_decay": 0.2, "mask": MASK}),
    ("adamw", (rate,), ADAM | {"weight_decay": 0.2, "mask": by_rank, "nesterov": True}),
    ("amsgrad", (rate,), ADAM),
    ("amsgrad", (rate,), ADAM | {"bias_correction_mu": False, "bias_correction_nu": False}),
    ("rmsprop", (rate,), ROOT),
    ("rmsprop", (rate,), ROOT | {"eps_in_sqrt": False, "momentum": 0.7}),
    ("rmsprop", (rate,), ROOT | {"centered": True, "momentum": 0.7, "nesterov": True}),
    ("rmsprop", (rate,), ROOT | {"centered": True, "bias_correction": True, "eps_in_sqrt": False}),
    ("adagrad", (rate, 0.3, 1e-2), {}),
    ("scale_by_adam", (), ADAM),
    ("scale_by_adam", (), ADAM | {"nesterov": True}),
    ("scale_by_amsgrad", (), ADAM | {"bias_correction_mu": False}),
    ("scale_by_amsgrad", (), ADAM | {"bias_correction_nu": False}),
    ("scale_by_rms", (), ROOT),
    ("scale_by_rms", (), ROOT | {"eps_in_sqrt": False, "bias_correction": True}),
    ("scale_by_stddev", (), ROOT),
    ("scale_by_stddev", (), ROOT | {"eps_in_sqrt": False}),
    ("scale_by_stddev", (), ROOT | {"bias_correction": True}),
    ("scale_by_rss", (0.3, 1e-2), {}),
    ("trace", (0.8,), {}),
    ("trace", (0.8, True), {}),
    ("ema", (0.8,), {}),
    ("ema", (0.8, False), {}),
    ("scale", (-0.3,), {}),
    ("scale_by_schedule", (rate,), {}),
    ("scale_by_learning_rate", (rate,), {}),
    ("scale_by_learning_rate", (0.3,), {"flip_sign": False}),
    ("add_decayed_weights", (0.2,), {}),
    ("add_decayed_weights", (0.2, MASK), {}),
    ("add_decayed_weights", (rate, by_rank), {}),
    ("clip", (0.9,), {}),
    ("clip_by_global_norm", (4.5,), {}),
    ("clip_by_block_rms", (0.9,), {}),
    ("adaptive_grad_clip", (0.8, 0.5), {}),
    ("identity", (), {}),
]


@pytest.mark.parametrize(
    ("name", "args", "kwargs"), CASES, ids=[f"{name}-{i}" for i, (name, *_) in enumerate(CASES)]
)
def test_trajectory_and_state(name, args, kwargs):
    """Within 3e-5 over 20 steps: Optax's own distance from float64 is 1e-5 (see `test_pains.py`)."""
    ours, theirs = getattr(gradtx, name)(*args, **kwargs), getattr(optax, name)(*args, **kwargs)
    assert disagreement(ours, theirs) < 3e-5
    masked = name in {"adamw", "add_decayed_weights"} and (len(args) > 1 or "mask" in kwargs)
    if not masked:
        assert _layout(ours) == _layout(theirs)


@pytest.mark.parametrize("axis", [None, 0, (0, 2)])
def test_adaptive_clipping_of_higher_ranks(axis):
    shapes = {"heads": (3, 2, 4), "kernel": (2, 2, 3, 4)}
    tx, theirs = gradtx.adaptive_grad_clip(0.8, 0.5, axis), optax.adaptive_grad_clip(0.8, 0.5, axis)
    assert disagreement(tx, theirs, shapes=shapes) < 3e-5


def test_a_matrix_of_one_row_has_as_many_units_as_outputs():
    """Brock et al. (2021) bound the unit that feeds one output; Optax takes (1, n) for a vector: one unit."""
    params, gradient = jnp.array([[3.0, 4.0]]), jnp.array([[0.0, 1.0]])
    ours, theirs = gradtx.adaptive_grad_clip(0.1), optax.adaptive_grad_clip(0.1)
    np.testing.assert_allclose(ours.update(gradient, ours.init(params), params)[0], [[0.0, 0.4]], rtol=1e-6)
    np.testing.assert_allclose(
        theirs.update(gradient, theirs.init(params), params)[0], [[0.0, 0.5]], rtol=1e-6
    )


def test_chain():
    def build(library: Any) -> Any:
        schedule = library.warmup_cosine_decay_schedule(0.0, 0.1, 5, 20, end_value=0.01)
        return library.chain(
            library.clip_by_global_norm(4.5), library.adamw(schedule, **ADAM, weight_decay=0.2)
        )

    assert disagreement(build(gradtx), build(optax)) < 3e-5
    assert _layout(build(gradtx)) == _layout(build(optax))


def test_a_masked_decay_keeps_no_wrapper_around_its_empty_state():
    """The mask is a field of the transformation; in Optax it is a wrapper with an entry in the state."""
    theirs = optax.add_decayed_weights(0.2, MASK).init(parameters())
    assert repr(theirs) == "MaskedState(inner_state=EmptyState())"
    assert gradtx.add_decayed_weights(0.2, MASK).init(parameters()) == gradtx.EmptyState()


SHARED = sorted({name for name, *_ in CASES})


@pytest.mark.parametrize("name", SHARED)
def test_signature(name):
    """The parameters that both have stand in the same places, with the same defaults."""
    ours, theirs = (inspect.signature(getattr(library, name)).parameters for library in (gradtx, optax))
    common = [key for key in theirs if key in ours]
    assert set(theirs) - set(common) <= {"mu_dtype"}
    assert list(ours)[: len(common)] == common
    for key in common:
        # Optax's scale_by_learning_rate(None) is the identity; here the rate is a number or a schedule.
        if (name, key) != ("scale_by_learning_rate", "learning_rate"):
            assert ours[key].default == theirs[key].default, key


def _layout(tx: Any) -> list[tuple[str, tuple[int, ...], str]]:
    """Each array in the state, with its path: what a checkpoint of it is made of; and the names of states."""
    with permissive():
        state = tx.init(parameters())
    arrays = [
        (jax.tree_util.keystr(path), leaf.shape, leaf.dtype.name)
        for path, leaf in jax.tree_util.tree_leaves_with_path(state)
    ]
    return [*arrays, *((name, (), "") for name in _state_names(state))]


def _state_names(state: Any) -> list[str]:
    if not isinstance(state, tuple):
        return []
    own = [type(state).__name__] if hasattr(state, "_fields") else []
    return own + [name for part in state for name in _state_names(part)]
