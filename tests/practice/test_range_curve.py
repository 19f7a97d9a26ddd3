"""The rates read off curves of which the right answer is known."""

from itertools import combinations

import numpy as np
import pytest

from gradtx.practice._range_curve import RULES, Fall, fall_of, longest_decreasing, smoothed
from gradtx.practice._range_sweep import end_of, lowest, sweep_rates

STEPS = 200
RATES = np.geomspace(1e-6, 10.0, STEPS)


def curve(fall=1e-2, rise=1.0, noise=0.0, offset=0.0, seed=0):
    """A loss that falls from 2 to 1, fastest at the rate `fall`, and rises without bound around `rise`."""
    logs = np.log10(RATES)
    falling = 1.0 / (1.0 + np.exp(4.0 * (logs - np.log10(fall))))
    rising = np.exp(8.0 * (logs - np.log10(rise)))
    noises = noise * np.random.default_rng(seed).standard_normal(STEPS)
    return 1.0 + falling + rising + noises + offset


def found(losses, rule):
    fall = fall_of(RATES, losses)
    assert not isinstance(fall, str), fall
    return RULES[rule](fall)


@pytest.mark.parametrize("scale", [1e-8, 1.0, 1e8])
@pytest.mark.parametrize("offset", [0.0, -5.0])
def test_each_rule_reads_its_rate(scale, offset):
    losses = scale * curve(offset=offset)
    least = RATES[losses.argmin()]
    assert found(losses, "min/10") == pytest.approx(least / 10, rel=0.25)
    assert found(losses, "steepest") == pytest.approx(1e-2, rel=0.1)
    fall = fall_of(RATES, losses)
    places = longest_decreasing(fall.losses)
    assert places[-1] == len(fall.losses) - 1
    assert found(losses, "valley") == pytest.approx(np.sqrt(RATES[places[0]] * RATES[places[-1]]))


def test_the_valley_is_in_the_middle_of_the_axis():
    fall = Fall(np.array([0.0, 1.0, 2.0, 3.0, 4.0, 8.0]), np.array([5.0, 7.0, 8.0, 4.0, 3.0, 2.0]))
    assert RULES["valley"](fall) == pytest.approx(np.exp(5.0))


@pytest.mark.parametrize("seed", range(5))
def test_noise_moves_no_rate_far(seed):
    for rule in ("min/10", "steepest"):
        assert found(curve(noise=0.2, seed=seed), rule) == pytest.approx(found(curve(), rule), rel=1.0)


def test_an_explosion_has_no_effect_on_the_losses_before_it():
    losses = curve()
    exploded = np.where(np.arange(STEPS) > 180, 1e30, losses)
    assert found(exploded, "min/10") == pytest.approx(found(losses, "min/10"), rel=1e-3)
    assert found(losses[:180], "min/10") == pytest.approx(found(losses, "min/10"), rel=1e-3)


def test_a_loss_that_comes_back_from_an_explosion_does_not_count():
    losses = np.where(RATES > 3.0, 0.1, curve())
    losses[(RATES > 1.5) & (RATES < 3.0)] = 100.0
    assert found(losses, "min/10") == pytest.approx(found(curve(), "min/10"), rel=0.2)


def test_smoothing_keeps_a_line_and_does_not_lag():
    line = 3.0 - 0.01 * np.arange(STEPS)
    np.testing.assert_allclose(smoothed(line, STEPS)[25:-25], line[25:-25], rtol=1e-5)
    dip = np.where(np.abs(np.arange(STEPS) - 120) < 10, 0.0, 1.0)
    assert abs(smoothed(dip, STEPS).argmin() - 120) <= 1
    assert smoothed(np.array([0.0] * 99 + [1.0] + [0.0] * 100) * -1.0, STEPS).sum() == pytest.approx(
        -1.0, rel=1e-6
    )


@pytest.mark.parametrize(
    ("losses", "said"),
    [
        (np.ones(STEPS), "does not fall"),
        (1.0 - 1e-7 * (np.arange(STEPS) > 50), "does not fall"),  # the last digit of float32
        (np.ones(0), "not finite from the rate 1e-06 on"),
        (np.ones(20), "not finite from the rate"),
        (1 + 0.1 * np.random.default_rng(0).standard_normal(STEPS), "does not fall"),
        (curve(rise=1e9), "still falls at the highest rate. Raise `high`"),
        (
            1.0 + np.minimum(0.01 * (np.arange(STEPS) - 15) ** 2, 9.0),
            "least value near the lowest rate. Lower",
        ),
        (1.0 + 0.01 * np.arange(STEPS), "least value near the lowest rate. Lower `low`"),
        (curve(fall=1e-9, rise=1e9)[::-1].copy(), "does not fall"),
    ],
)
def test_a_curve_without_an_answer_gives_the_reason(losses, said):
    assert said in fall_of(RATES, losses)


def test_the_longest_decreasing_subsequence():
    random = np.random.default_rng(0)
    for _ in range(50):
        values = random.integers(0, 6, size=8)
        places = longest_decreasing(values)
        assert places == sorted(set(places))
        assert (np.diff(values[places]) < 0).all()
        longest = max(
            size
            for size in range(1, 9)
            if any((np.diff(values[list(some)]) < 0).all() for some in combinations(range(8), size))
        )
        assert len(places) == longest


def test_the_end_of_a_run_is_the_mean_of_its_last_tenth():
    losses = np.ones((3, 40))
    losses[1, -4:] = (1.0, 2.0, 3.0, 4.0)
    losses[2, 5] = np.nan
    assert end_of(losses) == [1.0, 2.5, np.inf]


def test_the_rates_of_the_sweep_stay_within_the_range():
    assert sweep_rates(1e-2, 1e-6, 10.0) == pytest.approx(1e-2 * 10.0 ** np.arange(-2, 1.5, 0.5), rel=0.01)
    assert sweep_rates(1e-2, 1e-3, 1e-2) == [0.001, 0.00316, 0.01]


@pytest.mark.parametrize("vertex", [-0.14, 0.0, 0.1])
def test_the_lowest_rate_is_the_vertex_of_a_parabola(vertex):
    logs = np.arange(-2.0, 1.5, 0.5)
    assert lowest(10.0**logs, 3.0 + (logs - vertex) ** 2) == pytest.approx(10.0**vertex)


def test_a_run_that_diverges_and_one_at_the_edge_are_no_points_of_a_parabola():
    rates = [0.1, 10**-0.5, 1.0]
    limited = 10 ** (-0.5 - 0.25 * 3 / 5)  # one rise is four times the other
    for rise in (5.0, 1e9, np.inf):
        assert lowest(rates, [2.0, 1.0, 1.0 + rise]) == pytest.approx(limited)
    assert lowest(rates, [np.inf, 1.0, np.inf]) == rates[1]
    assert lowest(rates, [1.0, 1.0, 1.0]) == rates[0]
    assert lowest(rates, [1.0, 2.0, np.inf]) == rates[0]
    assert lowest(rates, [3.0, 2.0, 1.0]) == rates[2]
    assert lowest([0.5], [1.0]) == 0.5
