"""Planted faults, healthy trainings and divergences, diagnosed: `python -m benchmarks.diagnosis [--draws N]`.

Each fault is planted in two tasks, with numbers drawn from the seed; healthy are five optimizers on four
tasks. The divergences are trainings whose learning rate grows by a constant factor until the loss is three
times that of the first steps; the diagnosis gets the history that ends five steps before.
"""

import argparse
import json
import zlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jax
import numpy as np

import gradtx
from benchmarks.__main__ import machine
from benchmarks.clinic import OPTIMIZERS, STEPS, TASKS, Patient, Random, run
from benchmarks.faults import FAULTS, between
from gradtx.practice import History, diagnose

PLANTED_IN = ("classification", "sequences")
HEALTHY_RATES = {"momentum": 0.03, "rmsprop": 0.01, "adamw": 0.015, "lion": 0.004, "muon": 0.02}
RISE, LEAD = 3.0, 5


def random_of(*names: Any) -> Random:
    """A generator for a patient, of its names and the seed."""
    return np.random.default_rng([zlib.crc32(str(name).encode()) for name in names])


def named_first(fault: str, task: str, seed: Any) -> tuple[str, ...]:
    """The names of the findings on a planted fault."""
    patient = FAULTS[fault](random_of(fault, task, seed), TASKS[task])
    params = patient.task.params if patient.params is None else patient.params
    return tuple(finding.name for finding in diagnose(run(patient), tx=patient.tx, params=params))


def healthy(optimizer: str, task: str, seed: Any) -> tuple[str, ...]:
    """The names of the findings on a healthy training: a warmup, then a cosine or a constant rate."""
    random = random_of("healthy", optimizer, task, seed)
    peak = HEALTHY_RATES[optimizer] * between(random, 0.5, 1.5)
    end = float(random.choice([0, peak]))
    schedule = gradtx.warmup_cosine_decay_schedule(0.0, peak, STEPS // 10, STEPS, end)
    patient = Patient(TASKS[task](random), OPTIMIZERS[optimizer](schedule))
    return tuple(f.name for f in diagnose(run(patient), tx=patient.tx, params=patient.task.params))


def warned(number: int, seed: Any) -> tuple[int, tuple[str, ...]]:
    """The step of a divergence, and the names of the findings five steps before."""
    random = random_of("divergence", number, seed)
    task = TASKS[("classification", "regression")[number % 2]](random)
    make = (gradtx.momentum, gradtx.adamw)[number // 2 % 2]
    tx = make(gradtx.exponential_decay(1e-3, 1, between(random, 1.03, 1.06)))
    history = run(Patient(task, tx))
    loss = np.asarray(history["loss"])
    diverged = ~(loss <= RISE * loss[:10].mean())
    step = int(diverged.argmax()) if diverged.any() else STEPS
    before = {name: history[name][: step - LEAD] for name in history.names if history.interval(name) == 1}
    return step, tuple(finding.name for finding in diagnose(History(before), tx=tx))


def confusion(found: dict[str, list[str]]) -> Iterator[str]:
    """A line of a table in Markdown for each fault: the names that came first, and how often."""
    yield "| planted | named first | of |"
    yield "|---|---|---:|"
    for fault, names in found.items():
        counted = ", ".join(f"`{name}` {count}" for name, count in Counter(names).most_common())
        yield f"| `{fault}` | {counted} | {len(names)} |"


def main() -> None:
    """Runs all, and writes the figures."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.diagnosis", description=__doc__)
    add, default = parser.add_argument, "default: %(default)s"
    add("--draws", type=int, default=2, help=f"of each fault in each task; {default}")
    add("--seed", type=int, default=100, help=default)
    add("--out", type=Path, default=Path("benchmarks/results"), help=f"a folder for the figures; {default}")
    options = parser.parse_args()
    seeds = range(options.seed, options.seed + options.draws)
    found: dict[str, list[str]] = {}
    for fault in FAULTS:
        each = [named_first(fault, task, seed) for task in PLANTED_IN for seed in seeds]
        found[fault] = [(*names, "nothing")[0] for names in each]
        print(fault, found[fault], flush=True)
        jax.clear_caches()
    alarms = {f"{o}, {t}": healthy(o, t, options.seed) for t in TASKS for o in OPTIMIZERS}
    print({name: names for name, names in alarms.items() if names}, flush=True)
    warnings = [warned(number, options.seed) for number in range(10)]
    print(warnings, flush=True)
    results = {"machine": machine(), "found": found, "healthy": alarms, "divergences": warnings}
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "diagnosis.json").write_text(json.dumps(results, indent=1) + "\n")
    (options.out / "diagnosis.md").write_text("\n".join(report(found, alarms, warnings)) + "\n")


def report(found: dict[str, list[str]], alarms: dict[str, Any], warnings: list[Any]) -> Iterator[str]:
    """The figures in Markdown."""
    first = sum(names.count(fault) for fault, names in found.items())
    yield from confusion(found)
    yield ""
    yield f"Named first: {first} of {sum(map(len, found.values()))}."
    wrong = [f"{run} ({', '.join(names)})" for run, names in alarms.items() if names]
    yield f"Healthy trainings with a finding: {len(wrong)} of {len(alarms)}. {'; '.join(wrong)}".rstrip()
    steps = ", ".join(str(step + 1) for step, _ in warnings)
    yield (
        f"Divergences with a finding {LEAD} steps before: {sum(bool(names) for _, names in warnings)} of "
        f"{len(warnings)}, at the steps {steps}."
    )


if __name__ == "__main__":
    main()
