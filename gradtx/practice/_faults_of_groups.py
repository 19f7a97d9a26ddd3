"""Faults of a group of leaves: frozen, dead, stuck in 16 bits, or with an average that is too old."""

from collections.abc import Iterator

import numpy as np

from gradtx.core import Finding
from gradtx.practice._edits import (
    Edit,
    thawed,
    with_faster_second_moment,
    with_warmup,
)
from gradtx.practice._signs import Series, Signs, rolling
from gradtx.wrappers import round_stochastically

_STUCK = 0.5
"""The share of weights in 16 bits that do not move from which a group is stuck; it is 0 in float32."""

_IDLE = 0.95
"""The share of units without a gradient from which a matrix is dead; small batches leave half of them out."""

_PHASE, _DROP, _BEHIND = 20, 10.0, 0.02
"""The steps before and after a sudden fall of the gradient, its factor, and the largest ratio then."""


def frozen_groups(signs: Signs) -> Iterator[Finding]:
    """Groups with a gradient and no update."""
    gradients, params = signs.groups("gradient_norm"), signs.groups("param_norm")
    for name, updates in signs.groups("update_norm").items():
        if not signs.is_long or updates[len(updates) // 2 :].any() or not gradients[name].any():
            continue
        yield Finding(
            "frozen-group",
            name,
            "the group has gradients and no updates.",
            "Let it train: leave out the freeze, or correct its labels.",
            "a mask or a label selects more than is meant.",
            (
                ("gradient_norm", float(np.median(gradients[name]))),
                ("update_norm", 0.0),
                ("param_norm", float(params[name][-1])),
            ),
            Edit(thawed),
        )


def dead_groups(signs: Signs) -> Iterator[Finding]:
    """Groups with a matrix whose gradient is exactly 0 at almost every step."""
    if not signs.is_long:
        return
    dead = {
        name: float(np.median(signs.later(idle, 0.5)))
        for name, idle in signs.groups("idle_share").items()
        if np.quantile(signs.later(idle, 0.5), 0.05) >= _IDLE
    }
    for name, share in dead.items():
        first = int(np.flatnonzero(signs.groups("idle_share")[name] >= _IDLE)[0]) + 1
        yield Finding(
            "dead-group",
            name,
            f"{share:.0%} of the units of a matrix have a gradient of exactly 0.",
            "Initialize the group anew, and begin with a warmup: large first steps can kill units.",
            "units behind a ReLU that are off for every example, or a part that the loss does not use.",
            (("idle_share", share), ("since step", first)),
            Edit(with_warmup, (max(1, signs.length // 10),)),
        )


def stuck_groups(signs: Signs) -> Iterator[Finding]:
    """Groups in 16 bits most weights of which an update leaves where they are."""
    groups = {name: float(np.median(x)) for name, x in signs.groups("unmoved_share").items() if len(x)}
    name = max(groups, key=lambda name: groups[name], default="")
    if not name or groups[name] < _STUCK:
        return
    size = signs.groups("update_ratio").get(name)
    evidence = (
        ("unmoved_share", groups[name]),
        *((("update_ratio", float(np.median(size))),) if size is not None else ()),
    )
    yield Finding(
        "stuck-in-16-bits",
        name,
        f"{groups[name]:.0%} of the weights do not move, since the update is lost when the sum is rounded.",
        "Wrap the optimizer in round_stochastically, or keep float32 parameters with split_params.",
        "parameters in 16 bits, with updates below half of the distance of two numbers.",
        evidence,
        Edit(round_stochastically),
    )


def slow_second_moment(signs: Signs) -> Iterator[Finding]:
    """A sudden fall of the gradient, after which the average of its square stays that of before."""
    norms = signs.total("gradient_norm")
    groups = signs.groups("square_ratio")
    if norms is None or not groups or len(norms) < 3 * _PHASE:
        return
    step, drop = _sudden_fall(norms)
    behind = {name: float(np.median(x[step : step + 2 * _PHASE])) for name, x in groups.items()}
    name = min(behind, key=lambda name: behind[name], default="")
    if drop < _DROP or not name or behind[name] > _BEHIND:
        return
    yield Finding(
        "slow-second-moment",
        name,
        f"the gradient fell to 1/{drop:.0f} at step {step}, and its average did not follow.",
        "Lower b2 by a factor of ten in 1 - b2, such as 0.99 for 0.999.",
        "the average of squared gradients is that of an earlier phase, so that the steps are too small.",
        (("square_ratio", behind[name]), ("step", step), ("factor", float(drop))),
        Edit(with_faster_second_moment),
    )


def _sudden_fall(norms: Series) -> tuple[int, float]:
    """The step after which the gradient fell the most within ten steps, and the factor that lasted."""
    usual = rolling(norms, 5)
    drops = usual[:-5] / np.maximum(usual[5:], 1e-30)
    inside = slice(_PHASE, len(norms) - _PHASE)
    step = _PHASE + int(drops[inside].argmax()) + 1
    before, after = np.median(norms[step - _PHASE : step]), np.median(norms[step : step + _PHASE])
    return step, float(min(drops[step - 1], before / max(after, 1e-30)))
