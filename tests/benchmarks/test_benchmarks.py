"""The benchmark's trees are what their names say, and its works run in both libraries."""

import json
from pathlib import Path

import jax
import optax
import pytest

import gradtx
from benchmarks.bandwidth import triad
from benchmarks.contestants import copies, in_one_jit, race, through_the_stepper
from benchmarks.report import table, write_json, write_markdown
from benchmarks.trees import TREES, parameters, resnet
from benchmarks.work import WORK
from tests.peers.comparison import permissive


@pytest.mark.parametrize(
    ("tree", "leaves", "millions"),
    [("gpt", 148, 24.75), ("resnet", 215, 1.0), ("flat", 1, 25.0), ("500 leaves", 500, 2.6)],
)
def test_a_tree_has_the_size_of_its_name(tree: str, leaves: int, millions: float) -> None:
    params = jax.eval_shape(lambda: parameters(TREES[tree]()))
    sizes = [leaf.size for leaf in jax.tree.leaves(params)]
    assert len(sizes) == leaves
    assert sum(sizes) / 1e6 == pytest.approx(millions, rel=0.1)


@pytest.mark.exhaustive
def test_all_are_measured_on_the_same_work(tmp_path: Path) -> None:
    params = parameters(resnet(blocks=(1,), width=2))
    name = "clip + AdamW + schedule"
    with permissive():
        racing = [
            in_one_jit("gradtx", gradtx, WORK[name](gradtx), params),
            in_one_jit("optax", optax, WORK[name](optax), params),
            through_the_stepper(WORK[name](gradtx), params),
        ]
        race(racing, rounds=3)
    measured = {contestant.name: contestant.measures() for contestant in racing}
    ours, theirs = measured["gradtx"], measured["optax"]
    size = sum(leaf.size for leaf in jax.tree.leaves(params))
    assert ours["state bytes"] == theirs["state bytes"] == 2 * 4 * size + 2 * 4  # two moments, two counts
    assert ours["least traffic"] == (2 * 3 + 1) * 4 * size + 2 * 2 * 4
    assert ours.keys() == theirs.keys()
    assert min(ours["step"], ours["compile"], ours["eager update"], measured["Stepper"]["first call"]) > 0
    results = {"resnet": {name: measured}}
    machine = {"device": "any", "triad": 1e9}
    write_json(tmp_path / "figures.json", machine, results)
    assert json.loads((tmp_path / "figures.json").read_text())["results"] == results
    write_markdown(tmp_path / "table.md", machine, results)
    assert name in (tmp_path / "table.md").read_text()
    assert name in table("resnet", results["resnet"], triad=1e9)


def test_a_copy_of_an_array_is_counted() -> None:
    """What is donated and returned in another place must be copied; scalars do not count."""
    swap = jax.jit(lambda x, y, n: (y, x, n), donate_argnums=(0, 1), keep_unused=True)
    vector = jax.ShapeDtypeStruct((1024,), "float32")
    number = jax.ShapeDtypeStruct((), "float32")
    assert copies(swap.lower(vector, vector, number).compile()) > 0
    add = jax.jit(lambda x, y: x + y, donate_argnums=0)
    assert copies(add.lower(vector, vector).compile()) == 0


def test_the_triad_has_a_speed() -> None:
    assert 1e6 < triad(size=10_000, rounds=3) < 1e13
