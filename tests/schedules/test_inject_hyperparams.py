"""A factory whose numbers are in the state: which of its arguments these are, and what a call of it is."""

import pickle
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import gradtx
from gradtx import ScalarOrSchedule, inject, inject_hyperparams, linear_schedule, tree
from tests.trajectories import parameters, rate

PARAMS = parameters()
SCHEDULE = linear_schedule(0.5, 0.1, 4)
RATE = "learning_rate"


def names_in_state(tx: Any) -> set[str]:
    return set(tx.init(PARAMS).hyperparams)


def test_static_arguments_stay_as_they_are() -> None:
    tx = inject_hyperparams(gradtx.adamw, static_args=("b1", "eps"))(rate)
    assert names_in_state(tx) == {RATE, "b2", "eps_root", "weight_decay"}
    with pytest.raises(ValueError, match=r"32 bits or more, got bfloat16: 0\.999 would be 1"):
        inject_hyperparams(gradtx.adamw, hyperparam_dtype="bfloat16")
    with pytest.raises(ValueError, match="adamw takes no beta1"):
        inject_hyperparams(gradtx.adamw, static_args="beta1")


def typed(lr: float, steps: int, mask: Any = None, key: Any = 0) -> Any:
    """By its types: one hyperparameter, and structure."""
    return gradtx.chain(
        gradtx.trace(0.9), gradtx.add_decayed_weights(0.1, mask), gradtx.scale(lr * int(steps))
    )


def spelled_types(lr: "ScalarOrSchedule", steps: "int") -> Any:
    """The same, of types in quotes."""
    return typed(lr, steps)  # pyright: ignore[reportArgumentType]


def unknown_types(lr, steps: "NotThere") -> Any:  # pyright: ignore # noqa: F821
    """A type that cannot be evaluated says nothing."""
    return gradtx.scale(lr * steps)


def no_types(lr, decay, mask=None, nesterov=False, dtype=jnp.float32):  # pyright: ignore
    """Numbers and functions count, booleans and classes do not."""
    return gradtx.chain(gradtx.trace(decay, nesterov, dtype), gradtx.scale(lr))


def others(lr, **kwargs):  # pyright: ignore
    """Numbers by any name."""
    return gradtx.adamw(lr, **kwargs)


def other_things(lr: float, **kwargs: Any) -> Any:
    """The same, among other things."""
    return gradtx.adamw(lr, **kwargs)


@pytest.mark.parametrize(
    ("tx", "names"),
    [
        (inject_hyperparams(typed)(0.1, 2, gradtx.except_bias_norm_embedding, 3), {"lr"}),
        (inject_hyperparams(spelled_types)(rate, 2), {"lr"}),
        (inject_hyperparams(unknown_types)(0.1, 2), {"lr", "steps"}),
        (inject_hyperparams(no_types)(0.1, rate), {"lr", "decay"}),
        (inject_hyperparams(others)(0.1, b1=rate, nesterov=True), {"lr", "b1"}),
        (inject_hyperparams(others, "b1")(0.1, b1=0.8, eps=1e-6), {"lr", "eps"}),
        (
            inject_hyperparams(other_things)(
                0.1, b1=SCHEDULE, b2=0.9, mask=gradtx.except_bias_norm_embedding
            ),
            {"lr", "b1", "b2"},
        ),
        (inject_hyperparams(partial(gradtx.momentum, decay=0.5))(0.1), {RATE, "decay"}),
        (inject_hyperparams(gradtx.scale_by_adam)(b1=0.5), {"b1", "b2", "eps", "eps_root"}),
        (inject_hyperparams(gradtx.chain)(), set()),
    ],
)
def test_types_say_which_arguments_are_hyperparameters(tx: Any, names: set[str]) -> None:
    assert names_in_state(tx) == names


def test_arguments_without_names_are_refused() -> None:
    with pytest.raises(ValueError, match=r"chain takes \*transformations: Any without a name"):
        inject_hyperparams(gradtx.chain)(gradtx.sgd(0.1))

    def positional(lr: float, /) -> Any:
        return gradtx.sgd(lr)

    with pytest.raises(ValueError, match="takes lr: float without a name"):
        inject_hyperparams(positional)(0.1)


def test_what_is_no_factory_is_refused() -> None:
    with pytest.raises(ValueError, match="has its hyperparameters in the state already"):
        inject_hyperparams(inject_hyperparams(gradtx.sgd))
    with pytest.raises(TypeError, match="For an optimizer that is made, there is inject"):
        inject_hyperparams(gradtx.sgd(0.1))  # pyright: ignore[reportArgumentType]
    with pytest.raises(TypeError, match="takes a function that makes an optimizer, got 'sgd'"):
        inject_hyperparams("sgd")  # pyright: ignore[reportArgumentType]


def test_bad_values_are_refused_when_it_is_made() -> None:
    with pytest.raises(TypeError, match="learning_rate must be a number or a schedule, got '1e-3'"):
        inject_hyperparams(gradtx.adamw)(learning_rate="1e-3")
    with pytest.raises(ValueError, match="b1 must be at least 0 and below 1"):
        inject_hyperparams(gradtx.adamw)(0.1, b1=1.5)


def accumulated(learning_rate: Any, k: int) -> Any:
    return gradtx.accumulate(gradtx.sgd(learning_rate), k)


def test_a_schedule_of_what_may_skip_is_refused() -> None:
    """The factory sees numbers, and who knows where these stand: `inject` does."""
    factory = inject_hyperparams(lambda learning_rate: accumulated(learning_rate, 2))
    with pytest.raises(ValueError, match="learning_rate would count calls, also those in which accumulate"):
        factory(SCHEDULE)
    factory(0.1)
    # The schedule of a field of the class itself counts calls anyway.
    inject_hyperparams(gradtx.guard)(gradtx.sgd(0.1), decay=SCHEDULE)


AROUND = inject_hyperparams(gradtx.guard)(
    inject_hyperparams(gradtx.adamw)(0.1, weight_decay=0.5), decay=0.9, watch_loss=True
)


def test_around_a_wrapper_around_another_one_it_is_a_value() -> None:
    assert AROUND.needs == {"params", "value"}
    assert pickle.loads(pickle.dumps(AROUND)) == eval(repr(AROUND), vars(gradtx)) == AROUND
    changed = gradtx.replace(AROUND, decay=0.5, learning_rate=0.2, weight_decay=0.0)
    assert changed == inject_hyperparams(gradtx.guard)(
        inject_hyperparams(gradtx.adamw)(0.2, weight_decay=0.0), decay=0.5, watch_loss=True
    )
    with pytest.raises(ValueError, match="decay must be at least 0 and below 1"):
        gradtx.replace(AROUND, decay=2.0)
    with pytest.raises(TypeError, match="decay must be a number or a schedule, got 'x'"):
        gradtx.replace(AROUND, decay="x")


def test_around_a_wrapper_around_another_one_it_is_read_and_written() -> None:
    state = AROUND.init(PARAMS)
    got = gradtx.metrics(state)
    assert (got["max_deviations"], got[RATE], got["skipped"]) == (6.0, np.float32(0.1), 0)
    table = gradtx.summary(AROUND, PARAMS)
    assert (table.count("hyperparams "), table.count("guard("), table.count("scale_by_adam(")) == (2, 1, 1)
    state = tree.set(state, learning_rate=0.0)
    update, state = AROUND.update(PARAMS, state, PARAMS, value=1.0)
    assert all(np.all(leaf == 0) for leaf in jax.tree.leaves(update))
    with pytest.raises(
        ValueError, match="add_decayed_weights in chain in injected in guard in injected needs"
    ):
        AROUND.update(PARAMS, state, value=1.0)


def test_a_stack_of_them() -> None:
    rates = jnp.array([0.1, 0.2])
    txs = jax.vmap(inject_hyperparams(gradtx.adamw))(rates)
    assert txs.needs == {"params"}
    assert pickle.loads(pickle.dumps(txs)) == txs
    states = jax.vmap(lambda tx: tx.init(PARAMS))(txs)
    assert gradtx.hyperparams(txs, states)[RATE].shape == (2,)
    assert "scale_by_adam" in gradtx.summary(txs, PARAMS)
    update = jax.vmap(lambda tx, state: tx.update(PARAMS, state, PARAMS))
    updates, _ = jax.jit(update, donate_argnums=1)(txs, states)
    np.testing.assert_array_equal(txs.values[RATE], rates)  # a donated state shares no memory with it
    for index, rate_of_one in enumerate((0.1, 0.2)):
        one = gradtx.adamw(rate_of_one)
        expected, _ = one.update(PARAMS, one.init(PARAMS), PARAMS)
        jax.tree.map(
            lambda a, b, i=index: np.testing.assert_allclose(a[i], b, rtol=1e-4, atol=1e-7), updates, expected
        )


def test_arrays_and_transformations_among_the_arguments_are_data() -> None:
    noisy = inject_hyperparams(gradtx.add_noise)(0.1, 0.5, jax.random.key(1))
    update, _ = noisy.update(PARAMS, noisy.init(PARAMS), PARAMS)
    expected_tx = gradtx.add_noise(0.1, 0.5, jax.random.key(1))
    expected, _ = expected_tx.update(PARAMS, expected_tx.init(PARAMS), PARAMS)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-7), update, expected)
    # A schedule in one of them stays in its place, and is found there.
    tx = inject(inject_hyperparams(gradtx.guard)(gradtx.sgd(SCHEDULE)), RATE)
    _, state = tx.update(jnp.array(1.0), tx.init(jnp.array(0.0)))
    np.testing.assert_allclose(gradtx.hyperparams(tx, state)[RATE], 0.4)
    assert state.hyperparams[RATE] == 0.5


def hidden(inner: Any, factor: float = 1.0) -> Any:
    return gradtx.chain(gradtx.GradientTransformation(inner.init, inner.update), gradtx.scale(factor))


def test_a_schedule_that_a_factory_hides_is_shown_by_the_count_of_calls() -> None:
    tx = inject(inject_hyperparams(hidden)(gradtx.sgd(SCHEDULE)), RATE)
    state = tx.init(jnp.array(0.0))
    for expected in (0.5, 0.4):
        update, state = tx.update(jnp.array(1.0), state)
        np.testing.assert_allclose(update, -expected)
        np.testing.assert_allclose(state.hyperparams[RATE], expected)


def test_per_example_gradients_reach_it() -> None:
    tx = inject_hyperparams(gradtx.differentially_private_aggregate)(1.0, 0.0, 0)
    params = jnp.zeros(2)
    update, _ = tx.update(jnp.ones((4, 2)), tx.init(params), params)
    np.testing.assert_allclose(update, 0.5**0.5, rtol=1e-6)
