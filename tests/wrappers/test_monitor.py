"""What a monitor records is what happened, and costs nothing where nobody asks."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import gradtx
from gradtx import by_group, by_path, exceeds, measure_with_ema, metrics, monitor

PARAMS = {"kernel": jnp.array([[3.0, 0.0], [0.0, 4.0]]), "bias": jnp.array([1.0])}
GRADIENTS = {"kernel": jnp.array([[0.0, 6.0], [0.0, 0.0]]), "bias": jnp.array([8.0])}


def after(tx: Any, steps: int = 1, **extra: Any) -> Any:
    """The state after some equal steps."""
    state, update = tx.init(PARAMS), jax.jit(tx.update)
    for _ in range(steps):
        _, state = update(GRADIENTS, state, PARAMS, **extra)
    return state


def test_around_an_optimizer_it_sees_what_comes_in_and_what_goes_out() -> None:
    tx = monitor([gradtx.gradient_norm, gradtx.update_norm, gradtx.update_ratio], gradtx.sgd(0.1))
    got = metrics(after(tx))
    assert list(got) == ["gradient_norm", "update_norm", "update_ratio"]
    np.testing.assert_allclose(list(got.values()), [10.0, 1.0, 1.0 / np.sqrt(26)], rtol=1e-6)
    assert tx.needs == {"params"}


def test_it_changes_nothing() -> None:
    inner = gradtx.adamw(0.1)
    expected, _ = inner.update(GRADIENTS, inner.init(PARAMS), PARAMS)
    tx = monitor([gradtx.gradient_norm], inner)
    got, state = tx.update(GRADIENTS, tx.init(PARAMS), PARAMS)
    jax.tree.map(np.testing.assert_array_equal, got, expected)
    assert jax.tree.structure(state) == jax.tree.structure(tx.init(PARAMS))


def test_in_a_chain_and_by_functions_of_ones_own() -> None:
    tx = gradtx.chain(
        gradtx.snapshot("before", gradtx.update_norm),
        gradtx.clip_by_global_norm(5.0),
        monitor({"after": lambda u: u["kernel"], "loss": lambda value: 2 * value}),
    )
    got = metrics(after(tx, value=jnp.float32(3.0)))
    np.testing.assert_allclose(got["before"], 10.0)
    np.testing.assert_allclose(got["after"][0, 1], 3.0, rtol=1e-6)
    assert got["loss"] == 6.0
    assert tx.needs == {"value"}


def test_by_group() -> None:
    ratio = by_group(gradtx.update_ratio, by_path({"bias": "bias", "": "matrix"}))
    got = metrics(after(monitor({"ratio": ratio}, gradtx.sgd(0.1))))["ratio"]
    np.testing.assert_allclose([got["bias"], got["matrix"]], [0.8, 0.6 / 5.0], rtol=1e-6)


def test_a_running_average_is_the_share_of_clipped_steps() -> None:
    tx = monitor(
        {"clipped": measure_with_ema(exceeds(9.0), 0.5), "raw": measure_with_ema(exceeds(9.0), 0.5, False)}
    )
    state = tx.init(PARAMS)
    for factor in (1.0, 0.5, 1.0):  # norms of 10, 5 and 10
        _, state = tx.update(jax.tree.map(lambda g, f=factor: f * g, GRADIENTS), state, PARAMS)
    np.testing.assert_allclose(metrics(state)["raw"], 0.5 + 0.125)
    np.testing.assert_allclose(metrics(state)["clipped"], (0.5 + 0.125) / 0.875, rtol=1e-6)


def test_weights_that_rounding_leaves_where_they_are() -> None:
    params = {"w": jnp.ones(4, jnp.bfloat16), "i": jnp.arange(2)}
    tx = monitor([gradtx.unmoved_share], gradtx.sgd(1.0))
    for size, share in ((1e-3, 1.0), (1e-1, 0.0)):
        g = {"w": jnp.full(4, size, jnp.float32), "i": None}
        _, state = tx.update(g, tx.init(params), params)
        assert metrics(state)["unmoved_share"] == share


def test_metrics_of_all_that_publish() -> None:
    tx = gradtx.chain(
        gradtx.dynamic_loss_scale(gradtx.guard(gradtx.identity())),
        gradtx.apply_if_finite(gradtx.identity(), 1),
        gradtx.inject(gradtx.sgd(0.5), "learning_rate"),
    )
    got = metrics(after(tx))
    assert got["learning_rate"] == 0.5
    assert got["loss_scale"] == 2.0**15
    assert [name for name in got if name.endswith("skipped")] == [
        "[0].skipped",
        "[0].inner_state.skipped",
        "[1].skipped",
    ]
    assert metrics(gradtx.adam(0.1).init(PARAMS)) == {}


def test_what_nobody_asks_for_is_not_computed() -> None:
    def reductions(tx: Any) -> int:
        return (
            jax.jit(tx.update).lower(GRADIENTS, tx.init(PARAMS), PARAMS).as_text().count("stablehlo.reduce")
        )

    assert reductions(monitor({}, gradtx.sgd(0.1))) == 0
    assert reductions(monitor([gradtx.gradient_norm], gradtx.sgd(0.1))) > 0


@pytest.mark.parametrize(
    "measures",
    [[exceeds(1.0)], {"norm": 3.0}, {1: gradtx.update_norm}],
    ids=["no name", "no function", "no text"],
)
def test_what_is_no_measure_is_refused(measures: Any) -> None:
    with pytest.raises(TypeError, match="monitor: "):
        monitor(measures)


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ((gradtx.gradient_norm, gradtx.sgd(0.1)), "give a list of measures.*got gradient_norm"),
        ((exceeds(1.0), gradtx.sgd(0.1)), "give a list of measures.*got exceeds"),
        ((gradtx.sgd(0.1), [gradtx.gradient_norm]), "the measures come first"),
        ((gradtx.sgd(0.1),), "the measures come first"),
        ((gradtx.identity(),), "the measures come first"),
    ],
)
def test_measures_are_several_and_come_first(arguments: Any, problem: str) -> None:
    with pytest.raises(TypeError, match=f"monitor: {problem}"):
        monitor(*arguments)


@pytest.mark.parametrize("decay", [-0.1, 1.0, 1.5, float("nan")])
def test_the_decay_is_one(decay: float) -> None:
    with pytest.raises(ValueError, match="measure_with_ema: decay must be at least 0 and below 1, got"):
        measure_with_ema(gradtx.update_norm, decay)


def test_a_bound_is_not_negative() -> None:
    with pytest.raises(ValueError, match=r"exceeds: max_norm must be at least 0, got -1\.0"):
        exceeds(-1.0)
    assert exceeds(np.float32(2.0))(jnp.array([3.0], jnp.bfloat16)) == 1.0


def test_an_average_leaves_out_what_is_not_finite() -> None:
    tx = monitor({"norm": measure_with_ema(gradtx.update_norm, 0.5)})
    state = tx.init(jnp.zeros(1))
    for g in (2.0, jnp.nan, 2.0):
        _, state = tx.update(jnp.array([g]), state)
    np.testing.assert_allclose(metrics(state)["norm"], 2.0, rtol=1e-6)


def test_what_is_donated_is_no_alias() -> None:
    tx = monitor(
        {
            "ema": measure_with_ema(gradtx.update_norm, 0.5, debias=False),
            "loss": lambda value: value,
            "all": lambda updates: updates,
        }
    )
    value, g = jnp.float32(3.0), jnp.ones(2)
    _, state = tx.update(g, tx.init(g), value=value)
    jax.jit(lambda state: state, donate_argnums=0)(state)
    assert (float(value), float(g[0])) == (3.0, 1.0)


def test_arguments_with_defaults_are_not_measured() -> None:
    tx = gradtx.snapshot("norm", gradtx.global_norm)
    assert metrics(tx.update(GRADIENTS, tx.init(PARAMS))[1])["norm"] == 10.0


def test_two_measures_of_one_name_are_refused() -> None:
    with pytest.raises(ValueError, match="two measures have one name"):
        monitor([lambda updates: 1.0, lambda gradients: 2.0])


def test_labels_that_are_a_function_see_the_parameters_and_never_the_updates() -> None:
    """Labels by dtype: bfloat16 gradients of float32 parameters do not change the group."""

    def by_dtype(params: Any) -> Any:
        return jax.tree.map(lambda p: p.dtype.name, params)

    params = {"w": jnp.ones(2), "h": jnp.ones(2, jnp.bfloat16)}
    swapped = {"w": jnp.array([3.0, 4.0], jnp.bfloat16), "h": jnp.zeros(2)}
    measures = {
        "norm": by_group(gradtx.gradient_norm, by_dtype),
        "ratio": by_group(gradtx.update_ratio, by_dtype),
    }
    tx = monitor(measures)
    _, state = jax.jit(tx.update)(swapped, tx.init(params), params)
    assert jax.tree.map(float, metrics(state)["norm"]) == {"float32": 5.0, "bfloat16": 0.0}
    assert float(metrics(state)["ratio"]["bfloat16"]) == 0.0
    assert monitor({"norm": measures["norm"]}).needs == {"params"}
    assert monitor({"norm": by_group(gradtx.gradient_norm, by_path({"": "all"}))}).needs == set()
    with pytest.raises(ValueError, match="monitor needs 'params'"):
        tx.update(swapped, tx.init(params))
    with pytest.raises(TypeError, match="by_group: this measure is one of gradients, params, got 1 of them"):
        measures["norm"](swapped)


def test_a_snapshot_is_one_measurement() -> None:
    tx = gradtx.snapshot("norm", gradtx.update_norm)
    state = tx.init(PARAMS)
    assert state == gradtx.SnapshotState({"norm": 0.0})
    updates, state = tx.update(GRADIENTS, state)
    assert updates is GRADIENTS
    assert (state.measurement["norm"], gradtx.tree.get(state, "norm")) == (10.0, 10.0)
    assert gradtx.snapshot("ratio", gradtx.update_ratio).needs == {"params"}
    with pytest.raises(TypeError, match="snapshot: a measure is a function"):
        gradtx.snapshot("norm", measure_with_ema(gradtx.update_norm, 0.5))


def test_the_dtype_of_an_average() -> None:
    """Each average is stored in it; its value is computed before it is rounded."""
    tx = monitor({"norm": measure_with_ema(gradtx.update_norm, 0.5, True, jnp.bfloat16)})
    state = tx.init(PARAMS)
    assert state.measure_states["norm"].ema.dtype == jnp.bfloat16
    stored = 0.0
    for g in (1.2345678, 0.2345678):
        _, state = tx.update(jnp.array([g]), state)
        exact = 0.5 * stored + 0.5 * g
        stored = float(jnp.bfloat16(exact))
    assert state.measure_states["norm"].ema == jnp.bfloat16(stored)
    np.testing.assert_allclose(metrics(state)["norm"], exact / 0.75, rtol=1e-6)
    with pytest.raises(TypeError, match="must have a floating-point dtype"):
        measure_with_ema(gradtx.update_norm, 0.5, accumulator_dtype=int)
