"""The order of the contract: one case after the other."""

from pathlib import Path

import pytest


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Sorts by case: what a case computes once, its tests share, and most of them run on one worker."""
    here = Path(__file__).parent
    places = [place for place, item in enumerate(items) if item.path.parent == here]
    in_order = sorted((items[place] for place in places), key=_case)
    for place, item in zip(places, in_order, strict=True):
        items[place] = item


def _case(item: pytest.Item) -> str:
    callspec = getattr(item, "callspec", None)
    return callspec.params.get("name", "") if callspec else ""
