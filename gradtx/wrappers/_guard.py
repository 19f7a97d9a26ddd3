"""Guarding: bad batches are kept from the optimizer, counted, and located."""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from gradtx.arithmetic import AxisName, complement, multiply_by, over_shards
from gradtx.core import (
    GradientTransformation,
    Number,
    OptState,
    Params,
    Updates,
    Wrapper,
    as_loss,
    decay_factor,
    hyperparameter,
    nested,
    safe_increment,
    static,
    zero_count,
)
from gradtx.tree import map_leaves, narrowed, norm
from gradtx.wrappers._branching import increment_if, keep_if, run_if, update_if, zeros_of
from gradtx.wrappers._finite import all_finite, first_not_finite, leaf_name
from gradtx.wrappers._spikes import Statistics, no_statistics


class GuardState(NamedTuple):
    """The state of `guard`: its counts, its statistics, and the inner state."""

    count: Any
    accepted: Array
    skipped: Array
    clipped: Array
    consecutive: Array
    bad_leaf: Array
    norm: Statistics
    loss: Statistics | None
    inner_state: OptState

    def metrics(self) -> dict[str, Any]:
        """The numbers of updates that were skipped and clipped."""
        return {"skipped": self.skipped, "clipped": self.clipped}

    def report(self, params: Params = None) -> str:
        """The numbers of updates skipped and clipped, and the leaf that was not finite last.

        Raises:
          ValueError: for the states of several optimizers in one.
        """
        if np.ndim(self.skipped) > 0:
            raise ValueError(
                f"guard: this is the state of several optimizers, of shape {np.shape(self.skipped)}. Report "
                "on one: report(jax.tree.map(lambda leaf: leaf[0], state), params)."
            )
        words = (
            f"{self.skipped} of {self.count} updates skipped, {self.consecutive} in a row; "
            f"{self.clipped} clipped."
        )
        if self.bad_leaf < 0:
            return words
        return f"{words} Last not finite: {leaf_name(params, int(self.bad_leaf))}."


class guard(Wrapper, state=GuardState, counts=("count",)):
    r"""Keeps bad batches from an optimizer: those that are not finite, and those far above the usual.

    A batch is *not finite* if the update, the square of the gradient's norm or that of the loss is not
    finite: the variances below are squares, and overflow in float32 at about 1e19. A batch is a *spike* if
    either number lies more than `max_deviations` standard deviations above its running mean,

    $$z_t = \frac{x_t - m_{t-1}}{s_{t-1}}, \qquad m_t = d\,m_{t-1} + (1 - d)\,x_t, \qquad
      s_t^2 = d\,s_{t-1}^2 + (1 - d)\,(x_t - m_t)^2$$

    and by more than a thousandth of the mean, since a constant number has the deviation 0. The statistics
    include accepted batches alone, so that a bad batch does not make the next one look normal.

    A batch that is not finite is skipped: the updates are zero, and no state of the inner transformation
    changes. A spike of the loss is skipped too. A spike of the norm is skipped, or, with `on_spike="clip"`,
    shortened as in ZClip to the norm $m + (z_\text{max}^2 / z)\,s$, which then enters the statistics.

    **State**: `GuardState(count, accepted, skipped, clipped, consecutive, bad_leaf, norm, loss,
    inner_state)`: int32 counts, the last of them of skipped batches in a row; `bad_leaf`, the index of the
    first leaf that was not finite in the last batch with one, in int32 (an index into the parameters, or
    into the gradients if `update` gets no parameters; -1 before there is such a batch); the running means and
    variances in float32. `report(state, params)` puts it into words.

    **Raises** `ValueError` for a loss that is not one number.

    **Reference**: Kumar et al. (2025), *ZClip: Adaptive Spike Mitigation for LLM Pre-Training*,
    arXiv:2504.02507, for the statistics and the clipping, with $d = 0.97$, $z_\text{max} = 2.5$ and 25
    steps of warmup.

    >>> import jax.numpy as jnp
    >>> from gradtx import sgd
    >>> tx, params = guard(sgd(0.5)), {"kernel": jnp.ones(2), "bias": jnp.zeros(1)}
    >>> gradients = {"kernel": jnp.array([1.0, jnp.nan]), "bias": jnp.zeros(1)}
    >>> updates, state = tx.update(gradients, tx.init(params), params)
    >>> updates["kernel"]
    Array([0., 0.], dtype=float32)
    >>> print(tx.report(state, params))
    1 of 1 updates skipped, 1 in a row; 0 clipped. Last not finite: ['kernel'].
    """

    inner: GradientTransformation = nested(
        state="inner_state", may_skip=True, doc="the transformation that gets good batches"
    )
    max_deviations: Number = hyperparameter(
        default=6.0, above=0.0, doc=r"$z_\text{max}$. `inf` turns the search for spikes off"
    )
    decay: Number = decay_factor(default=0.97, doc="$d$")
    warmup_steps: int = static(
        default=25,
        low=1,
        doc="the number of accepted batches in the first statistics; none of these batches is a spike",
    )
    on_spike: str = static(
        default="skip", choices=("skip", "clip"), doc="the response to a spike of the norm"
    )
    watch_loss: bool = static(
        default=False,
        needs={"value": bool},
        kw_only=True,
        doc="whether the loss is watched too; `update` then needs `value=`",
    )
    max_consecutive: int = static(
        default=10,
        low=0,
        kw_only=True,
        doc="the largest number of skipped batches in a row with which `has_failed` is false",
    )
    axis_name: AxisName = static(
        default=None,
        kw_only=True,
        doc=(
            "inside `jax.shard_map`, the mesh axes over which the gradients are split: all shards share one "
            "decision and one report, by the norm over all of them and the mean of their losses"
        ),
    )

    couples_leaves = True

    def init(self, params: Params) -> GuardState:
        return GuardState(
            count=zero_count(),
            accepted=zero_count(),
            skipped=zero_count(),
            clipped=zero_count(),
            consecutive=zero_count(),
            bad_leaf=jnp.full((), -1, jnp.int32),
            norm=no_statistics(),
            loss=no_statistics() if self.watch_loss else None,
            inner_state=self.inner.init(params),
        )

    def apply(
        self, updates: Updates, state: GuardState, params: Params = None, **extra: Any
    ) -> tuple[Updates, GuardState]:
        length = norm(updates, axis_name=self.axis_name).astype(float)
        loss = self._mean_loss(extra["value"]) if self.watch_loss else jnp.zeros((), float)
        finite, clips, accepts, shorter = self._judged(length, loss, state)
        clipped = self._clipped(updates, clips, length, shorter)
        changed, inner = update_if(accepts, self.inner, clipped, state.inner_state, params, extra)
        returned = narrowed(changed, updates, params)
        applicable = all_finite(returned, self.axis_name)
        changed, inner = keep_if(applicable, (changed, inner), (zeros_of(changed), state.inner_state))
        # A finite batch takes no second pass.
        found = self._first_fault(finite, updates, applicable, returned, params)
        finite, clips, accepts = finite & applicable, clips & applicable, accepts & applicable
        return changed, GuardState(
            count=safe_increment(state.count),
            accepted=increment_if(accepts, state.accepted),
            skipped=increment_if(~accepts, state.skipped),
            clipped=increment_if(clips, state.clipped),
            consecutive=jnp.where(accepts, 0, safe_increment(state.consecutive)),
            bad_leaf=jnp.where(finite, state.bad_leaf, found),
            norm=self._absorb(accepts, shorter, state.norm, state.accepted),
            loss=self._absorb(accepts, loss, state.loss, state.accepted) if state.loss else None,
            inner_state=inner,
        )

    def has_failed(self, state: GuardState) -> Array:
        """Whether more than `max_consecutive` batches in a row were skipped, up to the last one."""
        return self.own_state(state).consecutive > self.max_consecutive

    def report(self, state: GuardState, params: Params = None) -> str:
        """The numbers of updates skipped and clipped, and the leaf that was not finite last.

        `gradtx.report(tx, state, params)` finds the guard inside of other transformations.

        Args:
          state: the state after an update.
          params: the tree with the names of the leaves: the parameters, or the gradients if `update` gets no
            parameters.

        Raises:
          ValueError: for the states of several optimizers in one.
        """
        return self.own_state(state).report(params)

    def _judged(self, length: Array, loss: Array, state: GuardState) -> tuple[Array, Array, Array, Array]:
        """Whether a batch is finite, is clipped and is accepted, and the norm that enters the statistics."""
        finite = jnp.isfinite(length * length) & jnp.isfinite(loss * loss)
        ready = finite & (state.accepted >= self.warmup_steps)
        is_spike, shortened = state.norm.compared(length, self.max_deviations)
        spike, loss_spike = ready & is_spike, jnp.zeros((), bool)
        if state.loss:
            loss_spike = ready & state.loss.compared(loss, self.max_deviations)[0]
        clips = spike & ~loss_spike if self.on_spike == "clip" else jnp.zeros((), bool)
        return finite, clips, finite & ~loss_spike & (clips | ~spike), jnp.where(clips, shortened, length)

    def _clipped(self, updates: Updates, clips: Array, length: Array, shorter: Array) -> Updates:
        """Updates that are shortened if they are a spike to clip."""
        if self.on_spike != "clip":
            return updates
        factor = jnp.where(clips, shorter, 1.0) / jnp.where(clips, length, 1.0)
        return map_leaves(multiply_by, updates, numbers=(factor,))

    def _first_fault(
        self, finite: Array, updates: Updates, applicable: Array, returned: Updates, params: Params
    ) -> Array:
        """The index of the first leaf that is not finite, in the gradients or in the returned updates."""

        def first_of(tree: Updates) -> Callable[[], Array]:
            return lambda: first_not_finite(tree, params, self.axis_name)

        return run_if(
            ~finite, first_of(updates), lambda _: run_if(~applicable, first_of(returned), jnp.zeros_like)
        )

    def _mean_loss(self, value: Any) -> Array:
        return over_shards(as_loss("guard", value), self.axis_name, jax.lax.pmean)

    def _absorb(self, accepts: Array, x: Array, usual: Statistics, seen: Array) -> Statistics:
        """The statistics with `x` in them if it is accepted; plain averages until the warmup is over."""
        begins = seen < self.warmup_steps
        weight = jnp.where(begins, 1.0 / (1.0 + seen.astype(float)), complement(self.decay))
        return jax.tree.map(partial(jnp.where, accepts), usual.with_value(x, weight, begins), usual)
