import sys

import numpy as np
import pytest
from matplotlib.image import imread

from gradtx.cli import main
from tests.cli.terminal import shown

EXPRESSION = "warmup_cosine_decay_schedule(0, 1e-3, 100, 1000)"


def test_a_table_and_a_curve(tmp_path, capsys):
    out = tmp_path / "made" / "curve.png"
    assert main(["schedule", EXPRESSION, "--steps", "500", "--out", str(out)]) == 0
    output = capsys.readouterr()
    assert "warmup_cosine_decay_schedule(init_value=0.0, peak_value=0.001," in output.out
    rows = [line.split() for line in output.out.split("\n\n")[1].splitlines()]
    assert rows[:4] == [["step", "value"], ["0", "0"], ["50", "0.0005"], ["100", "0.001"]]
    assert rows[-1] == ["500", "0.0005868"]
    assert output.out.endswith(f"\nPicture: {out}\n")
    assert output.err == ""
    image = imread(out)
    assert image.shape == (675, 1200, 4)
    assert np.std(image[..., :3]) > 0.05


def test_in_a_terminal(tmp_path, monkeypatch):
    out = tmp_path / "curve.png"
    code, text = shown(monkeypatch, ["schedule", EXPRESSION, "--out", str(out)])
    assert code == 0
    assert "\n1000  0\n" in text
    assert out.exists()


def test_a_missing_package_names_the_extra(capsys, monkeypatch):
    for name in [name for name in sys.modules if name.startswith(("gradtx.cli.schedule", "matplotlib."))]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert main(["schedule", EXPRESSION]) == 2
    error = capsys.readouterr().err
    assert error == 'gradtx schedule: error: matplotlib is missing: pip install "gradtx[cli]"\n'


def test_a_wrong_expression_is_one_line(capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["schedule", "cosine_decay_schedule(1, 0.5, 3, 4, 5)"])
    output = capsys.readouterr()
    assert stopped.value.code == 2
    assert output.err.startswith("gradtx schedule: error: argument EXPR: ")
    assert output.err.count("\n") == 1
