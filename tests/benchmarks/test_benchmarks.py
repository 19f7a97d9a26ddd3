"""The benchmark's trees are what their names say, and its works run in both libraries."""

import jax
import optax
import pytest

import gradtx
from benchmarks.steps import interleave, prepare
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


def test_both_libraries_are_measured_on_the_same_work() -> None:
    params = parameters(resnet(blocks=(1,), width=2))
    build = WORK["clip + AdamW + schedule"]
    with permissive():
        steps = [
            prepare(name, lib, build(lib), params) for name, lib in (("gradtx", gradtx), ("optax", optax))
        ]
        interleave(steps, rounds=2)
    ours, theirs = (step.measures() for step in steps)
    size = sum(leaf.size for leaf in jax.tree.leaves(params))
    assert ours["state bytes"] == theirs["state bytes"] == 2 * 4 * size + 2 * 4  # two moments, two counts
    assert min(*ours.values(), *theirs.values()) >= 0
    assert min(ours["step"], theirs["step"], ours["compilation"], ours["eager update"]) > 0
