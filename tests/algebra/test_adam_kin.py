"""The rules of Adam's kin as sentences of concepts, and as each other in their limits."""

from typing import Any

import numpy as np
import pytest

from gradtx import (
    add,
    add_decayed_weights,
    chain,
    correct_bias,
    divide,
    first_moment,
    identity,
    infinity_moment,
    nadam,
    novograd,
    running_max,
    scale,
    scale_by_adadelta,
    scale_by_adam,
    scale_by_adamax,
    scale_by_belief,
    scale_by_learning_rate,
    scale_by_nadam,
    scale_by_novograd,
    scale_by_radam,
    second_moment,
    sqrt,
    square,
    subtract,
    trace,
)
from tests.trajectories import (
    gradients,
    in_precision_of,
    parameters,
    rate,
    relative_error,
    rising,
    trajectory,
)

B1, B2, EPS, EPS_ROOT, DECAY = 0.85, 0.97, 1e-2, 2e-2, 0.2

m_hat = chain(first_moment(B1), correct_bias(B1))
m_ahead = add(
    chain(first_moment(B1), correct_bias(B1, lookahead=1), scale(B1)),
    chain(scale(1 - B1), correct_bias(B1)),
)
distance_from_mean = chain(
    subtract(identity(), first_moment(B1)), second_moment(B2), correct_bias(B2), sqrt()
)

SENTENCES = {
    # 0.96**(t psi) is 0: the momentum is b1 from the start.
    "nadam, risen": (
        scale_by_nadam(B1, B2, EPS, EPS_ROOT, momentum_decay=1e5),
        scale_by_adam(B1, B2, EPS, EPS_ROOT, nesterov=True),
    ),
    "nadam, constant": (
        nadam(rate, B1, B2, EPS, EPS_ROOT, momentum_decay=None),
        chain(scale_by_adam(B1, B2, EPS, EPS_ROOT, nesterov=True), scale_by_learning_rate(rate)),
    ),
    "belief": (scale_by_belief(B1, B2, EPS, 0.0), divide(m_hat, distance_from_mean, EPS)),
    "belief, ahead": (
        scale_by_belief(B1, B2, EPS, 0.0, nesterov=True),
        divide(m_ahead, distance_from_mean, EPS),
    ),
    "adamax": (scale_by_adamax(B1, B2, EPS), divide(m_hat, infinity_moment(B2, EPS))),
    "adamax, scheduled": (
        scale_by_adamax(B1, rising, EPS),
        divide(m_hat, infinity_moment(rising, EPS)),
    ),
    "adamax that forgets nothing": (
        scale_by_adamax(B1, 1.0, 0.0),
        divide(m_hat, chain(square(), running_max(), sqrt())),
    ),
    "radam, never rectified": (scale_by_radam(B1, B2, threshold=1e9), m_hat),
    "novograd": (
        scale_by_novograd(B1, B2, EPS, EPS_ROOT, DECAY),
        chain(scale_by_novograd(0.0, B2, EPS, EPS_ROOT), add_decayed_weights(DECAY), trace(B1)),
    ),
    "novograd of any size": (
        novograd(rate, B1, B2, eps=0.0),
        chain(scale(1e3), novograd(rate, B1, B2, eps=0.0)),
    ),
}


@pytest.mark.parametrize(("rule", "sentence"), SENTENCES.values(), ids=SENTENCES)
def test_rule_equals_its_sentence(rule, sentence):
    """In double precision, where only the order of a few roundings differs."""
    assert relative_error(_updates(rule), _updates(sentence)) < 1e-13


def test_adadelta_is_what_its_own_past_says():
    """The root mean square of past directions is a concept too: fed with them, it gives the next."""
    steps = gradients("float64", 12)
    u = _updates(scale_by_adadelta(B1, EPS), steps)
    size = chain(second_moment(B1), sqrt(EPS))
    sizes = _updates(size, [{name: leaf[t] for name, leaf in u.items()} for t in range(12)])
    before = {
        name: np.concatenate([np.full_like(leaf[:1], EPS**0.5), leaf[:-1]]) for name, leaf in sizes.items()
    }
    by_size = _updates(divide(identity(), size), steps)
    assert relative_error(u, {name: before[name] * by_size[name] for name in u}) < 1e-13


def test_a_rectified_step_is_one_number_times_adams():
    """And the number, which rises with the number of squares, is at most 1."""
    rectified = _updates(scale_by_radam(B1, B2, EPS, EPS_ROOT))
    adam = _updates(scale_by_adam(B1, B2, EPS, EPS_ROOT))
    ratios = np.stack([rectified["matrix"][t] / adam["matrix"][t] for t in range(5, 12)])
    np.testing.assert_allclose(ratios, np.broadcast_to(ratios[:, :1, :1], ratios.shape), rtol=1e-12)
    assert np.all(np.diff(ratios[:, 0, 0]) > 0)
    assert 0 < ratios[0, 0, 0] < ratios[-1, 0, 0] < 1


def _updates(tx: Any, steps: Any = None) -> Any:
    with in_precision_of("float64"):
        return trajectory(tx, parameters("float64"), steps or gradients("float64", 12))[0]
