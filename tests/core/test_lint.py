"""Lint: each finding is found, and is not found beside the mistake."""

from typing import Any

import jax
import jax.numpy as jnp
import optax
import pytest

import gradtx
from gradtx import (
    Finding,
    Findings,
    adam,
    adamw,
    add_decayed_weights,
    by_path,
    chain,
    clip_by_global_norm,
    lint,
    masked,
    partition,
    scale,
    scale_by_adam,
    scale_by_learning_rate,
    sgd,
    summary,
    trace,
)
from tests.cases import CASES, make_params

PARAMS = {"kernel": jnp.ones((2, 2)), "bias": jnp.ones(2)}
NAMED = [name for name in CASES if name in gradtx.optimizers.__all__]
RATE = scale_by_learning_rate(0.1)


def names(tx: Any, params: Any = PARAMS) -> list[str]:
    return [f"{finding.name}@{finding.path}" for finding in lint(tx, params)]


@pytest.mark.parametrize("name", NAMED)
def test_a_named_optimizer_has_no_finding(name: str) -> None:
    assert lint(CASES[name], make_params(jnp.float32)) == ()


@pytest.mark.parametrize("name", CASES)
def test_every_case_is_looked_at_without_parameters(name: str) -> None:
    findings = lint(CASES[name])
    assert all(finding.text and finding.remedy for finding in findings)


RULES: dict[str, tuple[Any, str, Any]] = {
    "clip after a named optimizer": (
        chain(adam(0.1), clip_by_global_norm(1.0)),
        "clip-after-normalization@[1]",
        chain(clip_by_global_norm(1.0), adam(0.1)),
    ),
    "clip in a wrapper": (
        gradtx.guard(chain(scale_by_adam(), gradtx.monitor([gradtx.update_norm], gradtx.clip(1.0)), RATE)),
        "clip-after-normalization@[1]",
        gradtx.guard(chain(trace(0.9), gradtx.monitor([gradtx.update_norm], gradtx.clip(1.0)), RATE)),
    ),
    "clip after one group": (
        chain(partition({"a": adam(0.1), "b": sgd(0.1)}, {"kernel": "a", "bias": "b"}), gradtx.clip(1.0)),
        "clip-after-normalization@[1]",
        chain(partition({"a": sgd(0.1), "b": sgd(0.1)}, {"kernel": "a", "bias": "b"}), gradtx.clip(1.0)),
    ),
    "two rates": (chain(adam(0.1), RATE), "two-rates@[1]", chain(adam(0.1), scale(0.1))),
    "two rates, one in a group": (
        chain(masked(sgd(0.1), {"kernel": True, "bias": False}), RATE),
        "two-rates@[1]",
        partition({"a": sgd(0.1), "b": sgd(0.2)}, {"kernel": "a", "bias": "b"}),
    ),
    "no rate": (chain(scale_by_adam(), scale(0.1)), "no-rate@", chain(scale_by_adam(), scale(-0.1))),
    "no rate in a wrapper": (
        gradtx.accumulate(chain(trace(0.9)), 2),
        "no-rate@",
        gradtx.accumulate(chain(trace(0.9), RATE), 2),
    ),
    "a rate of zero": (
        sgd(gradtx.linear_schedule(0.0, 1.0, 9)(0)),
        "zero-rate@[1]",
        sgd(gradtx.linear_schedule(0.0, 1.0, 9)),
    ),
    "a rate of zero in a rotation": (gradtx.fromage(0.0), "zero-rate@[1]", gradtx.fromage(0.1)),
    "a rate of zero in a sum": (gradtx.madgrad(0.0), "zero-rate@[1]", gradtx.madgrad(0.1)),
    "decay after the rate": (
        chain(adam(0.1), add_decayed_weights(0.1)),
        "decay-after-rate@[1]",
        chain(scale_by_adam(), add_decayed_weights(0.1), RATE),
    ),
    "decay after a negative factor": (
        chain(trace(0.9), scale(-0.1), add_decayed_weights(0.1)),
        "decay-after-rate@[2]",
        chain(trace(0.9), add_decayed_weights(0.1), scale(-0.1)),
    ),
    "a member out of bounds": (
        jax.vmap(adam, in_axes=(None, 0))(0.1, jnp.array([0.5, 1.5])),
        "out-of-bounds@[0]",
        jax.vmap(adam, in_axes=(None, 0))(0.1, jnp.array([0.5, 0.9])),
    ),
    "a norm of a group": (
        partition({"a": chain(clip_by_global_norm(1.0), sgd(0.1))}, "a"),
        "one-group-alone@['a']",
        chain(clip_by_global_norm(1.0), partition({"a": sgd(0.1)}, "a")),
    ),
    "an empty mask": (
        adamw(0.1, mask=by_path({"weight": True, "": False})),
        "empty-mask@[1]",
        adamw(0.1, mask=by_path({"kernel": True, "": False})),
    ),
    "an empty mask of a wrapper in a group": (
        partition(
            {"a": masked(sgd(0.1), {"kernel": False, "bias": True}), "b": sgd(0.1)},
            by_path({"k": "a", "": "b"}),
        ),
        "empty-mask@['a']",
        partition(
            {"a": masked(sgd(0.1), {"kernel": True, "bias": False}), "b": sgd(0.1)},
            by_path({"k": "a", "": "b"}),
        ),
    ),
    "an empty group": (
        partition({"a": sgd(0.1), "b": adam(0.1)}, "a"),
        "empty-group@['b']",
        partition({"a": sgd(0.1), "b": adam(0.1)}, {"kernel": "a", "bias": "b"}),
    ),
}


@pytest.mark.parametrize("rule", RULES)
def test_each_finding_is_found_with_its_path_and_not_beside_the_mistake(rule: str) -> None:
    mistaken, finding, right = RULES[rule]
    assert names(mistaken) == [finding]
    assert names(right) == []


def test_masks_and_groups_need_parameters() -> None:
    tx = partition({"a": adamw(0.1, mask=lambda params: False), "b": sgd(0.1)}, "a")
    assert names(tx, None) == []
    assert names(tx) == ["empty-group@['b']", "empty-mask@['a'][1]"]
    unused = partition({"a": sgd(0.1), "b": adamw(0.1, mask=by_path({"": True}))}, "a")
    assert names(unused) == ["empty-group@['b']"]


def test_what_cannot_be_seen_is_no_finding() -> None:
    assert names(chain(optax.adam(0.1))) == []  # its sign
    assert names(chain(scale_by_adam(), gradtx.scale_by_schedule(lambda count: -0.1))) == []
    assert names(chain(trace(0.9), gradtx.stateless(lambda updates, params: updates))) == []
    assert names(scale_by_adam()) == []  # a rule is no optimizer
    assert names(gradtx.freeze(by_path({"bias": True, "": False}))) == []
    signs = jax.vmap(scale)(jnp.array([0.1, -0.1]))
    assert names(chain(trace(0.9), signs)) == []


def test_an_array_of_rates_with_a_zero_has_a_finding() -> None:
    assert names(jax.vmap(sgd)(jnp.array([0.0, 0.1]))) == ["zero-rate@[1]"]


def test_a_traced_number_is_no_finding() -> None:
    found: list[Any] = []

    @jax.jit
    def step(rate: jax.Array) -> None:
        found.append(names(chain(scale_by_adam(rate), scale(rate), sgd(rate))))

    step(jnp.zeros(()))
    assert found == [[]]


def test_a_schedule_warns_under_the_name_of_its_field() -> None:
    class odd(gradtx.Schedule):
        def at(self, count: Any) -> Any:
            return count

        def warnings(self, *, alone: bool = True) -> Any:
            yield Finding("odd", "", "it is odd.", "Make it even.")

    assert names(sgd(gradtx.constant_schedule(1.0))) == []
    (finding,) = lint(sgd(odd()), PARAMS)
    assert finding[:4] == ("odd", "[1].learning_rate", "it is odd.", "Make it even.")
    assert names(sgd(gradtx.linear_schedule(1.0, 0.0, 2.5))) == ["fractional-steps@[1].learning_rate"]


def test_summary_and_leaf_table_print_the_findings() -> None:
    tx = chain(adam(0.1), clip_by_global_norm(1.0))
    (finding,) = lint(tx, PARAMS)
    assert str(finding) == (
        "clip-after-normalization at [1]: clip_by_global_norm follows scale_by_adam, whose updates do not "
        "grow with the gradient. Put it before scale_by_adam."
    )
    assert (
        summary(tx, PARAMS).splitlines()[-1] == gradtx.leaf_table(tx, PARAMS).splitlines()[-1] == str(finding)
    )
    assert "no findings" not in summary(sgd(0.1), PARAMS)


def test_findings_are_a_frozen_sequence() -> None:
    one = Finding("name", "", "text.", "remedy.")
    assert not Findings()
    assert repr(Findings()) == "no findings"
    assert len(Findings([one, one])) == 2
    assert repr(Findings([one, one])) == "name: text. remedy.\nname: text. remedy."
    with pytest.raises(AttributeError):
        one.name = "other"  # pyright: ignore[reportAttributeAccessIssue]


def test_a_role_is_one_of_those_known() -> None:
    with pytest.raises(ValueError, match="role must be one of"):

        class odd(gradtx.GradientTransformation, role="odd"):
            pass


def test_a_class_declares_its_role_and_warnings() -> None:
    class loud(gradtx.GradientTransformation, role="normalizes"):
        def apply(self, updates: Any, state: Any, params: Any = None, **extra: Any) -> Any:
            return updates, state

        def warnings(self, params: Any) -> Any:
            yield Finding("loud", "", "it is loud.", "Turn it down.")

    tx = chain(loud(), gradtx.clip(1.0), RATE)
    assert names(tx) == ["clip-after-normalization@[1]", "loud@[0]"]


def test_parameters_in_bfloat16_lose_updates_without_a_wrapper():
    params = {"w": jax.ShapeDtypeStruct((4,), jnp.bfloat16), "b": jax.ShapeDtypeStruct((4,), jnp.float32)}
    (finding,) = gradtx.lint(gradtx.adamw(1e-3), params)
    assert finding.name == "lost-updates"
    assert "round_stochastically" in finding.remedy
    for tx in (gradtx.split_params(gradtx.adamw(1e-3)), gradtx.round_stochastically(gradtx.adamw(1e-3))):
        assert not gradtx.lint(tx, params)
    assert not gradtx.lint(gradtx.adamw(1e-3), {"b": params["b"]})
