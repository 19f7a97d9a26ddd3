"""Schedules with a state, as hyperparameters in a state."""

import pickle
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import gradtx
from gradtx import StatefulSchedule, WrappedSchedule, inject_hyperparams
from tests.trajectories import rate


class halved_on_rise:
    """Half of the rate after each loss above the best one."""

    def init(self) -> Any:
        return {"rate": jnp.float32(0.4), "best": jnp.float32(jnp.inf)}

    def update(self, state: Any, *, value: Any, **extra: Any) -> Any:
        rate = jnp.where(value > state["best"], state["rate"] / 2, state["rate"])
        return {"rate": rate, "best": jnp.minimum(value, state["best"])}

    def __call__(self, state: Any, **extra: Any) -> Any:
        return state["rate"]


def test_it_follows_extra_arguments() -> None:
    tx, params = inject_hyperparams(gradtx.sgd)(halved_on_rise()), jnp.zeros(2)
    assert isinstance(halved_on_rise(), StatefulSchedule)
    state, update = tx.init(params), jax.jit(tx.update)
    steps = []
    for loss in (3.0, 2.0, 5.0, 1.0, 4.0):
        updates, state = update(jnp.ones(2), state, params, value=loss)
        steps.append(float(updates[0]))
        assert state.hyperparams["learning_rate"] == -updates[0]
    np.testing.assert_allclose(steps, [-0.4, -0.4, -0.4, -0.2, -0.2])  # each loss counts for the next update
    assert state.hyperparams_states["learning_rate"]["rate"] == np.float32(0.1)
    assert state.count == 5
    assert gradtx.hyperparams(tx, state)["learning_rate"] == np.float32(0.2)  # that of the last update


def test_a_wrapped_schedule_counts() -> None:
    schedule = WrappedSchedule(rate)
    state = schedule.init()
    assert (state.count, state.count.dtype) == (0, jnp.int32)
    for count in range(3):
        np.testing.assert_allclose(schedule(state, value=1.0), rate(count), rtol=1e-6)
        state = schedule.update(state, value=1.0)
    tx, plain = inject_hyperparams(gradtx.sgd)(schedule), inject_hyperparams(gradtx.sgd)(rate)
    states = [tx.init(0.0), plain.init(0.0)]
    for _ in range(3):
        ours, states[0] = tx.update(jnp.ones(()), states[0])
        alike, states[1] = plain.update(jnp.ones(()), states[1])
        assert ours == alike
    assert states[0].hyperparams_states == {"learning_rate": (3,)}
    assert states[1].hyperparams_states == {}
    assert pickle.loads(pickle.dumps(tx)) == tx
    assert "learning_rate=WrappedSchedule(schedule_fn=schedule_from(function=rate))" in tx.expression()


def test_elsewhere_it_is_refused() -> None:
    with pytest.raises(TypeError, match=r"A schedule with a state needs inject_hyperparams"):
        gradtx.sgd(halved_on_rise())
    with pytest.raises(ValueError, match="would count calls"):
        inject_hyperparams(lambda lr: gradtx.accumulate(gradtx.sgd(lr), 2))(WrappedSchedule(rate))


def test_the_older_name() -> None:
    assert gradtx.inject_stateful_hyperparams is inject_hyperparams
