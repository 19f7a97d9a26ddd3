"""An update outside of `jit`: how many Python calls, compiled calls and single operations it takes.

They are counted in another process, in which `jax.jit` is replaced before gradtx is imported.
"""

import json
import subprocess
import sys
from functools import cache

import pytest

COUNT = """
import functools, json, sys
import jax, jax.numpy as jnp

compiled, real, inside = [], jax.jit, []

def counting(function=None, **options):
    if function is None:
        return functools.partial(counting, **options)
    program = real(function, **options)

    @functools.wraps(function)
    def call(*arguments, **keywords):
        if not any(isinstance(leaf, jax.core.Tracer) for leaf in jax.tree.leaves((arguments, keywords))):
            compiled.append(function.__name__)
        return program(*arguments, **keywords)

    return call

jax.jit = counting
import gradtx

calls, operations = [], []

def profile(frame, event, _):
    file, name = frame.f_code.co_filename, frame.f_code.co_name
    if event == "call" and "/gradtx/" in file:
        calls.append(name)
    if event == "call" and file.endswith("jax/_src/dispatch.py") and name == "apply_primitive":
        operations.append(name)

def counts(optimizer, leaves):
    tx = eval(optimizer)
    params = {f"leaf {index}": jnp.ones((8, 8 + index % 4)) for index in range(leaves)}
    state = tx.init(params)
    for _ in range(4):
        _, state = tx.update(params, state, params)
    for counted in (calls, compiled, operations):
        counted.clear()
    sys.setprofile(profile)
    tx.update(params, state, params)
    sys.setprofile(None)
    return {"calls": len(calls), "compiled": len(compiled), "operations": len(operations)}

print(json.dumps([counts(*case) for case in json.loads(sys.argv[1])]))
"""


ADAMW = "gradtx.adamw(1e-3, weight_decay=0.1)"
CLIPPED = (
    "gradtx.chain(gradtx.clip_by_global_norm(1.0), gradtx.adamw(gradtx.cosine_decay_schedule(1e-3, 100)))"
)

# By optimizer: how many rules it has, and how many of them make numbers once a step: a count or a schedule.
OPTIMIZERS = {
    ADAMW: (3, 1),
    CLIPPED: (4, 3),
    "gradtx.lion(1e-4)": (3, 1),
    "gradtx.lamb(1e-3)": (2, 1),
    "gradtx.sgd(1e-2, momentum=0.9)": (2, 0),
}


LEAVES = (2, 9)


@cache
def counts() -> dict[tuple[str, int], dict[str, int]]:
    """The counts of each optimizer with each number of leaves."""
    cases = [(optimizer, leaves) for optimizer in OPTIMIZERS for leaves in LEAVES]
    command = [sys.executable, "-c", COUNT, json.dumps(cases)]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    return dict(zip(cases, json.loads(run.stdout), strict=True))


@pytest.mark.parametrize("leaves", LEAVES)
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_a_rule_is_one_compiled_call_a_leaf_and_one_for_its_numbers(optimizer: str, leaves: int) -> None:
    rules, with_numbers = OPTIMIZERS[optimizer]
    counted = counts()[optimizer, leaves]
    assert counted["compiled"] == rules * leaves + with_numbers
    assert counted["operations"] == 0


def test_an_update_of_adamw_on_two_leaves_is_at_most_150_python_calls() -> None:
    assert counts()[ADAMW, 2]["calls"] <= 150
