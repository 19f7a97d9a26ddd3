"""Showing what was measured: a table, a JSON file, a picture."""

import json
from pathlib import Path
from typing import Any

Results = dict[str, dict[str, dict[str, dict[str, float]]]]
"""From tree to work to library to measure to figure; seconds and bytes."""

TIMES = ("step", "eager update", "trace and lower", "compilation")


def ratio(measured: dict[str, dict[str, float]], measure: str) -> float:
    """gradtx's figure over Optax's."""
    return measured["gradtx"][measure] / measured["optax"][measure]


def table(tree: str, results: dict[str, dict[str, dict[str, float]]]) -> str:
    """A row for each work: gradtx's time, and its ratio to Optax's."""
    head = f"{tree:26}" + "".join(f"{measure:>24}" for measure in TIMES) + f"{'temporaries':>22}"
    rows = [head, " " * 26 + "       ms gradtx   ratio" * len(TIMES) + "    MB gradtx    Optax"]
    for work, measured in results.items():
        times = "".join(
            f"{1000 * measured['gradtx'][measure]:16.1f}{ratio(measured, measure):8.2f}" for measure in TIMES
        )
        ours, theirs = (measured[library]["temporary bytes"] / 1e6 for library in ("gradtx", "optax"))
        rows.append(f"{work:26}{times}{ours:13.2f}{theirs:9.2f}")
    return "\n".join(rows)


def write_json(path: Path, machine: dict[str, Any], results: Results) -> None:
    """The figures and the machine that they are of."""
    path.write_text(json.dumps({"machine": machine, "results": results}, indent=2) + "\n")


def write_picture(path: Path, results: Results) -> None:
    """The ratios to Optax, a panel for each measure, a group of bars for each tree."""
    import matplotlib as mpl  # noqa: PLC0415 - only the picture needs it

    mpl.use("Agg")
    import matplotlib.pyplot as plt  # noqa: PLC0415

    figure, axes = plt.subplots(
        len(TIMES), 1, figsize=(9, 2.4 * len(TIMES)), sharex=True, layout="constrained"
    )
    works = list(next(iter(results.values())))
    width = 0.8 / len(works)
    for axis, measure in zip(axes, TIMES, strict=True):
        for index, work in enumerate(works):
            heights = [ratio(measured[work], measure) for measured in results.values()]
            places = [place + (index - (len(works) - 1) / 2) * width for place in range(len(results))]
            axis.bar(places, heights, width, label=work)
        axis.axhline(1.0, color="black", linewidth=0.8)
        axis.set_ylabel("gradtx / Optax")
        axis.set_title(measure, loc="left")
        axis.spines[["top", "right"]].set_visible(False)
    axes[-1].set_xticks(range(len(results)), list(results))
    axes[0].legend(ncols=3, fontsize=8, frameon=False, loc="upper right")
    figure.savefig(path, dpi=120)
    plt.close(figure)
