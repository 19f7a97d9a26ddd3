import sys
from pathlib import Path

import pytest

from gradtx.cli import main
from gradtx.cli.arguments import parse


@pytest.fixture
def files(tmp_path, monkeypatch):
    """A current directory with files of every bad kind."""
    (tmp_path / "empty.txt").write_text("")
    (tmp_path / "short.txt").write_text("to be or not to be")
    (tmp_path / "latin1.txt").write_bytes("café ".encode("latin-1") * 1000)
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder.png").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("fly", "'fly'"),
        ("train --steps 0", "--steps: must be a whole number from 1 "),
        ("train --steps 1.5", "--steps: must be a whole number"),
        ("train --batch-size 0", "--batch-size: must be a whole number from 1 "),
        ("train --seed -1", "--seed: must be a whole number from 0 "),
        ("train --learning-rate -0.1", "--learning-rate: must be a number above 0, got '-0.1'"),
        ("train --learning-rate 0", "--learning-rate: must be a number above 0"),
        ("train --learning-rate nan", "--learning-rate: must be a number above 0"),
        ("train --learning-rate inf", "--learning-rate: must be a number above 0"),
        ("train --learning-rate fast", "--learning-rate: must be a number above 0, got 'fast'"),
        ("train --weight-decay -1", "--weight-decay: must be a number of at least 0"),
        ("train --optimizer adam --weight-decay 0.1", "--weight-decay: adam has no weight decay"),
        ("train --optimizer adma", "no optimizer is named 'adma'. Did you mean 'adam'"),
        ("train --optimizer scale_by_adam", "no optimizer is named 'scale_by_adam'"),
        ("train --optimizer qqq", "There are acprop, adabelief, adadelta, "),
        ("train --text missing.txt", "missing.txt: No such file"),
        ("train --text folder", "folder: Is a directory"),
        ("train --text empty.txt", "0 characters are too few to learn from, at least 650 are needed"),
        ("train --text short.txt", "18 characters are too few"),
        ("train --text latin1.txt", "latin1.txt: not UTF-8 text, invalid continuation byte at byte 3"),
        ("train --out short.txt", "--out: cannot write to short.txt: File exists"),
        ("train --out short.txt/below", "--out: cannot write to short.txt/below: Not a directory"),
        ("train --fast", "unrecognized arguments: --fast"),
        ("find-lr --low 0", "--low: must be a number above 0, got '0'"),
        ("find-lr --high inf", "--high: must be a number above 0, got 'inf'"),
        ("find-lr --low 1 --high 0.5", "--high: must be above --low, 1, got 0.5"),
        ("find-lr --steps 19", "--steps: must be a whole number from 20 "),
        ("find-lr --seeds 0", "--seeds: must be a whole number from 1 "),
        ("find-lr --optimizer adma", "no optimizer is named 'adma'. Did you mean 'adam'"),
        ("find-lr --optimizer dog", "--optimizer: scale_by_dog has no rate to find: the distance"),
        ("find-lr --optimizer lbfgs", "--optimizer: scale_by_zoom_linesearch has no rate to find"),
        ("find-lr --text missing.txt", "missing.txt: No such file"),
        ("find-lr --out picture.pdf", "--out: must be a name that ends in .png, got 'picture.pdf'"),
        ("find-lr --out folder.png", "--out: cannot write to folder.png: Is a directory"),
        ("find-lr --out short.txt/a.png", "--out: cannot write to short.txt: File exists"),
        ("find-lr --learning-rate 1", "unrecognized arguments: --learning-rate 1"),
    ],
)
@pytest.mark.usefixtures("files")
def test_bad_arguments_give_one_line_and_exit_code_2(arguments, said, capsys):
    with pytest.raises(SystemExit) as error:
        main(arguments.split())
    output = capsys.readouterr()
    assert error.value.code == 2
    assert output.out == ""
    assert output.err.startswith("gradtx")
    assert output.err.count("\n") == 1
    assert said in output.err


def test_the_shortest_text_that_is_said_to_do_does(files):
    text = files / "enough.txt"
    text.write_text("ab" * 325)
    corpus = parse(["train", "--text", str(text)], context=64).corpus
    assert corpus.validation_batch(64).shape == (1, 65)


def test_defaults(files):
    options = parse(["train"], context=64)
    assert options.optimizer is None
    assert options.learning_rate is None
    assert options.out == Path()
    assert len(options.corpus.training) > 300_000


@pytest.mark.parametrize("package", ["tqdm", "matplotlib"])
def test_a_missing_package_names_the_extra(package, capsys, monkeypatch, tmp_path):
    ours = ("gradtx.cli.train", "gradtx.cli.progress", "gradtx.cli.picture")
    for name in [name for name in sys.modules if name in ours or name.startswith(f"{package}.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, package, None)
    assert main(["train", "--out", str(tmp_path)]) == 2
    assert capsys.readouterr().err == (
        f'gradtx train: error: {package} is missing: pip install "gradtx[cli]"\n'
    )
