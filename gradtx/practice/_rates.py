"""The learning rates of an optimizer: their fields, and the same optimizer at other rates."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.tree_util import keystr

from gradtx.core import (
    GradientTransformation,
    OptState,
    Schedule,
    all_in,
    constant_schedule,
    fields_of,
    members,
    replace,
)
from gradtx.rules import scale
from gradtx.tree import Path, entry_name, is_called, outline

_COUNTS = np.unique(np.round(np.append(np.arange(1024.0), 2.0 ** np.arange(10, 22, 0.01)))).astype(np.int32)
"""Counts at which the peak of a schedule is looked for: neighbors differ by 1, or by less than 1%."""


class Fields(NamedTuple):
    """The fields in which the learning rates of an optimizer stand: their name, and the path of each."""

    name: str
    paths: tuple[str, ...]


class Rates(NamedTuple):
    """The learning rates of an optimizer: their fields, and the signed peak of each.

    The largest one is `reference`; the others follow it in proportion.
    """

    fields: Fields
    peaks: tuple[float, ...]

    @property
    def reference(self) -> float:
        """The size of the largest peak."""
        return max(map(abs, self.peaks))

    @property
    def differ(self) -> bool:
        """Whether there are several rates, of different size."""
        return len(set(map(abs, self.peaks))) > 1


def rates_of(tx: GradientTransformation) -> Rates:
    """The learning rates of an optimizer.

    They are the fields called `learning_rate`; in an optimizer without one, the `step_size` of its only
    `scale`. A schedule counts with its largest value.

    Raises:
      ValueError: for an optimizer without such a field; for one that finds the size of its steps itself; for
        rates that are all 0; for a schedule without a largest value; for a stack.
    """
    if members(tx):
        raise ValueError("lr_range_test takes one optimizer, got a stack: test unstack(tx)[0].")
    for part in all_in(tx):
        if part.finds_rate:
            raise ValueError(f"lr_range_test: {type(part).__name__} has no rate to find: {part.finds_rate}.")
    found = _fields(tx)
    fields = Fields(entry_name(found[0][0][-1]), tuple(keystr(path) for path, _ in found))
    rates = Rates(fields, tuple(_peak(path, held) for path, held in found))
    if not rates.reference:
        raise ValueError("lr_range_test: the learning rate is 0. Give any other one, such as 1e-3.")
    return rates


def at_rates(tx: GradientTransformation, fields: Fields, sizes: Array) -> GradientTransformation:
    """`tx` with these sizes for its rates. A schedule becomes a constant one, so that the state fits."""
    new = zip(_fields(tx), fields.paths, sizes, strict=True)
    return replace(tx, **{path: _like(held, size) for (_, held), path, size in new})


def scaled_to(tx: GradientTransformation, rates: Rates, rate: float) -> GradientTransformation:
    """`tx` with its largest rate at `rate` and the others in proportion; a schedule keeps its shape."""
    new: dict[str, Any] = {}
    for (_, held), path, peak in zip(_fields(tx), rates.fields.paths, rates.peaks, strict=True):
        shaped = isinstance(held, Schedule) and not isinstance(held, constant_schedule)
        factor = rate / rates.reference
        new[path] = factor * held if shaped else _like(held, rate * (peak / rates.reference))
    return replace(tx, **new)


def _like(held: Any, size: Any) -> Any:
    return constant_schedule(size) if isinstance(held, Schedule) else size


def written(state: OptState, initial: OptState, fields: Fields, factor: Any) -> OptState:
    """`state` with `factor` times the rates that `inject` and `inject_hyperparams` put in the first state."""

    def leaf(path: Path, held: Any, first: Any) -> Any:
        names = [entry_name(entry) for entry in path]
        injected = names[-2:-1] == ["hyperparams"] and names[-1].rpartition(".")[2] == fields.name
        return (factor * first).astype(held.dtype) if injected else held

    return jax.tree_util.tree_map_with_path(leaf, state, initial)


def _fields(tx: GradientTransformation) -> list[tuple[Path, Any]]:
    """The path and the value of each learning rate."""
    fields = list(fields_of(tx))
    if found := [(path, held) for path, held in fields if is_called(path, "learning_rate")]:
        return found
    scales = [path for path, held in fields if isinstance(held, scale)] + [()] * isinstance(tx, scale)
    found = [(path, held) for path, held in fields if path[:-1] in scales]
    if len(found) == 1:
        return found
    raise ValueError(
        f"lr_range_test: {outline(tx)} has no field called learning_rate, and {len(found)} fields step_size. "
        "End the chain with scale_by_learning_rate(1e-3).\n"
        "A transformation of another library hides its numbers: give it without its rate, as in "
        "chain(optax.scale_by_adam(), gradtx.scale_by_learning_rate(1e-3))."
    )


def _peak(path: Path, held: Any) -> float:
    """A number, or the value of a schedule with the largest size."""
    if not isinstance(held, Schedule | float | np.generic):
        raise ValueError(
            f"lr_range_test: {keystr(path)} is {outline(held)}, whose values depend on a state. Test the "
            "optimizer with a number in its place."
        )
    if not isinstance(held, Schedule):
        return float(held)
    values = _values(held)
    if not np.isfinite(values).all():
        raise ValueError(f"lr_range_test: the schedule {keystr(path)} has values that are not finite.")
    return float(values[np.abs(values).argmax()])


def _values(schedule: Callable[[Any], Any]) -> Any:
    # The counts are mapped: a function of the user need not accept an array of them.
    return np.asarray(jax.jit(jax.vmap(schedule))(jnp.asarray(_COUNTS)), float)
