"""The learning-rate range test: a ramp from far too low to far too high, and runs at constant rates."""

import math
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from gradtx.core import Params, as_transformation, whole_number
from gradtx.practice._orders import as_tree, orders
from gradtx.practice._range_result import RangeTest
from gradtx.practice._range_sweep import end_of, sweep_rates
from gradtx.practice._rates import rates_of
from gradtx.practice._runs import loss_of, losses_of_runs
from gradtx.practice._task import require_arguments
from gradtx.tree import is_inexact, outline


def lr_range_test(
    loss_fn: Callable[[Any, Any], Any],
    params: Params,
    tx: Any,
    batches: Any,
    low: float = 1e-6,
    high: float = 10.0,
    steps: int = 200,
    seeds: int = 4,
) -> RangeTest:
    r"""Finds the learning rate of an optimizer from short runs at many rates.

    In the ramp the rate rises at every step, from `low` to `high` in $n$ steps:

    $$\eta_t = \eta_{\text{low}} \left(\frac{\eta_{\text{high}}}{\eta_{\text{low}}}\right)^{t / (n - 1)},
      \qquad t = 0, \dots, n - 1$$

    A rate far too low leaves the loss unchanged, a good one lets it fall, and one too high lets it rise. The
    ramp ends before the first loss that is not finite. Seven runs of $n$ steps follow, at constant rates half
    a decade apart, from a hundredth of the rate at the least loss to ten times it. The rate at which they end
    lowest is the answer. Each seed is another order of the batches; all runs begin at `params`, which stay
    unchanged, and are calls of one compiled program.

    The rate is the field `learning_rate` of `tx`, at any depth. In its place stands a number in the runs, for
    a schedule too: a warmup would be a factor of the ramp. The result scales the schedule, which keeps its
    shape, so that its largest value is the rate that was found. Of several rates, such as those of the groups
    of `partition`, the axis is the largest one, and the others stay in proportion. An optimizer without a
    field `learning_rate` may have one `scale`, whose factor is then the rate.

    Args:
      loss_fn: a function of parameters and a batch that returns the loss, a number, or a pair of the loss and
        anything else. Randomness is a key in the batch.
      params: the parameters to begin with.
      tx: the optimizer. With `accumulate` a step is one micro-batch.
      batches: a tree of arrays with a leading axis, an entry for each batch, or an iterator, from which
        `steps` batches are read. If there are fewer batches than steps, they come again.
      low: the first rate.
      high: the last rate.
      steps: the number $n$ of steps of each run, at least 20. A run of few steps prefers higher rates than a
        training does.
      seeds: the number of orders of the batches.

    Returns:
      The losses as a `RangeTest`, which prints a plot and the interval of the seeds. It has the tuned
      optimizer, or raises an error that says why there is no rate, where it is asked for one.

    Raises:
      ValueError: for an optimizer that finds the size of its steps itself, such as `dog` and `prodigy`, or
        that has no rate; for one that needs an argument of `update` other than the parameters, the loss, its
        gradient and its function; for rates that do not rise, for too few steps, and for batches or a loss of
        another form.

    **Reference**: Smith (2017), *Cyclical Learning Rates for Training Neural Networks*, arXiv:1506.01186,
    section 3.3, for the ramp. There the rate rises linearly.

    >>> import gradtx, jax.numpy as jnp
    >>> from gradtx import practice
    >>> def loss_fn(params, batch):
    ...     return jnp.sum((params - batch) ** 2)  # of curvature 2: rates above 1 diverge
    >>> batches = jnp.array([[1.0, 2.0], [3.0, 2.0], [2.0, 1.0], [2.0, 3.0]])
    >>> result = practice.lr_range_test(loss_fn, jnp.zeros(2), gradtx.sgd(1e-3), batches)
    >>> 0.01 < result.suggest() < 1.0
    True
    >>> result.optimizer == gradtx.sgd(result.suggest())
    True
    """
    tx = as_transformation(tx)
    rates = rates_of(tx)
    require_arguments("lr_range_test", tx)
    _require_ramp(low, high)
    steps = whole_number("lr_range_test: steps", steps, 20)
    seeds = whole_number("lr_range_test: seeds", seeds, 1)
    batches = as_tree(batches, steps)
    _require_loss(loss_fn, params, batches)
    params = jax.tree.map(lambda leaf: jnp.asarray(leaf) if is_inexact(leaf) else leaf, params)
    function, order = _hashable(loss_fn), orders(batches, steps, seeds)

    def losses(sizes: Any) -> Any:
        peaks, fields = np.asarray(rates.peaks), rates.fields
        return np.asarray(losses_of_runs(function, tx, params, batches, order, sizes, peaks, fields), float)

    ramp = np.geomspace(low, high, steps)
    result = RangeTest(tx, tuple(ramp.tolist()), tuple(map(_finite_part, losses(ramp))))
    if result.least is None:
        return result
    around = sweep_rates(result.least, low, high)
    ends = [end_of(losses(np.full(steps, rate))) for rate in around]
    return replace(result, sweep_rates=tuple(around), sweep_losses=tuple(zip(*ends, strict=True)))


def _hashable(loss_fn: Callable[..., Any]) -> Callable[..., Any]:
    """`loss_fn` as a static argument; a model with arrays, which has no hash, is hashed by its identity."""
    try:
        hash(loss_fn)
    except TypeError:
        return partial(loss_fn)
    return loss_fn


def _finite_part(losses: Any) -> tuple[float, ...]:
    """The losses before the first that is not finite."""
    return tuple(losses[: np.argmin([*np.isfinite(losses), False])].tolist())


def _require_ramp(low: float, high: float) -> None:
    if not 0 < low < high < math.inf:
        raise ValueError(f"lr_range_test: the rates must rise, 0 < low < high, got {low!r} and {high!r}.")


def _require_loss(loss_fn: Callable[[Any, Any], Any], params: Params, batches: Any) -> None:
    batch = jax.tree.map(lambda leaf: leaf[0], batches)
    loss = jax.eval_shape(lambda params, batch: loss_of(loss_fn, params, batch), params, batch)
    if not hasattr(loss, "shape") or loss.shape or not jnp.issubdtype(loss.dtype, jnp.floating):
        raise ValueError(
            "lr_range_test: loss_fn(params, batch) must return the loss, one floating-point number, or a "
            f"pair (loss, aux), got {outline(loss)}. Average it over the batch, as with jnp.mean."
        )
