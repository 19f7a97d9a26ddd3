import importlib
import re
import sys

import numpy as np
import pytest
from matplotlib.image import imread

import gradtx
from gradtx.cli import main
from gradtx.cli.catalogue import find_optimizer
from gradtx.cli.converters import UsageError
from gradtx.cli.language_model import Architecture
from gradtx.cli.task import Task
from tests.cli.terminal import shown

BIGRAM = Architecture(context=16, width=8, depth=0)  # no block: the quickest to compile
QUICK = ["--steps", "20", "--seeds", "1"]

comparing = importlib.import_module("gradtx.cli.compare")


def test_a_comparison_from_end_to_end(tmp_path, capsys):
    out = tmp_path / "made" / "compared.png"
    arguments = ["adam", "schedule_free_sgd", "--steps", "40", "--seeds", "2", "--out", str(out)]
    assert main(["compare", *arguments], BIGRAM) == 0
    output = capsys.readouterr()
    rate = float(re.search(r"^Learning rate of adam: (\S+), measured: ", output.out, re.M)[1])
    table = output.out.split("\n\n")[1].splitlines()
    assert table[0].split() == ["optimizer", "best", "loss", "s.e.", "ms/step", "state"]
    rows = {line.split()[0]: line.split() for line in table[1:3]}
    assert set(rows) == {"adam", "schedule_free_sgd"}
    number = r"\d\S*"
    assert re.fullmatch(
        rf"adam learning_rate {number} {number} {number} {number} {number} B", " ".join(rows["adam"])
    )
    assert float(rows["adam"][2]) in [pytest.approx(factor * rate, rel=0.05) for factor in (1 / 3, 1, 3)]
    assert rows["schedule_free_sgd"][1] == "learning_rate"
    assert float(rows["adam"][3]) < 4.0
    assert output.err == "12 trainings of 40 steps ...\n"
    image = imread(out)
    assert image.shape == (675, 1650, 4)
    assert np.std(image[..., :3]) > 0.05


@pytest.mark.exhaustive
def test_in_a_terminal(tmp_path, monkeypatch):
    arguments = ["compare", "sgd", "adam", *QUICK, "--out", str(tmp_path / "a.png")]
    code, text = shown(monkeypatch, arguments, BIGRAM)
    assert code == 0
    assert "6 trainings of 20 steps ...\n" in text


@pytest.mark.exhaustive
def test_the_rates_are_around_the_default_one():
    task = Task.of(None, BIGRAM)
    own = comparing._sweep(gradtx.prodigy, task, 100)
    assert [row["learning_rate"] for row in own.settings] == [0.33, 1.0, 3.0]
    assert gradtx.hyperparams(own[0], own[0].init(task.params))["warmup_steps"] == 10
    fixed = comparing._sweep(gradtx.rprop, task, 100)
    assert (
        gradtx.hyperparams(fixed[2], fixed[2].init(task.params))["learning_rate"]
        == fixed.settings[2]["learning_rate"]
    )


@pytest.mark.exhaustive
def test_when_all_diverge_it_fails_and_says_so(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(comparing, "peak_rate", lambda factory, task: 1e30)
    arguments = ["compare", "sgd", "adam", *QUICK, "--out", str(tmp_path / "a.png")]
    assert main(arguments, BIGRAM) == 1
    last = capsys.readouterr().err.splitlines()[-1]
    assert last.startswith("gradtx compare: 'sgd': No member has a finite loss: all 3 diverged.")
    assert not (tmp_path / "a.png").exists()


def test_control_c(capsys, monkeypatch):
    def interrupted(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr(comparing, "compare", interrupted)
    assert main(["compare", "adagrad", "adadelta"], BIGRAM) == 130
    assert capsys.readouterr().err.endswith("\ngradtx compare: interrupted\n")


def test_one_order_of_the_batches_for_what_decomposes_matrices():
    matrices = [find_optimizer("adam"), find_optimizer("shampoo")]
    with pytest.raises(UsageError, match="--seeds: must be 1 with shampoo"):
        comparing._check(comparing.Options(optimizers=matrices, seeds=2))
    comparing._check(comparing.Options(optimizers=matrices, seeds=1))
    comparing._check(comparing.Options(optimizers=[gradtx.adam, gradtx.muon], seeds=2))


def test_an_optimizer_is_compared_with_others():
    with pytest.raises(UsageError, match="two or more different names, got adam muon adam"):
        comparing._check(comparing.Options(optimizers=[gradtx.adam, gradtx.muon, gradtx.adam], seeds=1))


def test_a_missing_package_names_the_extra(capsys, monkeypatch):
    for name in [name for name in sys.modules if name.startswith(("gradtx.cli.compare", "matplotlib."))]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert main(["compare", "adam", "sgd"]) == 2
    error = capsys.readouterr().err
    assert error == 'gradtx compare: error: matplotlib is missing: pip install "gradtx[cli]"\n'
