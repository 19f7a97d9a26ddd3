import io
import sys

import pytest

from gradtx.cli.progress import Progress


class Terminal(io.StringIO):
    encoding = "utf-8"

    def isatty(self):
        return True


def shown(monkeypatch, stream, steps, term="xterm"):
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setenv("TERM", term)
    monkeypatch.setenv("COLUMNS", "80")
    with Progress(steps) as progress:
        for step in range(1, steps + 1):
            progress.show(step, loss=2.5, learning_rate=0.004, gradient_norm=0.75)
    return stream.getvalue()


def test_a_terminal_shows_a_bar_on_one_line(monkeypatch):
    output = shown(monkeypatch, Terminal(), 50)
    assert output.count("\n") == 1
    last = output.rstrip().split("\r")[-1]
    assert len(last) == 80
    assert "█| 50/50, 00:00 left" in last
    assert last.endswith("loss 2.500, rate 4.0e-03, gradient norm 0.75")


@pytest.mark.parametrize(("stream", "term"), [(io.StringIO(), "xterm"), (Terminal(), "dumb")])
def test_a_log_shows_a_few_plain_lines(monkeypatch, stream, term):
    lines = shown(monkeypatch, stream, 50, term).splitlines()
    assert len(lines) == 11
    assert lines[0] == "step 1/50: loss 2.500, rate 4.0e-03, gradient norm 0.75"
    assert [line.split(":")[0] for line in lines[1:3]] == ["step 5/50", "step 10/50"]
