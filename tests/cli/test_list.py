"""The commands `list` and `show`: everything that they say is read off the library."""

import jax
import pytest

import gradtx
from gradtx.cli import main
from gradtx.cli.catalogue import all_optimizers
from gradtx.cli.facts import bytes_of, equations_of, example, papers_of, typical_rate, way_to_its_rate
from gradtx.cli.show import shapes_of
from tests.cli.terminal import shown


def test_a_line_for_every_optimizer(capsys):
    assert main(["list"]) == 0
    output = capsys.readouterr()
    header, *lines = output.out.splitlines()
    assert header.split() == ["optimizer", "bytes", "rate", "papers", "(arXiv)"]
    assert [line.split()[0] for line in lines] == sorted(gradtx.optimizers.__all__)
    rows = {line.split()[0]: line.split()[1:] for line in lines}
    assert rows["adam"] == ["8", "0.001", "1412.6980"]
    assert rows["lion"] == ["4", "0.0001", "2302.06675"]
    assert rows["prodigy"] == ["16", "1", "2306.06101"]
    assert rows["adafactor"] == ["0.008", "0.01", "1804.04235"]
    assert rows["polyak_sgd"] == ["0", "finds", "it", "2002.10542"]
    start, end = header.index("bytes") + len("bytes"), header.index("rate") + len("rate")
    assert all(line[start:end].strip() for line in lines)
    assert max(map(len, lines)) <= 80


@pytest.mark.exhaustive
def test_the_list_in_a_terminal_is_the_same(capsys, monkeypatch):
    main(["list"])
    assert shown(monkeypatch, ["list"]) == (0, capsys.readouterr().out)


def test_facts_are_those_of_the_optimizer():
    tx = example(gradtx.adamw8bit)
    assert tx == gradtx.adamw8bit(1e-3)
    assert bytes_of(gradtx.adam(1.0)) == pytest.approx(8.0, rel=1e-5)
    assert set(equations_of(gradtx.lamb(1.0))) == {gradtx.scale_by_lamb}
    assert papers_of(gradtx.signum, gradtx.signum(1.0)) == ["1802.04434"]


def test_a_typical_rate_is_the_default_or_that_of_an_example():
    assert typical_rate(gradtx.prodigy) == 1.0
    assert typical_rate(gradtx.muon) == 0.02
    assert typical_rate(gradtx.lamb) == 1e-3
    assert typical_rate(gradtx.adamc) == 1e-3


def test_an_optimizer_without_a_rate_finds_it_itself():
    assert typical_rate(gradtx.lbfgs) is None
    for factory in all_optimizers().values():
        assert typical_rate(factory) is not None or way_to_its_rate(example(factory))
    assert way_to_its_rate(gradtx.adam(1e-3)) == ""


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("adafactor", "0.01, for example"),
        ("lbfgs", "none, it evaluates the loss to find the size of each step"),
        ("prodigy", "1, it estimates the rate, and learning_rate stays 1"),
    ],
)
def test_the_learning_rate_in_words(name, words, capsys):
    assert main(["show", name]) == 0
    assert f"\nLearning rate: {words}\n" in capsys.readouterr().out


def test_an_optimizer_with_its_equations_and_memory(capsys):
    assert main(["show", "lion", "--params", "kernel=512x512,bias=512"]) == 0
    output = capsys.readouterr().out
    assert output.startswith("Lion: scale_by_lion, decoupled weight decay, then the learning rate.\n\nchain(")
    assert f"\n{gradtx.lion(1e-4)}\n" in output
    assert "\nscale_by_lion\n    uₜ = sign(b₁ μₜ₋₁ + (1 - b₁) gₜ)\n    μₜ = b₂ μₜ₋₁ + (1 - b₂) gₜ\n" in output
    assert "State: 4 bytes for each parameter" in output
    assert "Learning rate: 0.0001, for example\nPapers: https://arxiv.org/abs/2302.06675\n" in output
    assert output.splitlines()[-1].split() == ["all", "3", "1.05", "MB"]


@pytest.mark.parametrize("name", gradtx.optimizers.__all__)
def test_every_optimizer_is_shown(name, monkeypatch):
    """In a terminal, with equations that are no LaTeX any more."""
    code, text = shown(monkeypatch, ["show", name, "--params", "8x4,4"])
    assert code == 0
    prose, *equations = text.split("\n\n")
    assert "$" not in prose
    assert "`" not in prose
    for part in equations:
        if "\n    " in part and "chain(" not in part and "transformation" not in part:
            assert not set(part) & set("\\{}$&⟦⟧")
    assert "\nall " in text


def test_shapes():
    matrix, vector = (jax.ShapeDtypeStruct(shape, "float32") for shape in [(3, 4), (5,)])
    assert shapes_of("w=3x4,5") == {"w": matrix, "leaf1": vector}
    size = sum(leaf.size for leaf in jax.tree.leaves(shapes_of("125M")))
    assert abs(size / 125e6 - 1) < 0.2


@pytest.mark.parametrize("text", ["", "3x", "0x4", "w=", "a,b", "3 x 4", "3x4,,5", "1" * 12])
def test_shapes_that_are_none(text):
    with pytest.raises(ValueError, match="must be shapes such as"):
        shapes_of(text)
