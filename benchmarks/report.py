"""The figures as a table, a JSON file and a picture."""

import json
import platform
from collections.abc import Callable
from pathlib import Path
from typing import Any

Measured = dict[str, dict[str, float]]
"""From a library and a measure to a figure: seconds, bytes or a count."""

Results = dict[str, dict[str, Measured]]
"""From a tree and a work to the figures."""


def ratio(measured: Measured, measure: str, over: str = "optax", of: str = "gradtx") -> float | None:
    """The figure of one library over that of another one, if both have it."""
    try:
        return measured[of][measure] / measured[over][measure]
    except KeyError:
        return None


def stepper_over_eager(measured: Measured) -> float | None:
    """A step through the `Stepper` over an eager update of Optax, which does not apply the updates."""
    try:
        return measured["Stepper"]["step"] / measured["optax"]["eager update"]
    except KeyError:
        return None


RATIOS: dict[str, Callable[[Measured], float | None]] = {
    "step": lambda m: ratio(m, "step"),
    "trace and lower": lambda m: ratio(m, "trace and lower"),
    "trace, lower and compile": lambda m: ratio(m, "trace, lower and compile"),
    "eager update": lambda m: ratio(m, "eager update"),
    "Stepper over eager": stepper_over_eager,
    "Stepper, first call": lambda m: ratio(m, "first call", of="Stepper"),
}
"""The ratios of gradtx to Optax in the picture: gradtx is faster below 1."""


def columns(measured: Measured, triad: float) -> dict[str, str]:
    """The cells of a row, by heading."""
    ours = measured["gradtx"]
    speed = ours["least traffic"] / ours["step"]
    return {
        "step ms": f"{1000 * ours['step']:.1f}",
        "of triad": f"{speed / triad:.2f}",
        "optax": _number(ratio(measured, "step")),
        "fused": _number(ratio(measured, "step", "torch fused")),
        "foreach": _number(ratio(measured, "step", "torch foreach")),
        "temp MB": f"{ours['temporary bytes'] / 1e6:.2f}",
        "optax's": f"{measured['optax']['temporary bytes'] / 1e6:.1f}",
        "copies": f"{ours['copies']:.0f}",
        "optax's copies": f"{measured['optax']['copies']:.0f}",
        "trace+lower": _number(RATIOS["trace and lower"](measured)),
        "+compile": _number(RATIOS["trace, lower and compile"](measured)),
        "eager": _number(RATIOS["eager update"](measured)),
        "Stepper/eager": _number(RATIOS["Stepper over eager"](measured)),
        "Stepper first": _number(RATIOS["Stepper, first call"](measured)),
    }


def table(tree: str, results: dict[str, Measured], triad: float) -> str:
    """A row for each work: the time of gradtx, and its ratios to the times of the other libraries."""
    rows = {work: columns(measured, triad) for work, measured in results.items()}
    headings = list(next(iter(rows.values())))
    lines = [[tree, *headings], *([work, *row.values()] for work, row in rows.items())]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if index == 0 else cell.rjust(width)
            for index, (cell, width) in enumerate(zip(line, widths, strict=True))
        )
        for line in lines
    )


def write_markdown(path: Path, machine: dict[str, Any], results: Results) -> None:
    """The tables, for the documentation to include: two for each tree, each of the width of a page."""
    names = "processor", "device", "cores", "python", "jax", "optax", "torch"
    told = ", ".join(f"{name} {machine[name]}" for name in names if machine.get(name))
    parts = [f"Measured on: {told}. The triad moves {machine['triad'] / 1e9:.1f} GB a second."]
    for tree, works in results.items():
        rows = {work: columns(measured, machine["triad"]) for work, measured in works.items()}
        headings = list(next(iter(rows.values())))
        parts += [_markdown(tree, rows, some) for some in (headings[:PAGE], headings[PAGE:])]
    path.write_text("\n\n".join(parts) + "\n")


PAGE = 7
"""The number of columns, beside the name of the work, that a page has room for."""


def _markdown(tree: str, rows: dict[str, dict[str, str]], headings: list[str]) -> str:
    lines = [[tree, *headings], ["---"] * (1 + len(headings))]
    lines += [[work, *(row[heading] for heading in headings)] for work, row in rows.items()]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def write_json(path: Path, machine: dict[str, Any], results: Results) -> None:
    """The figures, with the machine."""
    path.write_text(json.dumps({"machine": machine, "results": results}, indent=1) + "\n")


def write_picture(path: Path, results: Results) -> None:
    """The ratios to Optax, a panel for each measure, a group of bars for each tree."""
    import matplotlib as mpl  # noqa: PLC0415 - only the picture needs it

    mpl.use("Agg")
    import matplotlib.pyplot as plt  # noqa: PLC0415

    figure, axes = plt.subplots(
        len(RATIOS), 1, figsize=(10, 2.2 * len(RATIOS)), sharex=True, layout="constrained"
    )
    works = list(dict.fromkeys(work for measured in results.values() for work in measured))
    width = 0.8 / len(works)
    for axis, (measure, of) in zip(axes, RATIOS.items(), strict=True):
        for index, work in enumerate(works):
            heights = [of(measured[work]) if work in measured else None for measured in results.values()]
            places = [place + (index - (len(works) - 1) / 2) * width for place in range(len(results))]
            axis.bar(places, [height or 0.0 for height in heights], width, label=work, color=f"C{index}")
        axis.axhline(1.0, color="black", linewidth=0.8)
        axis.set_ylabel("gradtx / Optax")
        axis.set_title(measure, loc="left")
        axis.spines[["top", "right"]].set_visible(False)
    axes[-1].set_xticks(range(len(results)), list(results))
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, ncols=5, fontsize=8, frameon=False, loc="outside upper center")
    figure.savefig(path, dpi=120)
    plt.close(figure)


def processor() -> str:
    """The name of the processor, if the system provides it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"
