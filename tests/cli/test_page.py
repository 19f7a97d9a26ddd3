"""The page on the command line shows what the commands print."""

import re
import shlex
from contextlib import suppress
from pathlib import Path

import pytest

from gradtx.cli import main
from gradtx.cli.command import COMMANDS

PAGE = Path(__file__).parents[2] / "docs" / "command_line.md"


def examples():
    """The commands on the page, with what follows each."""
    for block in re.findall(r"```console\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL):
        for command, printed in re.findall(r"^\$ python -m gradtx (.*)\n((?:(?!\$ ).*\n)*)", block, re.M):
            yield shlex.split(command), printed


def test_the_page_has_every_command():
    shown = {arguments[0] for arguments, _ in examples()}
    assert set(COMMANDS) - shown == {"find-lr"}
    assert set(re.findall(r"^\| `([a-z][a-z-]*)", PAGE.read_text(encoding="utf-8"), re.M)) == set(COMMANDS)


@pytest.mark.exhaustive
def test_quick_commands_print_what_the_page_shows(capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    quick = [
        own for own in examples() if own[0][0] not in ("compare", "memory", "doctor") and "sgd" not in own[0]
    ]
    assert len(quick) == 5
    for arguments, printed in quick:
        with suppress(SystemExit):
            main(arguments)
        output = capsys.readouterr()
        pattern = ".*".join(map(re.escape, printed.split("...\n")))
        assert re.fullmatch(pattern, output.out + output.err, re.DOTALL), arguments


def test_the_page_names_the_arguments_of_train(capsys):
    with pytest.raises(SystemExit):
        main(["train", "--help"])
    known = set(re.findall(r"--[a-z-]+", capsys.readouterr().out))
    section = PAGE.read_text(encoding="utf-8").split("\n## ")[3]
    assert section.startswith("train\n")
    assert set(re.findall(r"^\| `(--[a-z-]+)", section, re.M)) <= known
