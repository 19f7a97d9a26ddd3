"""Muon equals its sentences of concepts."""

import pytest

from gradtx import (
    add,
    chain,
    correct_bias,
    first_moment,
    orthogonalize,
    scale,
    scale_by_muon,
    trace,
)
from tests.trajectories import gradients, in_precision_of, parameters, relative_error, trajectory

B, EPS = 0.8, 1e-2
SHAPES = {"wide": (3, 5), "tall": (4, 2)}
OPTIONS = {"ns_coeffs": "you", "ns_steps": 4, "eps": EPS}
polar = orthogonalize(**OPTIONS)

SENTENCES = {
    "average": (scale_by_muon(**OPTIONS, beta=B, nesterov=False), chain(first_moment(B), polar)),
    # A heavy ball sums where the average weighs by 1 - b: it is the same momentum but for that factor.
    "nesterov": (scale_by_muon(**OPTIONS, beta=B), chain(trace(B, nesterov=True), scale(1 - B), polar)),
    "debiased": (
        scale_by_muon(**OPTIONS, beta=B, nesterov=False, debias=True),
        chain(first_moment(B), correct_bias(B), polar),
    ),
    "nesterov, debiased": (
        scale_by_muon(**OPTIONS, beta=B, debias=True),
        chain(
            add(
                chain(first_moment(B), correct_bias(B, lookahead=1), scale(B)),
                chain(scale(1 - B), correct_bias(B)),
            ),
            polar,
        ),
    ),
}


@pytest.mark.parametrize("name", SENTENCES)
def test_direction(name):
    direct, sentence = SENTENCES[name]
    params, steps = parameters("float64", SHAPES), gradients("float64", shapes=SHAPES)
    with in_precision_of("float64"):
        one, other = (trajectory(tx, params, steps)[0] for tx in (direct, sentence))
    assert (
        relative_error(one, other) < 1e-12
    )  # roundings of 1e-16, which the polynomials of "you" grow 200-fold
