"""The README's code does what the README shows."""

import doctest
import re
from pathlib import Path
from typing import Any

README = Path(__file__).parents[1] / "README.md"


def test_the_first_example_runs() -> None:
    first = re.search(r"```python\n(.*?)```", README.read_text(), re.DOTALL)
    assert first
    names: dict[str, Any] = {}
    exec(first[1], names)
    start = {"w": names["jnp"].ones((3, 2))}
    assert names["loss"](names["params"]) < names["loss"](start)


def test_what_is_printed_is_what_is_shown() -> None:
    failures, tests = doctest.testfile(str(README), module_relative=False, optionflags=doctest.ELLIPSIS)
    assert tests > 0
    assert failures == 0
