"""Every public name of Optax is one of gradtx or has an answer, and parameters that differ have a line."""

import re
from functools import reduce

import optax
import pytest

import gradtx
from tests.peers.optax_names import Name, different, found, head, optax_names, parameters
from tests.peers.page import PAGE, page
from tests.peers.test_differences import listed_names

NAMES = {name.full: name for name in optax_names()}
LISTED = listed_names()


def test_every_name_is_here_or_has_an_answer() -> None:
    assert len(NAMES) > 400
    assert [full for full, name in NAMES.items() if name.ours is None and name.reason is None] == []


def test_the_new_parameters_of_the_head_are_here() -> None:
    """A line of the list that the installed Optax has needs none: it is then renewed."""
    for full, new in head().items():
        here, released = ({one.name for one in parameters(found(lib, full)) or ()} for lib in (gradtx, optax))
        assert here.issuperset(new) or full in LISTED, full
        assert not released.intersection(new), full
        assert new or found(optax, full) is None, full


def test_what_is_here_is_not_said_to_be_left_out() -> None:
    assert [full for full, name in NAMES.items() if name.ours is not None and name.reason] == []


def test_a_name_of_a_module_is_that_of_the_package() -> None:
    """One object under each name: `contrib.muon` is `gradtx.muon`; of another a table says so."""
    for name in (name for full, name in NAMES.items() if full not in LISTED):
        flat = getattr(gradtx, name.name, name.ours)
        if name.module in ("contrib", "losses", "schedules", "transforms") and name.ours is not None:
            assert name.ours is flat, name.full


def test_the_parameters_are_the_same_or_a_line_says_why() -> None:
    unlisted = {
        full: different(name)
        for full, name in NAMES.items()
        if name.ours is not None and different(name) and not {full, name.name} & LISTED
    }
    assert unlisted == {}


@pytest.mark.parametrize("full", sorted({full for full, name in NAMES.items() if name.ours is None}))
def test_the_answer_to_a_name_that_is_left_out(full: str) -> None:
    name: Name = NAMES[full]
    with pytest.raises(AttributeError, match=re.escape(f" out: {name.reason}"[:40])):
        reduce(getattr, full.split("."), gradtx)


def test_the_page_is_that_of_the_names() -> None:
    assert PAGE.read_text() == page(), "write it with python -m tests.peers.page"
