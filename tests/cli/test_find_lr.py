import importlib
import re
import sys

import numpy as np
import pytest
from matplotlib.image import imread

from gradtx.cli import main
from gradtx.cli.language_model import Architecture

BIGRAM = Architecture(context=16, width=8, depth=0)  # no block: the quickest to compile
QUICK = ["--steps", "40", "--seeds", "2", "--low", "1e-4", "--high", "100"]

find_lr = importlib.import_module("gradtx.cli.find_lr")


def run(arguments, tmp_path, capsys, **patches):
    code = main(["find-lr", *arguments, "--out", str(tmp_path / "made" / "found.png")], BIGRAM)
    return code, capsys.readouterr()


@pytest.mark.parametrize("terminal", [False, True])
def test_a_test_from_end_to_end(terminal, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: terminal)
    code, output = run([*QUICK, "--optimizer", "adam"], tmp_path, capsys)
    assert code == 0
    assert "    scale_by_learning_rate(learning_rate=0.001),\n" in output.out
    rate, low, high = map(
        float, re.search(r"^learning rate (\S+), (\S+) to (\S+) over 2 seeds$", output.out, re.M).groups()
    )
    assert 1e-3 < low <= rate <= high < 1.0
    assert f"python -m gradtx train --optimizer adam --learning-rate {rate:g}\n" in output.out
    assert output.err == "2 orders of the batches: 40 steps at rates from 0.0001 to 100, then 7 runs ...\n"
    assert max(map(len, output.out.split("\n\n")[2].splitlines())) < 80
    image = imread(tmp_path / "made" / "found.png")
    assert image.shape == (675, 1200, 4)
    assert np.std(image[..., :3]) > 0.05


@pytest.mark.exhaustive
def test_the_default_chain_and_a_text_of_the_user(tmp_path, capsys):
    (tmp_path / "text").write_text("to be or not to be, that is the question. " * 200)
    code, output = run([*QUICK, "--text", str(tmp_path / "text")], tmp_path, capsys)
    assert code == 0
    assert "7,560 characters to learn from" in output.out
    assert "clip_by_global_norm" in output.out
    assert re.search(r"python -m gradtx train --learning-rate \S+\n", output.out)


@pytest.mark.exhaustive
def test_without_an_interval_it_fails_with_the_reason_and_its_picture(tmp_path, capsys):
    code, output = run(["--steps", "20", "--high", "1e-5", "--optimizer", "sgd"], tmp_path, capsys)
    assert code == 1
    assert re.search(
        r"^gradtx find-lr: No learning rate in [12] of 2 seeds: the loss .*\n\Z", output.err, re.M
    )
    assert "Train with it" not in output.out
    assert (tmp_path / "made" / "found.png").exists()


def test_control_c(tmp_path, capsys, monkeypatch):
    def interrupted(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr(find_lr, "lr_range_test", interrupted)
    code, output = run([], tmp_path, capsys)
    assert code == 130
    assert output.err.endswith("\ngradtx find-lr: interrupted\n")
    assert not (tmp_path / "made" / "found.png").exists()


def test_a_missing_package_names_the_extra(tmp_path, capsys, monkeypatch):
    for name in [name for name in sys.modules if name.startswith(("gradtx.cli.find_lr", "matplotlib."))]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    code, output = run([], tmp_path, capsys)
    assert code == 2
    assert output.err == 'gradtx find-lr: error: matplotlib is missing: pip install "gradtx[cli]"\n'
