"""AdEMAMix and its simplified form equal their sentences: the concepts that they are made of."""

import pytest

from gradtx import (
    add,
    chain,
    correct_bias,
    divide,
    first_moment,
    scale,
    scale_by_ademamix,
    scale_by_simplified_ademamix,
    second_moment,
    sqrt,
    trace,
)
from tests.trajectories import gradients, in_precision_of, parameters, relative_error, trajectory

B1, B2, B3, ALPHA, EPS, EPS_ROOT = 0.85, 0.97, 0.99, 3.0, 1e-2, 2e-2

root = chain(second_moment(B2), correct_bias(B2), sqrt(EPS_ROOT))
fast, slow = chain(first_moment(B1), correct_bias(B1)), first_moment(B3)
SENTENCES = {
    "ademamix": (
        scale_by_ademamix(B1, B2, B3, ALPHA, EPS, EPS_ROOT),
        divide(add(fast, chain(slow, scale(ALPHA))), root, EPS),
    ),
    "simplified": (
        scale_by_simplified_ademamix(B1, B2, ALPHA, EPS, EPS_ROOT),
        divide(add(trace(B1), scale(ALPHA)), root, EPS),
    ),
}


@pytest.mark.parametrize(("rule", "sentence"), SENTENCES.values(), ids=SENTENCES)
def test_rule_equals_its_sentence(rule, sentence):
    """In double precision, where only the order of a few roundings differs."""
    params, steps = parameters("float64"), gradients("float64", 12)
    with in_precision_of("float64"):
        (ours, *_), (theirs, *_) = trajectory(rule, params, steps), trajectory(sentence, params, steps)
    assert relative_error(ours, theirs) < 1e-13
