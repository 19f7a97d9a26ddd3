"""Edits of an optimizer: the remedies of `diagnose`, each a function from an optimizer to another one."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from gradtx.core import GradientTransformation, Schedule, all_in, as_transformation, chain
from gradtx.practice._rates import rates_of, scaled_to
from gradtx.rules import add_decayed_weights, clip_by_global_norm, scale_by_rms, set_to_zero
from gradtx.schedules import join_schedules, linear_schedule
from gradtx.selection import except_bias_norm_embedding
from gradtx.tree import outline
from gradtx.wrappers import average_params, masked, partition


class Edit(NamedTuple):
    """A function of an optimizer and further arguments, as a value."""

    change: Callable[..., GradientTransformation]
    arguments: tuple[Any, ...] = ()

    def __call__(self, tx: Any) -> GradientTransformation:
        return self.change(as_transformation(tx), *self.arguments)


def edited(
    tx: GradientTransformation, change: Callable[[GradientTransformation], GradientTransformation]
) -> GradientTransformation:
    """`tx` with a change of each transformation in it, the inner ones first.

    Raises:
      ValueError: where nothing changes.
    """
    new = _edited(tx, change)
    if new == tx:
        raise ValueError(f"{outline(tx)} has no part that this remedy changes.")
    return new


def _edited(tx: Any, change: Callable[[Any], Any]) -> Any:
    fields = [field.name for field in tx._fields if field.metadata.get("nested")]
    held = {name: tx.__dict__[name] for name in fields}
    new = {
        name: tuple(_edited(part, change) for part in value)
        if isinstance(value, tuple)
        else _edited(value, change)
        for name, value in held.items()
    }
    return change(tx if new == held else tx.with_fields(**new))


def with_rate(tx: GradientTransformation, factor: float) -> GradientTransformation:
    """The learning rate, or the peak of each schedule, times a factor."""
    rates = rates_of(tx)
    return scaled_to(
        tx, rates, float(np.format_float_positional(rates.reference * factor, 3, fractional=False))
    )


def with_warmup(tx: GradientTransformation, steps: int) -> GradientTransformation:
    """A linear warmup before each learning rate."""

    def warmed(part: Any) -> Any:
        rate = part.__dict__.get("learning_rate")
        if rate is None:
            return part
        first = rate(0) if isinstance(rate, Schedule) else rate
        ramp = linear_schedule(0.0, float(first), steps)
        return part.with_fields(
            learning_rate=join_schedules([ramp, rate], [steps]) if isinstance(rate, Schedule) else ramp
        )

    return edited(tx, warmed)


def with_clip(tx: GradientTransformation, max_norm: float) -> GradientTransformation:
    """The gradient is clipped to a norm."""
    return chain(clip_by_global_norm(max_norm), tx)


def with_average(tx: GradientTransformation) -> GradientTransformation:
    """The parameters to evaluate are an average of those of the last steps."""
    return average_params(tx, decay=0.99)


def thawed(tx: GradientTransformation) -> GradientTransformation:
    """Nothing is frozen: `freeze` is left out, and a group that stands still trains like another one."""

    def thaw(part: Any) -> Any:
        if isinstance(part, masked) and isinstance(part.inner, set_to_zero):
            return chain()
        if not isinstance(part, partition):
            return part
        moving = [own for own in part.transformations if not isinstance(own, set_to_zero)]
        new = (own if own in moving else moving[0] for own in part.transformations)
        return part.with_fields(transformations=tuple(new)) if moving else part

    return edited(tx, thaw)


def with_usual_mask(tx: GradientTransformation) -> GradientTransformation:
    """Weight decay of the matrices alone, by `except_bias_norm_embedding`."""

    def mask(part: Any) -> Any:
        if not isinstance(part, add_decayed_weights):
            return part
        return part.with_fields(mask=part.converted("mask", except_bias_norm_embedding))

    return edited(tx, mask)


def with_decay(tx: GradientTransformation, factor: float) -> GradientTransformation:
    """Each weight decay times a factor; where there is none, an average of the parameters instead."""
    decays = [part for part in all_in(tx) if isinstance(part, add_decayed_weights)]
    if not any(
        not isinstance(part.weight_decay, Schedule) and float(part.weight_decay) > 0 for part in decays
    ):
        return with_average(tx)

    def decayed(part: Any) -> Any:
        if not isinstance(part, add_decayed_weights):
            return part
        return part.with_fields(weight_decay=part.converted("weight_decay", factor * part.weight_decay))

    return edited(tx, decayed)


def with_faster_second_moment(tx: GradientTransformation) -> GradientTransformation:
    """A tenth of the memory of the squared gradient: `b2` of 0.999 becomes 0.99."""

    def faster(part: Any) -> Any:
        name = "decay" if isinstance(part, scale_by_rms) else "b2"
        decay = part.__dict__.get(name)
        if decay is None or isinstance(decay, Schedule):
            return part
        return part.with_fields(
            **{name: part.converted(name, max(0.9, round(1 - 10 * (1 - float(decay)), 6)))}
        )

    return edited(tx, faster)
