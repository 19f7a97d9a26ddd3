"""Wrappers: transformations that contain others, and functions that make and read them."""

from gradtx.wrappers._accumulate import (
    ApplyEvery,
    MultiSteps,
    MultiStepsState,
    ShouldSkipUpdateFunction,
    accumulate,
    apply_every,
)
from gradtx.wrappers._average_measure import measure_with_ema
from gradtx.wrappers._average_params import AverageParamsState, average_params, stochastic_weight_average
from gradtx.wrappers._cautious import cautious
from gradtx.wrappers._complex import SplitRealAndImaginaryState, split_real_and_imaginary
from gradtx.wrappers._conditional import (
    ConditionallyMaskState,
    ConditionallyTransformState,
    ConditionFn as ConditionFn,
    conditionally_mask,
    conditionally_transform,
)
from gradtx.wrappers._finite import (
    ApplyIfFiniteState,
    all_finite,
    apply_if_finite,
    first_not_finite as first_not_finite,
)
from gradtx.wrappers._flatten import flatten
from gradtx.wrappers._galore import GaLoreDimensionNumbers, GaLoreState, scale_by_galore
from gradtx.wrappers._graft import graft
from gradtx.wrappers._group_scale import layerwise_decay, scale_by_group
from gradtx.wrappers._guard import GuardState, guard
from gradtx.wrappers._leaf_table import leaf_table
from gradtx.wrappers._lookahead import LookaheadState, lookahead
from gradtx.wrappers._loss_scale import DynamicLossScaleState, dynamic_loss_scale
from gradtx.wrappers._masked import MaskedState, freeze, masked
from gradtx.wrappers._measures import (
    StatefulMeasure as StatefulMeasure,
    by_group,
    exceeds,
    gradient_norm,
    unmoved_share,
    update_norm,
    update_ratio,
)
from gradtx.wrappers._mechanic import MechanicState, mechanize
from gradtx.wrappers._monitor import MonitorState, metrics, monitor
from gradtx.wrappers._partition import (
    MultiTransformState,
    PartitionState,
    multi_transform,
    partition,
    selective_transform,
)
from gradtx.wrappers._quantized import QuantizedState, quantized, unquantized
from gradtx.wrappers._round_stochastically import RoundStochasticallyState, round_stochastically
from gradtx.wrappers._sam import SAMState, sam
from gradtx.wrappers._sam_with_adversary import SAMWithAdversaryState, sam_with_adversary
from gradtx.wrappers._schedule_free import ScheduleFreeState, schedule_free, schedule_free_eval_params
from gradtx.wrappers._skip import skip_large_updates, skip_not_finite
from gradtx.wrappers._snapshot import SnapshotState, snapshot
from gradtx.wrappers._split_params import SplitParamsState, split_params

__all__ = [
    "ApplyEvery",
    "ApplyIfFiniteState",
    "AverageParamsState",
    "ConditionallyMaskState",
    "ConditionallyTransformState",
    "DynamicLossScaleState",
    "GaLoreDimensionNumbers",
    "GaLoreState",
    "GuardState",
    "LookaheadState",
    "MaskedState",
    "MechanicState",
    "MonitorState",
    "MultiSteps",
    "MultiStepsState",
    "MultiTransformState",
    "PartitionState",
    "QuantizedState",
    "RoundStochasticallyState",
    "SAMState",
    "SAMWithAdversaryState",
    "ScheduleFreeState",
    "ShouldSkipUpdateFunction",
    "SnapshotState",
    "SplitParamsState",
    "SplitRealAndImaginaryState",
    "accumulate",
    "all_finite",
    "apply_every",
    "apply_if_finite",
    "average_params",
    "by_group",
    "cautious",
    "conditionally_mask",
    "conditionally_transform",
    "dynamic_loss_scale",
    "exceeds",
    "flatten",
    "freeze",
    "gradient_norm",
    "graft",
    "guard",
    "layerwise_decay",
    "leaf_table",
    "lookahead",
    "masked",
    "measure_with_ema",
    "mechanize",
    "metrics",
    "monitor",
    "multi_transform",
    "partition",
    "quantized",
    "round_stochastically",
    "sam",
    "sam_with_adversary",
    "scale_by_galore",
    "scale_by_group",
    "schedule_free",
    "schedule_free_eval_params",
    "selective_transform",
    "skip_large_updates",
    "skip_not_finite",
    "snapshot",
    "split_params",
    "split_real_and_imaginary",
    "stochastic_weight_average",
    "unmoved_share",
    "unquantized",
    "update_norm",
    "update_ratio",
]
