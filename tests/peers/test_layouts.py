"""Wrappers that change the form of leaves, snapshots and stateful schedules against Optax."""

from typing import Any

import jax
import numpy as np
import optax
import pytest
from optax import contrib

import gradtx
from tests.peers.comparison import disagreement, optax_trajectory, permissive
from tests.schedules.test_stateful import halved_on_rise
from tests.trajectories import gradients, parameters, rate, relative_error, trajectory

SHAPES = {"up/kernel": (4, 6), "conv/kernel": (3, 3, 2, 4), "bias": (6,)}


def test_flatten() -> None:
    for make in (lambda lib: lib.adamw(0.1, weight_decay=0.1), lambda lib: lib.lars(0.1)):
        ours, theirs = gradtx.flatten(make(gradtx)), optax.flatten(make(optax))
        assert disagreement(ours, theirs, shapes=SHAPES) < 3e-5


def test_real_and_imaginary_parts() -> None:
    params, steps = parameters("complex64", SHAPES), gradients("complex64", shapes=SHAPES)
    ours, *_ = trajectory(gradtx.split_real_and_imaginary(gradtx.adam(0.1)), params, steps)
    theirs, *_ = optax_trajectory(contrib.split_real_and_imaginary(optax.adam(0.1)), params, steps)
    assert relative_error(ours, theirs) < 3e-5


@pytest.mark.parametrize("shape", [(4, 6), (6, 4), (5, 5)])
@pytest.mark.parametrize("base", ["scale_by_adam", "scale_by_rms"])
def test_galore(shape: tuple[int, ...], base: str) -> None:
    """On the longer side, and for one basis: the signs of the next one are open in Optax."""
    ours = gradtx.galore(0.1, 2, 20, 0.25, getattr(gradtx, base)(), 0.1, longer_side=shape != (5, 5))
    theirs = contrib.galore(0.1, 2, 20, 0.25, getattr(optax, base)(), 0.1)
    assert disagreement(ours, theirs, shapes={"w": shape, "b": (3,)}) < 1e-3


def test_measures() -> None:
    params, steps = parameters(), gradients()
    states: list[Any] = []
    for library in (gradtx, optax):
        average = library.measure_with_ema(optax.tree.norm, 0.5, True, None)
        tx = library.chain(
            library.snapshot("before", optax.tree.norm),
            library.clip_by_global_norm(1.0),
            library.monitor({"after": optax.tree.norm, "average": average}),
        )
        state = tx.init(params)
        for g in steps:
            with permissive():
                _, state = tx.update(g, state, params)
        states.append(state)
    ours, theirs = ([state[0].measurement, state[2].measurements] for state in states)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5), ours, theirs)


def test_stateful_schedules() -> None:
    params = parameters()
    made = [
        library.inject_hyperparams(library.adamw)(halved_on_rise(), b1=rate, weight_decay=0.1)
        for library in (gradtx, optax)
    ]
    with permissive():
        states = [tx.init(params) for tx in made]
        for loss in (3.0, 5.0, 1.0, 4.0):
            pairs = [tx.update(params, s, params, value=loss) for tx, s in zip(made, states, strict=True)]
            states = [state for _, state in pairs]
            jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4), pairs[0][0], pairs[1][0])
    name = "learning_rate"  # Optax keeps a count there for each other schedule too
    assert states[0].hyperparams_states[name] == states[1].hyperparams_states[name]
    state = gradtx.WrappedSchedule(rate).init()
    assert state == optax.schedules.WrappedSchedule(rate).init()
