"""Micro-batches inside of one step: functions of a batch, a part of it at a time."""

from gradtx.microbatching._accumulators import AccumulationType, Accumulator
from gradtx.microbatching._batches import reshape_batch_axis
from gradtx.microbatching._gradients import micro_grad, microbatched_value_and_grad
from gradtx.microbatching._microbatch import micro_vmap, microbatch

__all__ = [
    "AccumulationType",
    "Accumulator",
    "micro_grad",
    "micro_vmap",
    "microbatch",
    "microbatched_value_and_grad",
    "reshape_batch_axis",
]
