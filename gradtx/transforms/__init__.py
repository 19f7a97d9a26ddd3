"""Transformations: one concept of optimization a file."""

from gradtx.transforms.adam_scaling import ScaleByAdamState, scale_by_adam
from gradtx.transforms.adaptive_clipping import adaptive_grad_clip
from gradtx.transforms.amsgrad_scaling import ScaleByAmsgradState, scale_by_amsgrad
from gradtx.transforms.averages import EmaState, FirstMomentState, ema, first_moment
from gradtx.transforms.clipping import (
    clip,
    clip_by_block_norm,
    clip_by_block_rms,
    clip_by_global_norm,
)
from gradtx.transforms.debiasing import BiasCorrectionState, bias_correction
from gradtx.transforms.elementwise import sign, sqrt, square
from gradtx.transforms.heavy_ball import TraceState, trace
from gradtx.transforms.rms_scaling import (
    ScaleByRmsState,
    ScaleByRmsWithCountState,
    ScaleByRStdDevState,
    ScaleByRStdDevWithCountState,
    scale_by_rms,
    scale_by_stddev,
)
from gradtx.transforms.rss_scaling import ScaleByRssState, scale_by_rss
from gradtx.transforms.scaling import scale, scale_by_learning_rate, scale_by_schedule
from gradtx.transforms.squares import (
    AccumulateSquaresState,
    RunningMaxState,
    SecondMomentState,
    accumulate_squares,
    running_max,
    second_moment,
)
from gradtx.transforms.weight_decay import (
    add_decayed_weights,
    except_bias_norm_embedding,
    l2_regularization,
)

__all__ = [
    "AccumulateSquaresState",
    "BiasCorrectionState",
    "EmaState",
    "FirstMomentState",
    "RunningMaxState",
    "ScaleByAdamState",
    "ScaleByAmsgradState",
    "ScaleByRStdDevState",
    "ScaleByRStdDevWithCountState",
    "ScaleByRmsState",
    "ScaleByRmsWithCountState",
    "ScaleByRssState",
    "SecondMomentState",
    "TraceState",
    "accumulate_squares",
    "adaptive_grad_clip",
    "add_decayed_weights",
    "bias_correction",
    "clip",
    "clip_by_block_norm",
    "clip_by_block_rms",
    "clip_by_global_norm",
    "ema",
    "except_bias_norm_embedding",
    "first_moment",
    "l2_regularization",
    "running_max",
    "scale",
    "scale_by_adam",
    "scale_by_amsgrad",
    "scale_by_learning_rate",
    "scale_by_rms",
    "scale_by_rss",
    "scale_by_schedule",
    "scale_by_stddev",
    "second_moment",
    "sign",
    "sqrt",
    "square",
    "trace",
]
