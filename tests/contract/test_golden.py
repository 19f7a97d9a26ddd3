"""The public names and the layouts of states change on purpose alone: a change is seen in review."""

import pytest

from tests.cases import CASES
from tests.contract.golden import NAMES, STATES, STORED, layout, names, stored

ADVICE = "If the change is meant, run `python -m tests.contract.golden`, and say so in changelog.d/."


def test_the_public_names() -> None:
    assert names() == NAMES.read_text(), ADVICE


@pytest.mark.exhaustive
def test_the_fields_that_are_stored_by_default() -> None:
    assert stored() == STORED.read_text(), ADVICE


@pytest.mark.parametrize("name", CASES)
def test_the_layout_of_each_state(name: str) -> None:
    golden = STATES.read_text().splitlines()
    assert name in golden, ADVICE
    begin = golden.index(name) + 1
    end = next((at for at in range(begin, len(golden)) if not golden[at].startswith(" ")), len(golden))
    assert list(layout(name))[1:] == golden[begin:end], ADVICE
