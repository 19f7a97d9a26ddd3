"""The task of a training: its loss, its evaluation and its batches, and the checks of what is given."""

from collections.abc import Iterable
from itertools import islice
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.tree_util import keystr, tree_leaves_with_path

from gradtx.core import GradientTransformation, whole_number
from gradtx.searches import as_argument
from gradtx.tree import listed

PROVIDED = frozenset({"params", "value", "grad", "value_fn", "obj_fn", "grad_fn"})
"""The arguments that a training and a range test have for an optimizer that needs them."""


class Task(NamedTuple):
    """A loss with its data, and the function that evaluates parameters: a tree of arrays."""

    loss: Any
    evaluate: Any
    batches: Any

    @property
    def length(self) -> int:
        """The number of batches."""
        return jax.tree.leaves(self.batches)[0].shape[0]


def as_task(loss_fn: Any, eval_fn: Any, batches: Any, steps: int) -> Task:
    """The loss, the evaluation and the batches as the arguments of a compiled program.

    Raises:
      ValueError: for batches without a leading axis of one length.
    """
    batches = _stacked(batches, steps) if _is_iterator(batches) else batches
    lengths = {keystr(path): jnp.shape(leaf)[:1] for path, leaf in tree_leaves_with_path(batches)}
    if len(set(lengths.values())) != 1 or () in lengths.values() or (0,) in lengths.values():
        shown = (f"{path or 'the array'}: {n[0] if n else 'a number'}" for path, n in lengths.items())
        raise ValueError(
            "batches: every array has a leading axis of steps, of one length in all of them, got "
            f"{listed(shown, most=4) or 'no array'}.\nGive a tree of arrays, such as (inputs, targets) of "
            "the shapes (steps, batch, ...), or an iterator over batches."
        )
    return Task(as_argument(loss_fn), None if eval_fn is None else as_argument(eval_fn), batches)


def _is_iterator(batches: Any) -> bool:
    is_leaf = jax.tree_util.all_leaves([batches]) and not hasattr(batches, "shape")
    return is_leaf and isinstance(batches, Iterable)


def _stacked(batches: Iterable[Any], steps: int) -> Any:
    """The first batches of an iterator as one tree."""
    taken = list(islice(batches, steps))
    if not taken:
        raise ValueError("batches: the iterator gives none. A generator can be read once.")
    return jax.tree.map(lambda *leaves: jnp.stack(leaves), *taken)


def rounds_of(steps: Any, every: Any) -> tuple[int, int]:
    """The number of steps, and of steps in a round.

    Raises:
      ValueError: for steps that are no whole number of rounds.
    """
    steps = whole_number("steps", steps, 1)
    every = steps if every is None else whole_number("every", every, 1)
    if steps % every:
        raise ValueError(f"every: {steps} steps are no whole number of rounds of {every}.")
    return steps, every


def chunk_of(batch_size: Any) -> int | None:
    """The number of members at the same time; `None` for all."""
    return None if batch_size is None else whole_number("batch_size", batch_size, 1)


def require_arguments(who: str, tx: GradientTransformation) -> None:
    """Raises for an optimizer that needs an argument which no training has; `who` is the caller's name."""
    if missing := sorted(tx.needs - PROVIDED):
        raise ValueError(
            f"{who}: {type(tx).__name__} needs {listed(missing)} in update, which this loop does not pass. "
            f"It passes {', '.join(sorted(PROVIDED))}. Write the loop with jax.lax.scan."
        )
