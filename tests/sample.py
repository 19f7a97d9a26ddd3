"""The part of the parametrized suites that pytest runs; `pytest -m exhaustive` runs the rest."""

from zlib import crc32

import pytest

SHARES = {
    **dict.fromkeys(
        (
            "tests/algebra/",
            "tests/checkpoints/",
            "tests/cli/",
            "tests/contract/",
            "tests/core/",
            "tests/formats/",
            "tests/interop/",
            "tests/losses/",
            "tests/messages/",
            "tests/numerics/",
            "tests/peers/test_random",
            "tests/practice/",
            "tests/projections/",
            "tests/properties/",
            "tests/schedules/test_",
            "tests/stepping/",
            "tests/training/",
            "tests/wrappers/",
        ),
        24,
    ),
    **dict.fromkeys(("tests/arithmetic/", "tests/microbatching/", "tests/rules/", "tests/searches/"), 8),
}
"""Of the tests with parameters in a suite pytest runs one in so many, drawn by name.

Few are of the suites that run over everything public, and more of those that run a rule with each option.
"""

# Tests in them that cost little and find much: pytest runs them for every case.
ALWAYS = (
    "test_prints_as_its_expression_compares_hashes_and_pickles",
    "test_a_wrong_gradient_is_refused_with_the_leaf",
    "test_the_layout_of_each_state",
    "test_every_parameter_is_documented",
)


def is_left_out(item: pytest.Item) -> bool:
    """Whether a test is one of those in the suites that are left to the exhaustive part."""
    if not hasattr(item, "callspec") or item.name.startswith(ALWAYS):
        return False
    share = next((share for suite, share in SHARES.items() if item.nodeid.startswith(suite)), 1)
    return crc32(item.name.encode()) % share != 0
