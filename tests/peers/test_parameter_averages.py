"""Averages, lookahead and SAM beside those of Optax."""

import re
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import gradtx
from tests.peers.comparison import permissive
from tests.peers.test_compiled import compiled, temporaries
from tests.trajectories import gradients, parameters, rate, relative_error, stacked

STEPS = 20


def curved(params: Any, tree: Any) -> Any:
    """Gradients that depend on the parameters, and differ at every step."""
    return {name: params[name] + 0.3 * params[name] ** 3 + 0.2 * tree[name] for name in params}


def scanned(step: Any, carry: Any) -> Any:
    """What `step` returns at each of the steps."""
    with permissive():
        return jax.jit(lambda carry, trees: jax.lax.scan(step, carry, trees)[1])(
            carry, stacked(gradients(steps=STEPS))
        )


def ours(tx: Any) -> Any:
    """The parameters, and where to evaluate, after each step."""

    def step(carry: Any, tree: Any) -> Any:
        params, state = carry
        at = lambda params, *_: curved(params, tree)  # noqa: E731
        updates, state = tx.update(at(params), state, params, grad_fn=at)
        params = gradtx.apply_updates(params, updates)
        return (params, state), (params, gradtx.eval_params(tx, state, params))

    return scanned(step, (parameters(), tx.init(parameters())))


def optax_lookahead(tx: Any) -> Any:
    def step(carry: Any, tree: Any) -> Any:
        params, state = carry
        updates, state = tx.update(curved(params.fast, tree), state, params)
        params = optax.apply_updates(params, updates)
        return (params, state), tuple(params)

    params = optax.LookaheadParams.init_synced(parameters())
    return scanned(step, (params, tx.init(params)))


def optax_average(tx: Any, average: Any) -> Any:
    def step(carry: Any, tree: Any) -> Any:
        params, state, average_state = carry
        updates, state = tx.update(curved(params, tree), state, params)
        params = optax.apply_updates(params, updates)
        evaluated, average_state = average.update(params, average_state)
        return (params, state, average_state), (params, evaluated)

    return scanned(step, (parameters(), tx.init(parameters()), average.init(parameters())))


def optax_sam(tx: Any) -> Any:
    def step(carry: Any, tree: Any) -> Any:
        params, state = carry
        at = lambda params, _: curved(params, tree)  # noqa: E731
        updates, state = tx.update(at(params, 0), state, params, grad_fn=at)
        params = optax.apply_updates(params, updates)
        return (params, state), (params, params)

    return scanned(step, (parameters(), tx.init(parameters())))


def test_an_average_of_the_parameters() -> None:
    tx, average = gradtx.average_params(gradtx.momentum(0.05), 0.9), optax.ema(0.9)
    assert relative_error(ours(tx), optax_average(optax.sgd(0.05, 0.9), average)) < 3e-5


@pytest.mark.parametrize("resets", [False, True])
def test_lookahead(resets: bool) -> None:
    tx = gradtx.lookahead(gradtx.momentum(0.05), 3, 0.7, resets)
    theirs = optax.lookahead(optax.sgd(0.05, 0.9), 3, 0.7, resets)
    assert relative_error(ours(tx), optax_lookahead(theirs)) < 3e-5
    assert gradtx.LookaheadState._fields[:2] == theirs.init(parameters())._fields


def test_optax_resets_schedules_with_the_state() -> None:
    """Its rate never gets beyond the first three values: it is told by the length of the last step."""

    def last_step(path: Any) -> float:
        return float(np.abs(path["scalar"][-1] - path["scalar"][-2]))

    params, _ = ours(gradtx.lookahead(gradtx.chain(gradtx.sign(), gradtx.sgd(rate)), 3, 0.7, True))
    fast, _ = optax_lookahead(optax.lookahead(optax.sign_sgd(rate), 3, 0.7, True))
    np.testing.assert_allclose(last_step(params), rate(19), rtol=1e-4)
    np.testing.assert_allclose(last_step(fast), rate(1), rtol=1e-4)


def test_sam() -> None:
    tx = gradtx.sam(gradtx.momentum(0.05), 0.3)
    ascent = optax.chain(optax.contrib.normalize(), optax.sgd(0.3))
    theirs = optax.contrib.sam(optax.sgd(0.05, 0.9), ascent, opaque_mode=True)
    assert relative_error(ours(tx), optax_sam(theirs)) < 3e-5


@pytest.mark.parametrize("opaque", [False, True])
@pytest.mark.parametrize(("period", "resets"), [(2, True), (3, True), (3, False)])
def test_sam_by_optax_s_name(opaque: bool, period: int, resets: bool) -> None:
    """The parameters at which the next gradient is taken, and the names of the state."""
    made: list[Any] = [
        library.contrib.sam(library.sgd(0.05, 0.9), library.sgd(0.02, 0.8), period, resets, opaque)
        for library in (gradtx, optax)
    ]
    (mine, _), (theirs, _) = ours(made[0]), optax_sam(made[1])
    assert relative_error(mine, theirs) < 3e-5
    assert gradtx.contrib.SAMState._fields == made[1].init(parameters())._fields


def test_optax_s_sam_of_a_period_of_one_takes_each_step_from_the_parameters_before() -> None:
    params: Any = jnp.zeros(())
    reached: list[Any] = []
    for library in (gradtx, optax):
        tx = library.contrib.sam(library.sgd(1.0), library.sgd(1.0), 1)
        state, reached = tx.init(params), [*reached, params]
        for _ in range(3):
            with permissive():
                updates, state = tx.update(jnp.ones(()), state, reached[-1])
                reached[-1] = reached[-1] + updates
    assert reached == [-3.0, -2.0]


@pytest.mark.parametrize(
    "wrap",
    [
        gradtx.average_params,
        lambda tx: gradtx.stochastic_weight_average(tx, 10, 5),
        lambda tx: gradtx.lookahead(tx, 5, 0.5),
    ],
    ids=["exponential", "uniform", "lookahead"],
)
def test_a_compiled_step_copies_nothing(wrap: Any) -> None:
    tx = wrap(gradtx.adamw(1e-3, weight_decay=0.1))
    assert temporaries(tx) < 0.01
    program = compiled(tx, {"kernel": jnp.zeros((64, 64))}).as_text()
    assert not re.search(r"= f32\[\d[\d,]*\]\S* copy\(", program)
