"""The picture of the page on debugging: `python -m benchmarks.diagnosis_picture`.

Each panel is a training with a planted fault: its loss, a healthy loss, and the measure that shows the fault.
"""

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from benchmarks.clinic import TASKS, Patient, run
from benchmarks.diagnosis import random_of
from benchmarks.faults import FAULTS, adamw
from gradtx.practice import History

GREY, BLUE, ORANGE = "#a0aec0", "#2b6cb0", "#dd6b20"
OUT = Path(__file__).parent / "results" / "diagnosis.png"

MEASURES = {
    "not-finite": "gradient_norm",
    "rate-too-high": "update_ratio",
    "no-warmup": "update_ratio",
    "exploding-batches": "gradient_norm",
    "oscillation": "update_cosine",
    "rate-too-low": "update_ratio",
    "stuck-in-16-bits": "unmoved_share",
    "frozen-group": "update_norm",
    "dead-group": "idle_share",
    "slow-second-moment": "square_ratio",
    "noise-bound": "gradient_cosine",
    "shuffled-labels": "gradient_cosine",
    "overfit": "validation",
    "decay-on-norms": "scale_rms",
}
"""The measure of each fault, in the order of the page."""

LINEAR = {"update_cosine", "gradient_cosine", "unmoved_share", "idle_share", "scale_rms"}


def draw(axes: plt.Axes, fault: str, history: History, well: History) -> None:
    """The panel of a fault: losses on the left axis, its measure by group on the right one."""
    axes.plot(well["loss"], color=GREY, linewidth=0.8)
    axes.plot(history["loss"], color=BLUE, linewidth=0.8)
    axes.set(title=f"{fault}: {MEASURES[fault]}", yscale="log")
    right = axes.twinx()
    groups = [name for name in history.names if name.partition(".")[0] == MEASURES[fault]]
    for name in groups:
        right.plot(history.steps(name), np.asarray(history[name]), color=ORANGE, linewidth=0.8)
    right.set_yscale("linear" if MEASURES[fault] in LINEAR else "symlog", **_scale(MEASURES[fault]))
    axes.tick_params(labelsize=7)
    right.tick_params(labelsize=7, colors=ORANGE)


def _scale(measure: str) -> dict[str, float]:
    return {} if measure in LINEAR else {"linthresh": 1e-4}


def main() -> None:
    well = run(Patient(TASKS["classification"](random_of("picture")), adamw(0.01)))
    plt.rcParams.update(
        {"figure.constrained_layout.use": True, "axes.titlesize": 8, "axes.spines.top": False}
    )
    figure, panels = plt.subplots(5, 3, figsize=(10, 11), sharex=True)
    for axes, fault in zip(panels.flat, MEASURES, strict=False):
        patient = FAULTS[fault](random_of("picture", fault), TASKS["classification"])
        draw(axes, fault, run(patient), well)
    panels.flat[-1].axis("off")
    figure.savefig(OUT, dpi=90)


if __name__ == "__main__":
    main()
