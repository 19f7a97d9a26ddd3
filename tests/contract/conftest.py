"""The order of the contract, one case after the other, and the part of it that is exhaustive."""

from pathlib import Path

import pytest

from gradtx import optimizers

# The tests of a composition: what its parts, which have all tests, do not show of it.
OF_COMPOSITIONS = (
    "test_state_is_stable_and_jit_equals_eager_with_one_trace",
    "test_prints_as_its_expression_compares_hashes_and_pickles",
    "test_a_missing_need_is_named_before_any_arithmetic",
    "test_a_wrong_gradient_is_refused_with_the_leaf",
    "test_the_layout_of_each_state",
    "test_every_parameter_is_documented",
)


@pytest.hookimpl(tryfirst=True)  # before `-m` chooses
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Sorts by case: what a case computes once, its tests share, and most of them run on one worker."""
    here = Path(__file__).parent
    places = [place for place, item in enumerate(items) if item.path.parent == here]
    for place in places:
        item = items[place]
        if _case(item) in optimizers.__all__ and not item.name.startswith(OF_COMPOSITIONS):
            item.add_marker("exhaustive")
    in_order = sorted((items[place] for place in places), key=_case)
    for place, item in zip(places, in_order, strict=True):
        items[place] = item


def _case(item: pytest.Item) -> str:
    callspec = getattr(item, "callspec", None)
    return callspec.params.get("name", "") if callspec else ""
