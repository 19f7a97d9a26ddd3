"""Faults of the learning rate: too high, too low, without a warmup, or at the edge of oscillation."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from gradtx.core import Finding
from gradtx.practice._edits import Edit, with_rate, with_warmup
from gradtx.practice._signs import Series, Signs, rolling

_LARGE_STEP = 0.09
"""A step of this share of the norm of the weights is too long, and 0.45 of it while the loss rises. The
largest healthy one measured is 0.08."""

_UNDONE = 0.0225
"""The share of the norm of the weights that a step takes back from the last one in an oscillation. The
largest healthy one measured, of 800, is 0.020, and the smallest one of 24 planted oscillations 0.026."""

_LITTLE_TRAVEL = 0.25
"""The length of the whole way over the norm of the weights, below which a training has hardly begun."""

_RISE = 2.0
"""The loss over its first level at which a training has diverged."""

_GOOD_FALL = 0.9
"""The share of the loss that is lost in a training that goes well, whatever its updates do."""

_LONG_ENOUGH = 100
"""The number of steps after which the way of the weights is judged."""

_WINDOW, _TURNS = 9, 10


def oscillation(signs: Signs) -> Iterator[Finding]:
    """Updates that undo each other, and are large enough to matter."""
    cosine, ratio = signs.turn, signs.ratio
    if cosine is None or ratio is None or len(ratio) < _TURNS:
        return
    undone = np.convolve(-cosine * ratio, np.full(_TURNS, 1 / _TURNS), "valid")
    step = int(undone.argmax())
    if undone[step] < _UNDONE or signs.fall > _GOOD_FALL:
        return
    mean, size = float(cosine[step : step + _TURNS].mean()), float(np.median(ratio[step : step + _TURNS]))
    factor = 0.5 if size < 4 * _LARGE_STEP else 0.1
    yield Finding(
        "oscillation",
        "",
        f"each step takes back a part of the last one: their cosine is {mean:.2f}.",
        f"Multiply the learning rate by {factor:.2g}, or take momentum.",
        "the learning rate is at the edge of stability, 2 over the curvature.",
        (
            ("update_cosine", mean),
            ("update_ratio", size),
            ("step", step + _TURNS),
        ),
        Edit(with_rate, (factor,)),
    )


def rate_too_high(signs: Signs) -> Iterator[Finding]:
    """Steps too long for the weights, or a loss above its beginning."""
    found, highest = _long_step(signs), _risen(signs)
    evidence: list[tuple[str, Any]] = [
        ("loss", f"{signs.start:.3g} at first, at most {signs.loss.max():.3g}")
    ]
    factor, text = 0.1, f"the loss rose to {highest:.3g}."
    if found is not None:
        step, size = found
        evidence = [("update_ratio", size), ("step", step + 1), *evidence]
        text = f"a step moves the weights by {size:.0%} of their norm (step {step + 1})."
        factor = min(0.3, max(0.01, 0.02 / size))
        if signs.is_long and _begins_at_once(signs, step) and _calms(signs):
            yield _no_warmup(signs, text, tuple(evidence))
            return
    if found is not None or highest:
        yield Finding(
            "rate-too-high",
            "",
            text,
            f"Multiply the learning rate by {factor:.2g}; practice.lr_range_test finds one.",
            "the learning rate is too high.",
            tuple(evidence),
            Edit(with_rate, (round(factor, 3),)),
        )


def _risen(signs: Signs) -> float:
    """The highest usual loss, if it has risen far above the first ones; else 0."""
    loss, first = rolling(signs.loss, _WINDOW), max(signs.start, float(signs.loss[0]))
    rises = np.flatnonzero(loss > first + (_RISE - 1) * abs(first))
    rises = [step for step in rises if not len(signs.spikes) or step < signs.spikes[0]]  # a bad batch, else
    return float(loss.max()) if rises else 0.0


def _long_step(signs: Signs) -> tuple[int, float] | None:
    """The step with the longest usual update, and its length over the norm of the weights."""
    if signs.ratio is None:
        return None
    usual, loss = rolling(signs.ratio, _WINDOW), rolling(signs.loss, 2 * _TURNS)
    rises = loss - np.minimum.accumulate(loss) > 0.05 * abs(signs.start)
    suspect = np.flatnonzero(usual > 0.45 * _LARGE_STEP)
    if len(suspect) and not rises[suspect[-1]]:
        rises[:] = False  # the loss came back under steps as long: noise had raised it
    long = usual > np.where(rises, 0.45, 1.0) * _LARGE_STEP
    step = int(np.where(long, usual, 0.0).argmax())
    return (step, float(usual[step])) if long[step] else None


def _begins_at_once(signs: Signs, step: int) -> bool:
    """Whether the longest steps are the first ones, of full length from the first."""
    update = signs.total("update_norm")
    early = signs.length // 10
    return update is not None and step < early and bool(update[0] > 0.15 * update[:early].max())


def _calms(signs: Signs) -> bool:
    """Whether the steps of the second half are of a usual length."""
    return signs.ratio is not None and bool(np.median(signs.later(signs.ratio, 0.5)) < _LARGE_STEP / 4)


def _no_warmup(signs: Signs, text: str, evidence: tuple[tuple[str, object], ...]) -> Finding:
    steps = max(1, signs.length // 10)
    return Finding(
        "no-warmup",
        "",
        text,
        f"Begin with a linear warmup of {steps} steps.",
        "the first steps have the full learning rate, before the averages of the optimizer have settled.",
        evidence,
        Edit(with_warmup, (steps,)),
    )


def rate_too_low(signs: Signs) -> Iterator[Finding]:
    """Weights that hardly move, though the gradients agree on the direction."""
    ratio, cosine = signs.ratio, signs.cosine("gradient_cosine")
    if ratio is None or cosine is None or signs.end < _LONG_ENOUGH or _warms_up(ratio):
        return
    travel, agree = float(ratio.sum()), float(np.mean(cosine[1:]))
    before, after = signs.last_quarters
    if travel > _LITTLE_TRAVEL or agree < 0.1 or after > before + signs.uncertainty(signs.end // 4):
        return
    factor = float(min(100.0, max(3.0, 10 ** round(np.log10(2.0 / max(travel, 1e-30))))))
    yield Finding(
        "rate-too-low",
        "",
        f"in {signs.end} steps the weights travelled {travel:.2g} of their norm, and the gradients agree.",
        f"Multiply the learning rate by {factor:g}; practice.lr_range_test finds one.",
        "the learning rate is too low.",
        (
            ("travel", travel),
            ("gradient_cosine", agree),
            ("loss", f"{signs.start:.3g}, then {after:.3g}"),
        ),
        Edit(with_rate, (factor,)),
    )


def _warms_up(ratio: Series) -> bool:
    """Whether the steps still grow at the end."""
    quarter = len(ratio) // 4
    return bool(np.median(ratio[-quarter:]) > 1.5 * np.median(ratio[-2 * quarter : -quarter]))
