"""NorMuon against its paper, in double precision."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from gradtx import by_path, chain, normalize_neurons, normuon, scale_by_learning_rate
from tests.trajectories import TOLERANCE, distance, leafwise, rate, rising

BETA, B2, EPS, DECAY = 0.7, 0.8, 1e-2, 0.2
SHAPES = {"wide": (3, 5), "tall": (4, 2), "layers": (2, 3, 3)}


def norm(x: Any) -> Any:
    return np.sqrt(np.sum(np.abs(x) ** 2, axis=(-2, -1), keepdims=True))


@leafwise
def normalized(
    theta: Any, gradients: list[Any], b2: Any = lambda t: B2, inputs: tuple[int, ...] = (-2,)
) -> Iterator[Any]:
    """Li et al. (2025), lines 7 to 9 of algorithm 1, on the gradient; the norm stays."""
    square = 0.0
    for t, g in enumerate(gradients):
        b = b2(t)
        square = b * square + (1 - b) * np.mean(np.abs(g) ** 2, axis=inputs, keepdims=True)
        u = g / (np.sqrt(square) + EPS)
        axes = (*inputs, -1)
        size = [np.sqrt(np.sum(np.abs(x) ** 2, axis=axes, keepdims=True)) for x in (g, u)]
        theta = theta - rate(t) * u * size[0] / size[1]
        yield theta


@pytest.mark.parametrize("dtype", TOLERANCE)
def test_normalize_neurons(dtype):
    tx = chain(normalize_neurons(B2, EPS), scale_by_learning_rate(rate))
    assert distance(tx, normalized(), dtype, shapes=SHAPES) < TOLERANCE[dtype]


def test_of_several_input_axes_and_with_a_scheduled_decay():
    tx = chain(
        normalize_neurons(rising, EPS, weight_dimension_numbers="... in in out"), scale_by_learning_rate(rate)
    )
    rule = normalized(rising, (-3, -2))
    assert distance(tx, rule, "float64", shapes={"w": (2, 3, 2, 4)}) < TOLERANCE["float64"]


def quintic(x: Any) -> Any:
    """Five steps of Jordan's iteration, whose singular values end between 0.7 and 1.2."""
    x = x / (norm(x) + EPS)
    for _ in range(5):
        gram = x @ np.swapaxes(x, -1, -2)
        x = 3.4445 * x + (-4.7750 * gram + 2.0315 * gram @ gram) @ x
    return x


@leafwise
def li(theta: Any, gradients: list[Any], nesterov: bool) -> Iterator[Any]:
    """Algorithm 1, for weights of shape (inputs, outputs); or as the authors' code has it, with Nesterov."""
    momentum, square = 0.0, 0.0
    for t, g in enumerate(gradients):
        momentum = BETA * momentum + (1 - BETA) * g
        polar = quintic(BETA * momentum + (1 - BETA) * g if nesterov else momentum)
        square = B2 * square + (1 - B2) * np.mean(polar**2, axis=-2, keepdims=True)
        scaled = polar / (np.sqrt(square) + EPS)
        m, n = g.shape[-2:]
        length = norm(polar) * np.sqrt(max(1, n / m)) if nesterov else 0.3 * np.sqrt(m * n)
        step = scaled * length / norm(scaled)
        theta = theta - rate(t) * (step + DECAY * theta)
        yield theta


def test_the_kernel_of_a_convolution_is_one_matrix():
    """Its outputs are the neurons, over all places of the window."""
    tx = chain(normalize_neurons(B2, EPS), scale_by_learning_rate(rate))
    rule = normalized(inputs=(0, 1, 2))
    assert distance(tx, rule, "float64", shapes={"w": (2, 3, 2, 4)}) < TOLERANCE["float64"]


@pytest.mark.parametrize(
    "options",
    [
        {"nesterov": False, "consistent_rms": 0.3},
        {"nesterov": True, "keep_norm": True, "shape_scaling": "original"},
    ],
    ids=["paper", "code"],
)
def test_the_optimizer_of_matrices(options):
    everything = by_path({"": "normuon"})
    tx = normuon(rate, beta=BETA, b2=B2, eps=EPS, weight_decay=DECAY, param_labels=everything, **options)
    assert distance(tx, li(options["nesterov"]), "float64", shapes=SHAPES) < 1e-11
