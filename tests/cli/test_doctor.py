"""The command doctor: in a terminal and without one, with histories that are sick, well and none."""

import subprocess
import sys
from typing import Any

import jax.numpy as jnp
import pytest

from gradtx.cli import main
from gradtx.practice import History
from tests.cli.terminal import shown
from tests.cli.test_page import examples

WELL = History({"loss": jnp.linspace(2.0, 1.0, 50)})
SICK = History({"loss": jnp.array([2.0, 1.0, jnp.nan, jnp.nan])})


@pytest.mark.parametrize("kind", ["csv", "json"])
def test_a_file_is_diagnosed(kind: str, tmp_path: Any, capsys: pytest.CaptureFixture[str]) -> None:
    for history, code, said in ((WELL, 0, "no findings\n"), (SICK, 1, "not-finite: the loss")):
        path = tmp_path / f"history.{kind}"
        (history.to_csv if kind == "csv" else history.to_json)(path)
        assert main(["doctor", str(path)]) == code
        output = capsys.readouterr()
        assert output.out.startswith(f"{len(history['loss'])} steps, loss ")
        assert said in output.out
        assert output.err == ""


def test_every_member_is_diagnosed(tmp_path: Any, capsys: pytest.CaptureFixture[str]) -> None:
    losses = jnp.stack([jnp.linspace(2.0, 1.0, 50), jnp.linspace(1.0, 5.0, 50)])
    History({"loss": losses}).to_csv(tmp_path / "history.csv")
    assert main(["doctor", str(tmp_path / "history.csv")]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[:3] == [
        "member 0: 50 steps, loss 1.041 at the end",
        "no findings",
        "member 1: 50 steps, loss 4.837 at the end",
    ]
    assert lines[3].startswith("rate-too-high: the loss rose to 4.67")


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("missing.csv", None, "missing.csv: No such file or directory"),
        ("empty.csv", "", "empty.csv: no history: A history in CSV has a column 'step'"),
        (
            "text.csv",
            "step,loss\n1,high\n",
            "text.csv: no history: could not convert string to float: 'high'",
        ),
        (
            "short.csv",
            "step,loss\n1,2.0,3.0\n",
            "short.csv: no history: A history in CSV has 2 cells a line, got one of 3",
        ),
        ("other.csv", "step,accuracy\n1,0.5\n", "other.csv: no series 'loss'; the file has accuracy"),
        ("wrong.json", "{", "wrong.json: no history: Expecting property name"),
        ("list.json", "[]", "list.json: no history: A history in JSON has a 'series'"),
        ("bytes.csv", b"\xff\xfe", "bytes.csv: no history: 'utf-8' codec"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(
    name: str,
    content: Any,
    said: str,
    tmp_path: Any,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    if content is not None:
        (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(SystemExit) as error:
        main(["doctor", name])
    output = capsys.readouterr()
    assert error.value.code == 2
    assert output.err.startswith(f"gradtx doctor: error: argument FILE: {said}")
    assert (output.out, output.err.count("\n")) == ("", 1)


def test_the_page_shows_what_a_terminal_shows(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    SICK.to_csv("history.csv")
    (printed,) = (text for arguments, text in examples() if arguments == ["doctor", "history.csv"])
    assert shown(monkeypatch, ["doctor", "history.csv"]) == (1, printed)


@pytest.mark.exhaustive
def test_without_a_terminal(tmp_path: Any) -> None:
    SICK.to_csv(tmp_path / "history.csv")
    command = [sys.executable, "-m", "gradtx", "doctor", str(tmp_path / "history.csv")]
    run = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)
    assert (run.returncode, run.stderr) == (1, "")
    assert "not-finite" in run.stdout
