import argparse
import sys
from pathlib import Path

import pytest

from gradtx.cli import main
from gradtx.cli.converters import UsageError
from gradtx.cli.language_model import Architecture
from gradtx.cli.task import Task
from gradtx.cli.train import Options, add


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
        ("fly", "no command is named 'fly'. There are list, show, schedule, "),
        ("trian", "no command is named 'trian'. Did you mean 'train'?"),
        ("--fast", "unrecognized arguments: --fast"),
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
        ("train --schedule cosine(1)", "--schedule: no schedule is named 'cosine'"),
        ("train --schedule linear_warmup_schedule(3) --learning-rate 1", "leave out --learning-rate"),
        ("train --schedule linear_warmup_schedule(3) --optimizer rprop", "rprop takes a number"),
        ("train --clip -1", "--clip: must be a number of at least 0"),
        ("train --dtype int8", "--dtype: invalid choice: 'int8'"),
        ("train --accumulate 0", "--accumulate: must be a whole number from 1 "),
        ("train --steps 3 --accumulate 4", "--accumulate: must be at most --steps, 3"),
        ("train --save-history run.txt", "must be a name that ends in .csv or .json, got 'run.txt'"),
        ("train --save-history short.txt/run.csv", "cannot write to short.txt: File exists"),
        ("train --fast", "unrecognized arguments: --fast"),
        ("train --optimzer=adam", "arguments: --optimzer=adam. Did you mean '--optimizer'?"),
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
        ("list adam", "unrecognized arguments: adam"),
        ("show", "the following arguments are required: OPTIMIZER"),
        ("show adma", "no optimizer is named 'adma'. Did you mean 'adam'"),
        ("show adam --params 3y", "--params: must be shapes such as kernel=512x512,bias=512"),
        ("show adam --params 1K", "must be a number of parameters from 10M to 1000B, got '1K'"),
        ("schedule", "the following arguments are required: EXPR"),
        ("schedule 0.1", "EXPR: must be a schedule such as cosine_decay_schedule(1e-3, 1000), got '0.1'"),
        ("schedule linear_schedule(1,", "EXPR: cannot read 'linear_schedule(1,'"),
        ("schedule linear_warmup_schedule(3) --steps 0", "--steps: must be a whole number from 1 "),
        ("schedule linear_warmup_schedule(3) --out a.svg", "--out: must be a name that ends in .png"),
        ("compare", "the following arguments are required: OPTIMIZER"),
        ("compare adam", "must be two or more different names, got adam"),
        ("compare adam adam", "must be two or more different names, got adam adam"),
        ("compare adam adma", "no optimizer is named 'adma'. Did you mean 'adam'"),
        ("compare adam sgd --steps 25", "--steps: must be a multiple of 10 from 10 "),
        ("compare adam soap", "--seeds: must be 1 with soap: on a CPU"),
        ("compare adam sgd --text empty.txt", "0 characters are too few"),
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
    assert Task.of(text, Architecture()).corpus.validation_batch(64).shape == (1, 65)
    text.write_text("ab" * 324)
    with pytest.raises(UsageError, match="at least 650 are needed"):
        Task.of(text, Architecture())


def test_defaults():
    parser = argparse.ArgumentParser()
    add(parser)
    options = parser.parse_args([], Options())
    assert options.optimizer is options.learning_rate is options.schedule is options.save_history is None
    assert options.out == Path()
    assert len(Task.of(options.text, Architecture()).corpus.training) > 300_000


@pytest.mark.parametrize("package", ["tqdm", "matplotlib"])
def test_a_missing_package_names_the_extra(package, capsys, monkeypatch, tmp_path):
    ours = ("gradtx.cli.train", "gradtx.cli.training", "gradtx.cli.progress", "gradtx.cli.picture")
    for name in [name for name in sys.modules if name in ours or name.startswith(f"{package}.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, package, None)
    assert main(["train", "--out", str(tmp_path)]) == 2
    assert capsys.readouterr().err == (
        f'gradtx train: error: {package} is missing: pip install "gradtx[cli]"\n'
    )
