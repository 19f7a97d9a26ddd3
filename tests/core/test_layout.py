"""Printed values: one line where it fits, and else a line for each argument, at a fixed width."""

import os
import subprocess
import sys
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import gradtx
from gradtx.tree import laid_out, members, spelled
from tests.cases import CASES, expression_namespace


@pytest.mark.parametrize("name", CASES)
def test_every_case_prints_within_the_width_and_evaluates_to_itself(name: str) -> None:
    printed = repr(CASES[name])
    assert max(map(len, printed.splitlines())) <= 100
    assert ("\n" in printed) == (len(CASES[name].expression()) > 100)
    assert eval(printed, expression_namespace()) == CASES[name]


def test_a_value_of_exactly_the_width_stays_in_one_line() -> None:
    begin, end = "f(a=", ", b=1)"
    fits = begin + "x" * (100 - len(begin + end)) + end
    assert len(fits) == 100
    assert laid_out(fits) == fits
    assert laid_out(fits.replace("xx", "xxx", 1)).splitlines()[1] == "  b=1)"


def test_arguments_begin_lines_below_the_first() -> None:
    tx = gradtx.chain(gradtx.clip_by_global_norm(1.0), gradtx.adamw(1e-3))
    assert repr(tx).splitlines() == [
        "chain(clip_by_global_norm(max_norm=1.0),",
        "      chain(scale_by_adam(b1=0.9, b2=0.999, eps=1e-08, eps_root=0.0),",
        "            add_decayed_weights(weight_decay=0.0001),",
        "            scale_by_learning_rate(learning_rate=0.001)))",
    ]


def test_numbers_fill_lines_and_far_arguments_begin_at_the_indent() -> None:
    numbers = ", ".join(f"n{i}={i}" for i in range(30))
    assert laid_out(f"f({numbers})").splitlines()[0].endswith("n12=12, n13=13,")
    far = laid_out(f"{'g' * 60}({numbers})").splitlines()
    assert far[0] == "g" * 60 + "("
    assert far[1].startswith("    n0=0, n1=1,")
    assert eval(laid_out(f"dict({numbers})")) == eval(f"dict({numbers})")


def test_a_line_breaks_before_an_operator() -> None:
    one = gradtx.linear_schedule(0.0, 1.0, 10)
    schedule = one * gradtx.cosine_decay_schedule(0.5, 1000)
    printed = repr(schedule).splitlines()
    assert printed[1].startswith(" * cosine_decay_schedule(")
    assert eval("\n".join(printed), vars(gradtx)) == schedule


def test_strings_are_never_broken() -> None:
    pattern = "(a, b)|[c, d" + "], '\"{" * 20
    labels = gradtx.by_path({pattern.replace("[", r"\["): "x", ".*": "y"})
    tx = gradtx.partition({"x": gradtx.adam(0.1), "y": gradtx.sgd(0.1)}, labels)
    lines = repr(tx).splitlines()
    assert lines[0] == "partition({'x': chain(scale_by_adam(b1=0.9, b2=0.999, eps=1e-08, eps_root=0.0),"
    assert [line.startswith("          by_path({") for line in lines] == [False] * (len(lines) - 2) + [
        True,
        False,
    ]
    assert eval(repr(tx), vars(gradtx)) == tx


def test_a_lone_argument_does_not_move_the_indent() -> None:
    tx = gradtx.chain(
        gradtx.trace(0.9), gradtx.scale(gradtx.schedule_from(abs) + gradtx.constant_schedule(0.1))
    )
    far = f"chain({'t' * 40}(rate={'s' * 20}(first=1, second=2)), {'u' * 60}(v=1))"
    assert eval(repr(tx), {**vars(gradtx), "abs": abs}) == tx
    assert laid_out(far).splitlines()[:2] == [
        f"chain({'t' * 40}(rate={'s' * 20}(first=1, second=2)),",
        f"      {'u' * 60}(v=1))",
    ]
    far = f"chain({'t' * 40}(rate={'s' * 20}(first={'1' * 20}, second={'2' * 30})), u(v=1))"
    assert laid_out(far).splitlines() == [
        f"chain({'t' * 40}(rate={'s' * 20}(",
        f"          first={'1' * 20}, second={'2' * 30})),",
        "      u(v=1))",
    ]


def test_the_width_is_not_that_of_the_terminal() -> None:
    command = [sys.executable, "-c", "import gradtx; print(gradtx.adamw(1e-3))"]
    runs = [
        subprocess.run(
            command, capture_output=True, text=True, check=True, env={**os.environ, "COLUMNS": width}
        )
        for width in ("40", "400")
    ]
    assert runs[0].stdout == runs[1].stdout == f"{gradtx.adamw(1e-3)}\n"


def test_a_stacked_optimizer_prints_its_numbers() -> None:
    stacked = jax.vmap(gradtx.sgd)(jnp.geomspace(1e-4, 1.0, 16))
    assert repr(stacked) == "chain(identity(), scale_by_learning_rate(learning_rate=[0.0001 ... 1.0]))"
    pair = jax.vmap(gradtx.scale)(jnp.array([0.5, -1e-8], jnp.bfloat16))
    assert repr(pair) == "scale(step_size=[0.5, -1.00117e-08])"
    grid = jax.vmap(jax.vmap(gradtx.scale))(jnp.arange(4.0).reshape(2, 2))
    assert repr(grid) == "scale(step_size=[[0.0, 1.0], [2.0, 3.0]])"
    assert members(np.arange(12).reshape(3, 4)) == "[[0 ... 11]]"


def test_a_member_out_of_bounds_is_marked() -> None:
    many = jax.vmap(gradtx.scale_by_adam)(jnp.array([0.5, 0.5, 0.5, 1.5, 2.5, *[0.9] * 9]))
    assert repr(many).startswith("scale_by_adam(b1=[0.5 ... 1.5! ... 0.9],")
    assert "b1=[0.9, 1.5!]" in repr(jax.vmap(gradtx.scale_by_adam)(jnp.array([0.9, 1.5])))


def test_traced_and_sharded_numbers_print_as_shapes() -> None:
    seen: list[str] = []

    @jax.jit
    def trace(tx: Any) -> None:
        seen.append(repr(tx))

    trace(jax.vmap(gradtx.scale)(jnp.ones(3)))
    trace(gradtx.scale(1.0))
    assert seen == ["scale(step_size=float32[3])", "scale(step_size=float32[])"]


def test_dictionaries_and_tuples_of_values_are_in_one_line() -> None:
    tx = gradtx.adamw(1e-3)
    assert spelled({"a": (tx,)}) == f"{{'a': ({tx.expression()},)}}"
