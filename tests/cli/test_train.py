import importlib
import io
import re
import sys
from itertools import islice

import jax
import numpy as np
import pytest
from matplotlib.image import imread

import gradtx
from gradtx import practice
from gradtx.cli import main
from gradtx.cli.catalogue import known_optimizers, own_learning_rate
from gradtx.cli.concepts import DEFAULT_LEARNING_RATE, warmup_cosine
from gradtx.cli.language_model import Architecture, loss
from gradtx.cli.task import Task
from gradtx.cli.text import Corpus, python_topics
from gradtx.practice import History
from tests.cli.terminal import shown

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


@pytest.mark.exhaustive
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


@pytest.mark.exhaustive
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
    assert re.search(r"Learning rate of sgd: \d\S* measured", output)
    before, after = losses(output)
    assert after < before - 0.5


@pytest.mark.exhaustive
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


@pytest.mark.exhaustive
def test_a_run_that_diverges_says_so_and_leaves_its_picture_and_history(out, capsys):
    path = out / "run.csv"
    arguments = ["--learning-rate", "1e30", "--steps", "20", "--out", str(out), "--save-history", str(path)]
    assert main(["train", *arguments], TINY) == 1
    said = capsys.readouterr().err.splitlines()[-1]
    step = int(
        re.fullmatch(
            r"gradtx train: diverged: the loss is (?:nan|inf) at step (\d+); try a lower --learning-rate",
            said,
        )[1]
    )
    assert is_a_picture(out / training.PICTURE)
    losses = History.from_csv(path)["loss"]
    assert len(losses) == step
    assert not np.isfinite(losses[-1])
    assert np.isfinite(losses[:-1]).all()


@pytest.mark.exhaustive
def test_a_finite_loss_far_above_the_first_one_is_no_success(tmp_path, capsys):
    arguments = ["--optimizer", "sgd", "--schedule", "constant_schedule(1000)", "--steps", "20"]
    assert main(["train", *arguments, "--out", str(tmp_path)], BIGRAM) == 1
    output = capsys.readouterr()
    assert "Validation loss" not in output.out
    assert re.fullmatch(
        r"gradtx train: diverged: the validation loss rose from 4\.6\d\d to \d+\.\d+; "
        r"try lower values in --schedule",
        output.err.splitlines()[-1],
    )
    assert is_a_picture(tmp_path / training.PICTURE)


def test_a_run_that_learns_nothing_is_no_divergence(tmp_path):
    arguments = ["--learning-rate", "1e-9", "--steps", "3", "--out", str(tmp_path)]
    assert main(["train", *arguments], BIGRAM) == 0


@pytest.mark.exhaustive
def test_an_overfit_is_no_divergence(tmp_path, capsys):
    text = "".join(np.random.default_rng(0).choice(list("abcdefgh"), 400))
    (tmp_path / "text").write_text(text)
    arguments = ["--text", str(tmp_path / "text"), "--steps", "150", "--out", str(tmp_path)]
    assert main(["train", *arguments], TINY) == 0
    before, after = losses(capsys.readouterr().out)
    assert after > 1.1 * before


@pytest.mark.parametrize("suffix", ["csv", "json"])
def test_the_history_is_saved(suffix, tmp_path, capsys):
    path = tmp_path / "made" / f"run.{suffix}"
    arguments = ["--steps", "13", "--out", str(tmp_path), "--save-history", str(path)]
    assert main(["train", *arguments], BIGRAM) == 0
    assert f"\nHistory: {path}\n" in capsys.readouterr().out
    history = (History.from_csv if suffix == "csv" else History.from_json)(path)
    assert history.names == ("loss", "validation", "gradient_norm", "learning_rate")
    assert history["loss"].shape == (13,)
    assert history.steps("validation").tolist() == [2, 4, 6, 8, 10, 12]
    rates = warmup_cosine(DEFAULT_LEARNING_RATE, 13)(np.arange(13))
    np.testing.assert_allclose(history["learning_rate"], rates, rtol=1e-6)


@pytest.mark.exhaustive
def test_a_schedule_a_norm_and_accumulated_batches(tmp_path, capsys):
    """Equal to the training that the printed expression describes."""
    path = tmp_path / "run.json"
    schedule = "cosine_decay_schedule(0.01, 4)"
    arguments = ["--schedule", schedule, "--clip", "0.25", "--accumulate", "3", "--steps", "12"]
    history = ["--out", str(tmp_path), "--save-history", str(path)]
    assert main(["train", *arguments, *history], BIGRAM) == 0
    output = capsys.readouterr().out
    text = re.search(r"^accumulate\(\n.*?^\)$", output, re.M | re.S)[0]
    tx = eval(text, vars(gradtx))
    assert tx.every_k_schedule == 3
    assert tx.opt.transformations[0] == gradtx.clip_by_global_norm(0.25)
    rates = np.asarray(gradtx.cosine_decay_schedule(0.01, 4)(np.arange(12) // 3))
    saved = History.from_json(path)
    np.testing.assert_allclose(saved["learning_rate"], rates, rtol=1e-6)

    task = Task.of(None, BIGRAM)
    result = practice.train(
        lambda params, batch: loss(BIGRAM, params, batch),
        task.params,
        tx,
        islice(task.batches(), 12),
        steps=12,
    )
    np.testing.assert_allclose(saved["loss"], result.history["loss"], rtol=1e-5)


@pytest.mark.exhaustive
def test_without_clipping(tmp_path, capsys):
    arguments = ["--optimizer", "momentum", "--learning-rate", "0.1", "--clip", "0", "--steps", "1"]
    assert main(["train", *arguments, "--out", str(tmp_path)], BIGRAM) == 0
    output = capsys.readouterr().out
    assert "clip_by_global_norm" not in output
    assert "\n    trace(decay=0.9),\n" in output


@pytest.mark.exhaustive
def test_parameters_in_bfloat16(tmp_path, capsys):
    assert main(["train", "--dtype", "bfloat16", "--steps", "40", "--out", str(tmp_path)], TINY) == 0
    output = capsys.readouterr().out
    before, after = losses(output)
    assert after < before - 0.5
    assert "lost-updates: parameters are bfloat16" in output
    leaves = jax.tree.leaves(Task.of(None, TINY, dtype="bfloat16").params)
    assert {leaf.dtype.name for leaf in leaves} == {"bfloat16"}


def test_in_a_terminal(tmp_path, monkeypatch):
    code, text = shown(monkeypatch, ["train", "--steps", "3", "--out", str(tmp_path)], BIGRAM)
    assert code == 0
    assert "| 3/3, 00:00 left" in text
    assert "Validation loss: " in text


@pytest.mark.parametrize(
    ("where", "said", "picture"),
    [
        ("fit", "interrupted after 0 of 3 steps", False),
        ("peak_rate", "interrupted", False),
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
