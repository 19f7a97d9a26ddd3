"""Writes `docs/from_optax.md`: `python -m tests.peers.page`."""

from pathlib import Path

import optax

from gradtx.interop import LEFT_OUT
from tests.peers.optax_names import MODULES, Name, optax_names
from tests.peers.test_differences import listed_names

PAGE = Path(__file__).parents[2] / "docs" / "from_optax.md"
BEGINNING = f"""\
# From Optax

A script that uses Optax runs with `import gradtx as optax`. A name of Optax has its parameters, its defaults
and its state, and computes the same updates to rounding; [Differences from Optax](differences.md) lists every
exception. A run that was begun with Optax goes on: see [Checkpoints and resume](checkpoints.md).

Transformations of both libraries stand in each other's chains and wrappers. `optax.chain` passes extra
arguments, such as `value=`, to objects of Optax's own type alone: `gradtx.interop.to_optax(tx)` is one, also
for a trainer that asks for this type.

| with Optax | with gradtx |
|---|---|
| an optimizer is a pair of functions | a value: it prints, compares, hashes and pickles |
| `tx._replace(update=f)` | `GradientTransformation(tx.init, f)` |
| a class of `GradientTransformation` with two functions | `GradientTransformation(init, update)` |
| `inject_hyperparams(adam)(1e-3)` | the same; `inject(tx, "learning_rate")` takes any optimizer |
| `tree.get(state, "count")` | the same; `hyperparams(tx, state)` has the current values of schedules |

## Names

The public names of Optax {optax.__version__}, and of its development up to August 2026, that gradtx has under
the same name in the same module. Of those with a star [a table](differences.md) lists a difference.
"""


def row(module: str, names: list[Name], listed: set[str]) -> str:
    """The names of a module that gradtx has, marked where a table lists a difference."""
    here = sorted((name for name in names if name.ours is not None), key=lambda name: name.name)
    marked = [f"`{name.name}`" + "\\*" * bool({name.full, name.name} & listed) for name in here]
    return f"### `{'optax.' + module if module else 'optax'}`\n\n{', '.join(marked)}\n"


def page() -> str:
    """The text of the page."""
    names = list(optax_names())
    listed = listed_names()
    lines = [BEGINNING]
    lines += [row(module, [name for name in names if name.module == module], listed) for module in MODULES]
    lines += ["## Names that are left out\n", "| name | |", "|---|---|"]
    lines += [f"| `{name}` | {reason} |" for name, reason in sorted(LEFT_OUT.items())]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page())
