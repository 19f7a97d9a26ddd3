"""Faults of batches: not finite, exploding, too small, with wrong labels, or seen too often."""

from collections.abc import Iterator

import jax
import numpy as np
from jax.tree_util import keystr

from gradtx.core import Finding
from gradtx.practice._edits import Edit, with_clip, with_decay
from gradtx.practice._signs import LEAST_STEPS, SPIKE, Signs, usual_around
from gradtx.tree import Path
from gradtx.wrappers import accumulate, guard

_GUESS = 0.3
"""The share by which the loss falls at most in a training that learns nothing but the frequencies."""


def not_finite(signs: Signs) -> Iterator[Finding]:
    """A loss or a gradient that is NaN or infinite."""
    if signs.end == signs.length:
        return
    leaf = _leaf_name(signs)
    last = f"{signs.loss[-1]:.3g} before" if signs.end else "from the first step"
    yield Finding(
        "not-finite",
        leaf,
        f"the loss or a gradient is not finite at step {signs.end + 1} of {signs.length}.",
        "Skip such batches with guard.",
        "a batch with a NaN or an infinity, or an overflow in the model.",
        (("step", signs.end + 1), ("loss", last), *((("leaf", signs.bad_leaf),) if leaf else ())),
        Edit(guard),
    )


def _leaf_name(signs: Signs) -> str:
    if signs.bad_leaf is None:
        return ""
    paths: list[Path] = [path for path, _ in jax.tree_util.tree_leaves_with_path(signs.params)]
    return keystr(paths[signs.bad_leaf]) if signs.bad_leaf < len(paths) else f"leaf {signs.bad_leaf}"


def exploding_batches(signs: Signs) -> Iterator[Finding]:
    """Single gradients far longer than those around them."""
    norms, steps = signs.total("gradient_norm"), signs.spikes
    if norms is None or not len(steps) or len(steps) > len(norms) // 10:
        return
    around = usual_around(norms)
    worst = int(steps[np.argmax(norms[steps] / around[steps])])
    bound = float(f"{3 * np.median(norms):.2g}")
    shown = ", ".join(str(step + 1) for step in steps[:5])
    yield Finding(
        "exploding-batches",
        "",
        f"{len(steps)} of {len(norms)} gradients are {SPIKE:g} times as long as those around them.",
        f"Clip the gradient to {bound:g}, or skip such batches with guard.",
        "bad batches: look at those of these steps.",
        (("steps", shown), ("gradient_norm", float(norms[worst])), ("around it", float(around[worst]))),
        Edit(with_clip, (bound,)),
    )


def overfit(signs: Signs) -> Iterator[Finding]:
    """A loss on other data that rises while that of the training falls."""
    found = signs.validation
    if found is None or len(found) < 5 or not np.isfinite(found).all():
        return
    least = int(found.argmin())
    rise = float(np.mean(found[-2:]) - found[least])
    at = round((least + 1) * signs.end / len(found))
    then = float(np.mean(signs.loss[max(0, at - 10) : at]))
    if least >= len(found) - 3 or rise < 0.15 * abs(float(found[0])) or signs.level >= then:
        return
    yield Finding(
        "overfit",
        "",
        f"the validation rose from {found[least]:.3g} at step {at} to {found[-1]:.3g}, and the loss fell.",
        "End there, raise the weight decay, average the parameters, or use more data.",
        "the model learns its examples by heart.",
        (
            ("validation", f"{found[least]:.3g}, then {found[-1]:.3g}"),
            ("loss", f"{then:.3g}, then {signs.level:.3g}"),
        ),
        Edit(with_decay, (10.0,)),
    )


def no_signal(signs: Signs) -> Iterator[Finding]:
    """A loss that stands at the level of a guess, with gradients that do not agree."""
    cosine, ratio = signs.cosine("gradient_cosine"), signs.ratio
    if (
        cosine is None
        or ratio is None
        or signs.end < 2 * LEAST_STEPS
        or signs.fall > _GUESS
        or ratio.sum() < 0.1
    ):
        return
    agree = float(np.mean(signs.later(cosine, 0.5)))
    before, after = signs.last_quarters
    still = before - after < max(0.01 * abs(after), signs.uncertainty(signs.end // 4))
    if agree > 0.1 or not still:
        return
    evidence = (
        ("gradient_cosine", agree),
        ("loss", f"{signs.start:.3g}, then {after:.3g}"),
        ("noise", signs.noise),
    )
    text = f"the loss stands at {after:.3g}, and the gradients of successive batches do not agree."
    yield _noise_bound(text, evidence) if signs.noise > 0.02 else _wrong_labels(text, evidence)


def _noise_bound(text: str, evidence: tuple[tuple[str, object], ...]) -> Finding:
    return Finding(
        "noise-bound",
        "",
        text,
        "Average the gradients of 16 batches with accumulate, or take larger ones.",
        "the batch is so small that its gradient is noise for the most part.",
        evidence,
        Edit(accumulate, (16,)),
    )


def _wrong_labels(text: str, evidence: tuple[tuple[str, object], ...]) -> Finding:
    return Finding(
        "shuffled-labels",
        "",
        text,
        "Look at a few examples with their labels, in the order in which the loss gets them.",
        "the inputs say nothing of the targets: labels that are shuffled, or shifted against the inputs.",
        evidence,
    )
