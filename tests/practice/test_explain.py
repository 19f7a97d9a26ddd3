"""Explanations: each part of each optimizer has a reason, and a source."""

import jax
import pytest

import gradtx
from gradtx.core import all_in
from gradtx.practice import explain, recipe
from gradtx.practice._reasons import REASONS
from gradtx.practice._recipes import RECIPES
from tests.cases import CASES

PARAMS = {"embed": jax.ShapeDtypeStruct((9, 4), "float32"), "w": jax.ShapeDtypeStruct((4, 4), "float32")}
NO_SOURCE = (gradtx.scale, gradtx.partition, gradtx.masked, gradtx.schedule_from)


@pytest.mark.parametrize("name", gradtx.optimizers.__all__)
def test_each_part_of_a_named_optimizer_has_a_reason(name: str) -> None:
    found = explain(CASES[name])
    kinds = [own.kind for own in found if not issubclass(own.kind, gradtx.Schedule)]
    skipped = (gradtx.chain, gradtx.named_chain, gradtx.identity)
    assert kinds == [type(part) for part in all_in(CASES[name]) if not isinstance(part, skipped)]
    for own in found:
        assert own.reason.why, own.part
        assert own.reason.source or own.kind in NO_SOURCE, own.part
        assert len(own.reason.source) < 165, own.reason.source


@pytest.mark.parametrize("name", RECIPES)
def test_each_part_of_a_recipe_has_a_reason_of_the_table(name: str) -> None:
    for own in explain(recipe(name, PARAMS, steps=100)):
        assert own.kind in REASONS, own.part


def test_a_class_without_an_entry_has_the_reason_of_its_documentation() -> None:
    (own, _) = explain(gradtx.adadelta(0.1))
    assert gradtx.scale_by_adadelta not in REASONS
    assert own.reason.why.startswith("Adadelta's direction: the gradient times the size of past directions")
    assert own.reason.source == "Zeiler (2012), ADADELTA: An Adaptive Learning Rate Method, arXiv:1212.5701"
    assert explain(gradtx.galore(0.1))[0].reason.source.startswith("Zhao et al. (2024), GaLore: ")


def test_schedules_follow_the_part_whose_numbers_they_are() -> None:
    tx = gradtx.sgd(gradtx.linear_warmup_schedule(5) * gradtx.cosine_decay_schedule(0.1, 20))
    parts = [(own.part, own.depth) for own in explain(tx)]
    assert parts == [
        ("scale_by_learning_rate(learning_rate=...)", 0),
        ("linear_warmup_schedule(warmup_steps=5.0, peak_value=1.0, init_value=0.0)", 1),
        ("cosine_decay_schedule(init_value=0.1, decay_steps=20.0, alpha=0.0, exponent=1.0)", 1),
    ]


def test_groups_are_named_and_indented() -> None:
    text = str(explain(gradtx.partition({"a": gradtx.sgd(0.1), "b": gradtx.adam(0.1)}, {"x": "a", "y": "b"})))
    assert text.startswith("partition()\n  why      each group of leaves has its own optimizer\n")
    assert "\n  a: scale_by_learning_rate(learning_rate=0.1)\n    why      the length" in text
    assert "\n  b: scale_by_adam(b1=0.9, " in text
    assert max(map(len, text.splitlines())) <= 100


def test_a_notebook_shows_a_table() -> None:
    found = explain(gradtx.momentum(0.1))
    assert found._repr_html_().count("<tr>") == 1 + len(found)
    assert found.table().columns == ("part", "reason", "typical range", "try first", "source")
    assert "trace(decay=0.9)" in found.table()
