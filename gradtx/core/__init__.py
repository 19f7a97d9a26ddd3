"""The protocol: values, schedules, transformations and their combinations."""

from gradtx.core._annotations import (
    OptState,
    Params,
    TransformInitFn,
    TransformUpdateExtraArgsFn,
    TransformUpdateFn,
    Updates,
)
from gradtx.core._apply import apply_updates, incremental_update, moved_to as moved_to, periodic_update
from gradtx.core._basic import identity, init_empty_state, stateless, stateless_with_tree_map
from gradtx.core._chain import as_transformations as as_transformations, chain, named_chain
from gradtx.core._contents import by_value as by_value
from gradtx.core._documentation import args_of as args_of, document as document
from gradtx.core._fields import hyperparameter, nested, static, whole_number as whole_number
from gradtx.core._joins import add, divide, multiply, subtract
from gradtx.core._reading import (
    all_in as all_in,
    eval_params,
    hyperparams,
    summary,
    table as table,
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
    safe_increment,
    safe_int32_increment,
    schedule_from,
    zero_count as zero_count,
)
from gradtx.core._transformation import (
    EmptyState,
    GradientTransformation,
    GradientTransformationExtraArgs,
    ScaleByScheduleState,
    ScheduledState,
    as_transformation,
    with_extra_args_support,
)
from gradtx.core._value import (
    Value as Value,
    is_unvalidated as is_unvalidated,
    without_validation as without_validation,
)
from gradtx.core._wrapper import Part as Part, Wrapper

__all__ = [
    "EmptyState",
    "GradientTransformation",
    "GradientTransformationExtraArgs",
    "Number",
    "OptState",
    "Params",
    "Rule",
    "ScalarOrSchedule",
    "ScaleByScheduleState",
    "Schedule",
    "ScheduledState",
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
    "hyperparameter",
    "hyperparams",
    "identity",
    "incremental_update",
    "init_empty_state",
    "multiply",
    "named_chain",
    "nested",
    "periodic_update",
    "replace",
    "safe_increment",
    "safe_int32_increment",
    "schedule_from",
    "stateless",
    "stateless_with_tree_map",
    "static",
    "subtract",
    "summary",
    "with_extra_args_support",
]
