"""The plan of a training: the facts from which a recipe takes its numbers."""

import re
from collections.abc import Mapping
from math import prod, sqrt
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.tree_util import tree_flatten_with_path

from gradtx.core import whole_number
from gradtx.schedules import linear_schedule, linear_warmup_schedule, warmup_cosine_floor_schedule
from gradtx.selection import path_name
from gradtx.tree import is_inexact, listed, outline


class Plan(NamedTuple):
    """The size of the model, the length of the training, its batch, its own rate, and its new leaves."""

    size: int
    steps: int
    batch_size: float | None = None
    batch_tokens: float | None = None
    learning_rate: float | None = None
    new: str | None = None

    def rate(self, default: float) -> float:
        """The peak rate: the one that the caller gave, or the default with three digits."""
        return float(f"{default:.3g}") if self.learning_rate is None else self.learning_rate

    def warmup(self, share: float, most: float = np.inf) -> int:
        """The steps of a warmup: a share of all below one half, at most so many."""
        return int(min(round(share * self.steps), most))

    def cosine(self, peak: float, share: float, floor: float = 0.0, most: float = np.inf) -> Any:
        """A warmup, then a cosine down to a share of the peak."""
        return warmup_cosine_floor_schedule(peak, self.warmup(share, most), self.steps, floor)

    def linear(self, peak: float, share: float) -> Any:
        """A warmup, then a straight line to 0."""
        warmup = self.warmup(share)
        fall = linear_schedule(peak, 0.0, self.steps - warmup, warmup)
        return linear_warmup_schedule(warmup) * fall if warmup else fall

    def averaging(self, share: float, most: float = 1e4) -> float:
        """The decay of an average over a share of the steps, at most so many."""
        return float(f"{1 - 1 / min(max(share * self.steps, 1), most):.4g}")


def for_size(rate: float, at: float, size: float, most: float) -> float:
    r"""The rate for a model of another size: $\eta (N_0 / N)^{1/3}$, at most `most`.

    The exponent is that of the rates of GPT-3, from 125 million to 175 billion parameters.
    """
    return min(rate * (at / max(size, 1)) ** (1 / 3), most)


def for_steps(rate: float, at: float, steps: float, most: float) -> float:
    r"""The rate for a training of fewer steps: $\eta \sqrt{T_0 / T}$, at most `most`, and $\eta$ for more."""
    return min(rate * sqrt(max(at / steps, 1.0)), most)


def size_of(params: Any) -> int:
    """The number of parameters that can train, of arrays or of their shapes.

    Raises:
      ValueError: where there is none.
    """
    leaves = [leaf for leaf in jax.tree.leaves(params) if is_inexact(leaf)]
    if not leaves:
        raise ValueError(
            f"recipe: params has no array of floats, got {outline(params)}. Give the parameters, or their "
            "shapes as in jax.eval_shape(init, key)."
        )
    return sum(prod(jnp.shape(leaf)) for leaf in leaves)


def planned(params: Any, steps: Any, numbers: Mapping[str, Any], new: str | None = None) -> Plan:
    """The plan of these arguments.

    Raises:
      TypeError: for a number of another type.
      ValueError: for steps that are no whole number, for a number that is not above 0, and for a pattern that
        no path has.
    """
    for name, number in numbers.items():
        if number is not None and not (np.isreal(number) and np.ndim(number) == 0 and number > 0):
            raise ValueError(f"recipe: {name} must be a number above 0, got {outline(number)}.")
    paths = [path_name(path) for path, _ in tree_flatten_with_path(params)[0]]
    if new is not None and not any(re.search(new, path) for path in paths):
        raise ValueError(f"recipe: new={new!r} is in no path of params. There are {listed(paths, most=8)}.")
    return Plan(size_of(params), whole_number("recipe: steps", steps, 1), **numbers, new=new)
