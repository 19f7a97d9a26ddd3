"""The import times of gradtx and Optax after `import jax`: `python -m benchmarks.import_time [RUNS]`.

New interpreters import them in turn, so that a change of the machine's speed affects all equally.
"""

import os
import re
import subprocess
import sys
from statistics import median

LINE = re.compile(r"import time:\s+(?P<own>\d+) \|\s+(?P<total>\d+) \|(?P<module> +\S+)")


def microseconds(statement: str) -> dict[str, int]:
    """The cumulative import time of each module that `statement` imports."""
    command = [sys.executable, "-X", "importtime", "-c", statement]
    # Without stored bytecode each run would compile gradtx, but not the installed JAX.
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": ""}
    trace = subprocess.run(command, check=True, capture_output=True, text=True, env=environment).stderr
    return {line["module"].strip(): int(line["total"]) for line in LINE.finditer(trace)}


def main(runs: int) -> None:
    microseconds("import gradtx; import optax")  # writes the bytecode
    jax: list[float] = []
    added: dict[str, list[float]] = {"gradtx": [], "optax": []}
    for _ in range(runs):
        jax.append(microseconds("import jax")["jax"] / 1000)
        for library, times in added.items():  # JAX is already imported
            times.append(microseconds(f"import jax; import {library}")[library] / 1000)
    ours, theirs = map(median, added.values())
    print(f"import jax     {median(jax):7.1f} ms")
    print(f"gradtx adds    {ours:7.1f} ms")
    print(f"optax adds     {theirs:7.1f} ms")
    print(f"ratio          {ours / theirs:7.3f}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 7)
