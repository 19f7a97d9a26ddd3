"""The commands as a whole: their help, and that each imports its own packages alone."""

import argparse
import subprocess
import sys
import tomllib
from importlib import import_module
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from gradtx.cli import main
from gradtx.cli.command import COMMANDS
from tests.cli.terminal import shown


def test_the_script_is_the_command_line():
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]
    assert EntryPoint("gradtx", project["scripts"]["gradtx"], "console_scripts").load() is main


def test_the_help_lists_every_command(capsys):
    for arguments in ([], ["--help"]):
        with pytest.raises(SystemExit) as stopped:
            main(arguments)
        assert stopped.value.code == 0
        lines = capsys.readouterr().out.splitlines()
        for name, words in COMMANDS.items():
            assert any(line.split(maxsplit=1) == [name, words] for line in lines)


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_is_a_module_with_its_arguments_and_its_work(name, capsys):
    command = import_module(f"gradtx.cli.{name.replace('-', '_')}")
    command.add(argparse.ArgumentParser())
    assert callable(command.run)
    with pytest.raises(SystemExit) as stopped:
        main([name, "--help"])
    assert stopped.value.code == 0
    assert capsys.readouterr().out.startswith(f"usage: gradtx {name} ")


@pytest.mark.parametrize("arguments", [[], ["--help"], ["trian"], ["--version"]])
def test_in_a_terminal(arguments, monkeypatch):
    code, text = shown(monkeypatch, arguments)
    assert code == (2 if arguments == ["trian"] else 0)
    assert max(map(len, text.splitlines())) <= 80
    assert "Traceback" not in text


@pytest.mark.exhaustive
def test_the_help_imports_no_package_that_it_does_not_need():
    script = (
        "import sys\n"
        "from gradtx.cli import main\n"
        "try:\n"
        "    main(['--help'])\n"
        "finally:\n"
        "    unused = {'matplotlib', 'tqdm', 'gradtx.practice', 'gradtx.cli.train', 'gradtx.cli.text'}\n"
        "    print(sorted(unused & set(sys.modules)), file=sys.stderr)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stderr == "[]\n"
    assert "usage: gradtx" in done.stdout
