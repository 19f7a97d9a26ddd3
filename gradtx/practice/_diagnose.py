"""Diagnosis: the faults that show in the history of a training, most urgent first."""

from typing import Any

import numpy as np

from gradtx.core import Findings, Params, as_transformation
from gradtx.practice._faults_of_batches import exploding_batches, no_signal, not_finite, overfit
from gradtx.practice._faults_of_decay import decay_masks
from gradtx.practice._faults_of_groups import dead_groups, frozen_groups, slow_second_moment, stuck_groups
from gradtx.practice._faults_of_rate import oscillation, rate_too_high, rate_too_low
from gradtx.practice._history import History
from gradtx.practice._signs import Signs
from gradtx.tree import abstract, outline

_BY_URGENCY = (
    oscillation,
    rate_too_high,
    not_finite,
    exploding_batches,
    frozen_groups,
    stuck_groups,
    dead_groups,
    slow_second_moment,
    decay_masks,
    overfit,
    rate_too_low,
    no_signal,
)
"""Each makes its findings from the signs. An earlier fault may be the cause of a later one."""


def diagnose(history: History, validation: Any = None, tx: Any = None, params: Params = None) -> Findings:
    """The faults that show in a training, most urgent first.

    It reads the loss, the series of `vitals`, and the validation. Each finding has the symptom, the likely
    cause, the evidence (numbers, steps, groups) and a remedy; `finding.apply(tx)` is the optimizer with it.
    A remedy is the first thing to try, and not proven to help.

    | name | symptom | remedy |
    |---|---|---|
    | `oscillation` | updates that undo each other | half the rate |
    | `rate-too-high` | steps of 9% of the weights, or a loss of twice the first one | a lower rate |
    | `no-warmup` | such steps at the beginning alone | a warmup |
    | `not-finite` | a NaN or an infinity | `guard` |
    | `exploding-batches` | single gradients ten times as long as those around them | `clip_by_global_norm` |
    | `frozen-group` | a group with gradients and without updates | no freeze |
    | `stuck-in-16-bits` | half of the weights do not move | `round_stochastically` |
    | `dead-group` | a matrix without gradients | a warmup, and new parameters |
    | `slow-second-moment` | an average of squares that is that of an earlier phase | a lower `b2` |
    | `wrong-mask`, `decay-on-norms` | a decay of the wrong leaves; needs `tx` and `params` | the usual mask |
    | `overfit` | a validation that rises while the loss falls | more decay, or an average |
    | `rate-too-low` | weights that hardly move while the loss falls | a higher rate |
    | `noise-bound` | a noisy loss that stands, with gradients that do not agree | `accumulate` |
    | `shuffled-labels` | such a loss without noise | a look at the data |

    Args:
      history: the history of one training, with a series `loss`; `train(..., monitor=vitals())` makes one.
      validation: losses on other data, at equal distances; by default the series `validation`.
      tx: the optimizer, for the masks of its decay.
      params: the parameters or their shapes, for the names of leaves and for the masks.

    Raises:
      TypeError: for anything but a history.
      ValueError: for the history of several members, or without a loss.

    >>> import jax.numpy as jnp
    >>> from gradtx import sgd
    >>> history = History({"loss": jnp.array([2.0, 1.0, jnp.nan, jnp.nan])})
    >>> (finding,) = diagnose(history)
    >>> print(finding.name, finding.text, finding.apply(sgd(0.1)).max_deviations, sep="; ")
    not-finite; the loss or a gradient is not finite at step 3 of 4.; 6.0
    """
    if not isinstance(history, History):  # pyright: ignore[reportUnnecessaryIsInstance] - a user errs
        raise TypeError(
            f"diagnose takes a History, as in History({{'loss': losses}}), got {outline(history)}."
        )
    if history.members:
        raise ValueError(
            f"diagnose takes the history of one training, and this one has members of shape "
            f"{history.members}: give history.member(0)."
        )
    history["loss"]  # an error that lists the names
    known = None if tx is None else as_transformation(tx)
    signs = Signs(history, validation, known, None if params is None else abstract(params))
    kinds = _BY_URGENCY if signs.end else (not_finite,)
    with np.errstate(all="ignore"):
        return Findings(finding for find in kinds for finding in find(signs))
