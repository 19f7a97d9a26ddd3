import importlib
import io
import re
import sys

import jax
import numpy as np
import pytest
from matplotlib.image import imread

import gradtx
from gradtx.cli import main
from gradtx.cli.catalogue import known_optimizers, own_learning_rate
from gradtx.cli.language_model import Architecture
from gradtx.cli.text import Corpus, python_topics

TINY = Architecture(context=16, width=32, depth=1, heads=2)
BIGRAM = Architecture(context=16, width=8, depth=0)  # no block: the quickest to compile

training = importlib.import_module("gradtx.cli.train")


@pytest.fixture
def out(tmp_path):
    return tmp_path / "made" / "by the run"


def is_a_picture(path):
    image = imread(path)
    return image.shape == (900, 1200, 4) and np.std(image[..., :3]) > 0.05


def losses(output):
    found = re.search(r"Validation loss: (\S+) before, (\S+) after", output)
    return float(found[1]), float(found[2])


def test_a_run_from_end_to_end(out, capsys):
    assert main(["train", "--steps", "150", "--out", str(out)], TINY) == 0
    output = capsys.readouterr()
    before, after = losses(output.out)
    corpus = Corpus.of(python_topics(), TINY.context)
    assert before == pytest.approx(np.log(len(corpus.vocabulary)), abs=0.1)
    # Better than any model that does not look at the characters before the next one.
    share = np.bincount(corpus.validation) / len(corpus.validation)
    assert after < -np.sum(share[share > 0] * np.log(share[share > 0])) - 0.3

    assert "# Kernels shrink" in output.out
    assert "    add_decayed_weights(weight_decay=0.1, mask=except_bias_norm_embedding),\n" in output.out
    assert re.search(r"scale_by_adam\(.*\n\s+mu\s+\d+  float32 +[\d.]+ kB\n", output.out)  # the summary
    assert output.err.count("\n") == 11  # no terminal: the first step and each tenth of the run
    assert "step 150/150: loss 2." in output.err
    sample = output.out.split("and goes on:\n")[1]
    assert sum(map(len, re.findall(r"^  \| (.*)", sample, re.MULTILINE))) > 300
    assert is_a_picture(out / training.PICTURE)


def test_a_seed_decides_everything(tmp_path, capsys):
    def run(seed):
        assert main(["train", "--steps", "3", "--seed", seed, "--out", str(tmp_path)], TINY) == 0
        return capsys.readouterr()

    first, again, other = run("1"), run("1"), run("2")
    assert first == again
    assert first.err != other.err


@pytest.mark.exhaustive
@pytest.mark.parametrize("name", known_optimizers())
def test_every_optimizer_trains(name, tmp_path, capsys):
    """In 20 steps, or 100 where the optimizer finds its rate itself, from a step of 1e-6."""
    steps = "20" if own_learning_rate(known_optimizers()[name]) is None else "100"
    arguments = ["--optimizer", name, "--out", str(tmp_path)]
    assert main(["train", "--steps", steps, *arguments], BIGRAM) == 0
    before, after = losses(capsys.readouterr().out)
    assert after < before


def test_validates_where_the_optimizer_evaluates(tmp_path, capsys, monkeypatch):
    """With parameters of NaN there, training sees it at its first validation, and nowhere else."""

    def nowhere(tx, state, params):
        return jax.tree.map(lambda p: p * np.nan, params)

    monkeypatch.setattr(gradtx, "eval_params", nowhere)
    assert main(["train", "--steps", "10", "--out", str(tmp_path)], BIGRAM) == 1
    assert "at step 2;" in capsys.readouterr().err


def test_an_optimizer_without_a_rate_gets_one_that_trains(tmp_path, capsys):
    assert main(["train", "--steps", "40", "--optimizer", "sgd", "--out", str(tmp_path)], BIGRAM) == 0
    output = capsys.readouterr().out
    assert re.search(r"Learning rate: \d\S* measured", output)
    before, after = losses(output)
    assert after < before - 0.5


def test_a_text_with_characters_that_the_terminal_lacks(tmp_path, monkeypatch):
    # As many characters and sequences as in the default text, so that no program is compiled anew.
    number = len(set(python_topics()))
    characters = "\x1b" + "".join(map(chr, range(0x3B1, 0x3B0 + number)))
    (tmp_path / "text").write_text(characters * 1700, encoding="utf-8")
    terminal = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", terminal)
    arguments = ["--text", str(tmp_path / "text"), "--out", str(tmp_path)]
    assert main(["train", "--steps", "1", *arguments], TINY) == 0
    terminal.seek(0)
    shown = terminal.read()
    assert "  | ?????" in shown
    assert "\x1b" not in shown


def test_a_run_that_diverges_says_so_and_leaves_its_picture(out, capsys):
    arguments = ["--learning-rate", "1e30", "--steps", "20", "--out", str(out)]
    assert main(["train", *arguments], TINY) == 1
    assert re.search(
        r"^gradtx train: diverged: the loss is (nan|inf) at step \d", capsys.readouterr().err, re.M
    )
    assert is_a_picture(out / training.PICTURE)


@pytest.mark.parametrize(
    ("where", "said", "picture"),
    [
        ("training_step", "interrupted after 0 of 3 steps", False),
        ("init_params", "interrupted before the first step", False),
        ("generate", "interrupted after 3 of 3 steps", True),
    ],
)
def test_control_c_at_any_time(where, said, picture, out, capsys, monkeypatch):
    def interrupted(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr(training, where, interrupted)
    assert main(["train", "--steps", "3", "--out", str(out)], TINY) == 130
    assert capsys.readouterr().err.endswith(f"gradtx train: {said}\n")
    assert (out / training.PICTURE).exists() == picture
