import math

import jax
import pytest

from gradtx.cli import main
from gradtx.cli.memory import number_of_parameters, transformer_of


@pytest.mark.exhaustive
def test_a_table_of_two_optimizers(capsys):
    assert main(["memory", "adamw", "adamw8bit", "20M"]) == 0
    header, wide, narrow = capsys.readouterr().out.splitlines()
    assert header.split() == "optimizer parameters gradients state in jax.jit peak Stepper its peak".split()  # noqa: SIM905
    assert wide.split()[0] == "adamw"
    assert narrow.split()[0] == "adamw8bit"
    state = [float(line.split()[5]) for line in (wide, narrow)]
    assert state[0] / state[1] > 3.5


def test_the_size_of_the_model():
    assert number_of_parameters("7B") == 7 * 10**9
    shapes = transformer_of(7 * 10**9, "bfloat16")
    assert abs(sum(math.prod(leaf.shape) for leaf in jax.tree.leaves(shapes)) / 7e9 - 1) < 0.05
    assert {leaf.dtype.name for leaf in jax.tree.leaves(shapes)} == {"bfloat16"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["adamww", "7B"], "no optimizer is named 'adamww'"),
        (["adamw", "seven"], "must be a number of parameters from 10M to 1000B, got 'seven'"),
        (["adamw", "3"], "from 10M to 1000B"),
        (["7B"], "no optimizer is named '7B'"),
        (["adamw", "7B", "--dtype", "int8"], "invalid choice"),
    ],
)
def test_bad_input_ends_in_one_line(arguments, message, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["memory", *arguments])
    output = capsys.readouterr()
    assert stopped.value.code == 2
    assert output.err.count("\n") == 1
    assert message in output.err


def test_without_a_command_there_is_help_and_a_version(capsys):
    for arguments, text in (([], "find-lr"), (["--version"], "gradtx 0.1.0")):
        with pytest.raises(SystemExit) as stopped:
            main(arguments)
        assert stopped.value.code == 0
        assert text in capsys.readouterr().out
