"""The protocol: values, schedules, transformations and their combinations."""

from gradtx.core._annotations import (
    ArrayTree,
    OptState,
    Params,
    TransformInitFn,
    TransformUpdateExtraArgsFn,
    TransformUpdateFn,
    Updates,
)
from gradtx.core._apply import apply_updates, incremental_update, moved_to as moved_to, periodic_update
from gradtx.core._arguments import as_loss as as_loss, gone_array as gone_array
from gradtx.core._axes import require_axes as require_axes, require_axis_name as require_axis_name
from gradtx.core._basic import identity, init_empty_state, stateless, stateless_with_tree_map
from gradtx.core._bounds import whole_number as whole_number
from gradtx.core._chain import as_transformations as as_transformations, chain, named_chain
from gradtx.core._contents import by_value as by_value
from gradtx.core._counted import (
    AdaptiveGradClipState,
    AddDecayedWeightsState,
    ClipByGlobalNormState,
    ClipState,
    EmptyState,
    NonNegativeParamsState,
    NormalizeState as NormalizeState,
    ScaleByScheduleState,
    ScaleByTrustRatioState,
    ScaleState,
    ScheduledState,
)
from gradtx.core._counts import safe_increment, safe_int32_increment, zero_count as zero_count
from gradtx.core._documentation import args_of as args_of, document as document
from gradtx.core._fields import (
    decay_factor as decay_factor,
    hyperparameter,
    is_static as is_static,
    nested,
    static,
    storage_dtype as storage_dtype,
)
from gradtx.core._findings import Finding, Findings
from gradtx.core._joins import add, divide, multiply, subtract
from gradtx.core._keywords import checks_keywords as checks_keywords, refuse_unknown as refuse_unknown
from gradtx.core._lifting import GradientTransformationExtraArgs, as_transformation, with_extra_args_support
from gradtx.core._lint import lint, walk_with as walk_with
from gradtx.core._reading import (
    all_in as all_in,
    by_name as by_name,
    eval_params,
    has_failed,
    hyperparams,
    report,
    walk as walk,
)
from gradtx.core._replace import fields_of as fields_of, find as find, replace
from gradtx.core._rule import Rule
from gradtx.core._schedule import (
    Number,
    ScalarOrSchedule,
    Schedule,
    as_schedule as as_schedule,
    constant_schedule,
    schedule_from,
)
from gradtx.core._stacks import member, members, one_of as one_of, stack, state_axes, unstack
from gradtx.core._state_table import bytes_in_words as bytes_in_words, size_of as size_of, state_table
from gradtx.core._states import StateMismatchError
from gradtx.core._table import Table
from gradtx.core._tabulation import ScheduleTable
from gradtx.core._transformation import GradientTransformation
from gradtx.core._value import (
    Value as Value,
    concrete as concrete,
    is_unvalidated as is_unvalidated,
    without_validation as without_validation,
)
from gradtx.core._wrapper import Part as Part, Wrapper

__all__ = [
    "AdaptiveGradClipState",
    "AddDecayedWeightsState",
    "ArrayTree",
    "ClipByGlobalNormState",
    "ClipState",
    "EmptyState",
    "Finding",
    "Findings",
    "GradientTransformation",
    "GradientTransformationExtraArgs",
    "NonNegativeParamsState",
    "Number",
    "OptState",
    "Params",
    "Rule",
    "ScalarOrSchedule",
    "ScaleByScheduleState",
    "ScaleByTrustRatioState",
    "ScaleState",
    "Schedule",
    "ScheduleTable",
    "ScheduledState",
    "StateMismatchError",
    "Table",
    "TransformInitFn",
    "TransformUpdateExtraArgsFn",
    "TransformUpdateFn",
    "Updates",
    "Wrapper",
    "add",
    "apply_updates",
    "as_transformation",
    "chain",
    "constant_schedule",
    "divide",
    "eval_params",
    "has_failed",
    "hyperparameter",
    "hyperparams",
    "identity",
    "incremental_update",
    "init_empty_state",
    "lint",
    "member",
    "members",
    "multiply",
    "named_chain",
    "nested",
    "periodic_update",
    "replace",
    "report",
    "safe_increment",
    "safe_int32_increment",
    "schedule_from",
    "stack",
    "state_axes",
    "state_table",
    "stateless",
    "stateless_with_tree_map",
    "static",
    "subtract",
    "unstack",
    "with_extra_args_support",
]
