"""Reports, failures, hyperparameters, metrics and tables are found in any nesting."""

from typing import Any

import jax
import jax.numpy as jnp
import optax
import pytest

import gradtx
from gradtx import chain, has_failed, hyperparams, leaf_table, metrics, report, summary

PARAMS = {"bias": jnp.ones(2), "kernel": jnp.ones((2, 2))}
BAD = {"bias": jnp.zeros(2), "kernel": jnp.array([[1.0, jnp.nan], [0.0, 0.0]])}
ONE_BAD = "1 of 1 updates skipped, 1 in a row; 0 clipped. Last not finite: ['kernel']."

NESTINGS: dict[str, Any] = {
    "alone": lambda tx: tx,
    "chain": lambda tx: chain(gradtx.identity(), tx),
    "named_chain": lambda tx: gradtx.named_chain(("first", gradtx.identity()), ("second", tx)),
    "monitor": lambda tx: gradtx.monitor([gradtx.update_norm], tx),
    "masked": lambda tx: gradtx.masked(tx, {"bias": False, "kernel": True}),
    "partition": lambda tx: gradtx.partition({"a": gradtx.sgd(0.3), "b": tx}, {"bias": "a", "kernel": "b"}),
    "accumulate": lambda tx: gradtx.accumulate(tx, 1),
    "lookahead": lambda tx: gradtx.lookahead(tx, 5, 0.5),
    "inject": lambda tx: gradtx.inject(tx, "max_deviations"),
    "add": lambda tx: gradtx.add(gradtx.identity(), tx),
    "average_params": lambda tx: gradtx.average_params(tx, 0.9),
    "two wrappers": lambda tx: gradtx.monitor(
        [gradtx.update_norm], gradtx.masked(chain(tx), {"bias": False, "kernel": True})
    ),
}


def after_one(tx: Any, gradients: Any = BAD) -> Any:
    return tx.update(gradients, tx.init(PARAMS), PARAMS)[1]


@pytest.mark.parametrize("nesting", NESTINGS)
def test_a_guard_is_found_in_any_nesting(nesting: str) -> None:
    tx = NESTINGS[nesting](gradtx.guard(gradtx.momentum(0.25), decay=0.5, max_consecutive=0))
    state = after_one(tx)
    assert report(tx, state, PARAMS) == ONE_BAD
    assert has_failed(tx, state)
    assert not has_failed(tx, tx.init(PARAMS))
    assert metrics(state)["skipped"] == 1
    assert hyperparams(tx, state)["max_deviations"] == 6.0
    assert 0.25 in hyperparams(tx, state).values()
    assert "guard(" in summary(tx, PARAMS)


@pytest.mark.parametrize("nesting", NESTINGS)
def test_masks_and_groups_are_found_in_any_nesting(nesting: str) -> None:
    groups = gradtx.partition({"x": gradtx.trace(0.9)}, "x")
    tx = NESTINGS[nesting](
        chain(
            gradtx.guard(groups, decay=0.5), gradtx.add_decayed_weights(0.1, {"kernel": True, "bias": False})
        )
    )
    table = leaf_table(tx, PARAMS)
    assert table.columns[-2:] == ("group", "add_decayed_weights")
    assert table.rows[1][-2:] == ("'x'", "yes")


def test_several_reports_have_their_paths() -> None:
    tx = chain(
        gradtx.guard(gradtx.trace(0.9)),
        gradtx.monitor([gradtx.update_norm], gradtx.apply_if_finite(gradtx.sgd(0.1), 3)),
    )
    state = after_one(tx)
    lines = report(tx, state).splitlines()
    assert lines == [
        "[0]: 1 of 1 updates skipped, 1 in a row; 0 clipped. Last not finite: leaf 1, counted from 0.",
        "[1]: 0 updates skipped, 0 in a row.",
    ]


def test_a_guard_with_a_schedule_is_found_too() -> None:
    tx = gradtx.chain(gradtx.guard(gradtx.sgd(0.1), gradtx.constant_schedule(6.0), max_consecutive=0))
    state = after_one(tx)
    assert has_failed(tx, state)
    assert report(tx, state, PARAMS) == ONE_BAD


def test_one_failure_among_several_is_one() -> None:
    strict, patient = gradtx.apply_if_finite(gradtx.trace(0.9), 0), gradtx.apply_if_finite(gradtx.sgd(0.1), 9)
    for tx in (gradtx.add(strict, patient), gradtx.add(patient, strict)):
        assert has_failed(tx, after_one(tx))
    tx = gradtx.add(patient, patient)
    assert not has_failed(tx, after_one(tx))


def test_an_optimizer_without_a_report_has_none_and_never_fails() -> None:
    tx = gradtx.adam(0.1)
    state = tx.init(PARAMS)
    assert report(tx, state) == ""
    assert has_failed(tx, state).dtype == bool
    assert not jax.jit(has_failed)(tx, state)


@pytest.mark.exhaustive
def test_has_failed_is_traced_and_mapped() -> None:
    tx = chain(gradtx.apply_if_finite(gradtx.sgd(0.1), 0))
    states = jax.vmap(
        lambda factor: tx.update(jax.tree.map(lambda g: g * factor, PARAMS), tx.init(PARAMS), PARAMS)[1]
    )(jnp.array([1.0, jnp.inf]))
    assert has_failed(tx, states).tolist() == [False, True]


def test_objects_of_other_libraries_are_read_as_far_as_their_state_shows() -> None:
    inner = gradtx.guard(gradtx.sgd(0.25))
    tx = chain(optax.chain(optax.identity(), optax.GradientTransformationExtraArgs(inner.init, inner.update)))
    state = after_one(tx)
    assert report(tx, state, PARAMS) == ONE_BAD
    assert metrics(state)["skipped"] == 1
    with pytest.raises(ValueError, match=r"GuardState at \[0\]\[1\] is in an object of another library"):
        has_failed(tx, state)
    injected = gradtx.monitor([gradtx.update_norm], optax.inject_hyperparams(optax.sgd)(0.125))
    assert hyperparams(injected, injected.init(PARAMS)) == {"learning_rate": 0.125}


def test_the_words_of_masks_in_use_stand_below_the_table() -> None:
    title = "kind of name"
    with_words = gradtx.masked(
        gradtx.adamw(0.1, mask=gradtx.except_bias_norm_embedding), {"bias": True, "kernel": True}
    )
    table = leaf_table(with_words, PARAMS)
    assert f"\n{title}" in table
    assert "wpe, wte" in table
    assert "unembedding" not in table
    assert "unembedding" in leaf_table(gradtx.muon(0.1), PARAMS)
    assert title not in leaf_table(gradtx.adamw(0.1, mask=gradtx.at_least_two_axes), PARAMS)
    assert title not in leaf_table(gradtx.adamw(0.1), PARAMS)


def test_a_rule_with_two_masks_has_two_columns() -> None:
    masks = {"kernel": True, "bias": False}
    tx = gradtx.scale_by_lamb(mask=masks, trust_ratio_mask=True)
    table = leaf_table(tx, PARAMS)
    assert table.columns[3:] == ("scale_by_lamb.mask", "scale_by_lamb.trust_ratio_mask")
    assert [row[3:] for row in table.rows] == [("-", "yes"), ("yes", "yes")]
