"""Transformations: one concept of optimization a file."""

from gradtx.transforms._adabelief import ScaleByBeliefState, scale_by_belief
from gradtx.transforms._adadelta import ScaleByAdaDeltaState, scale_by_adadelta
from gradtx.transforms._adafactor import FactoredState, scale_by_adafactor, scale_by_factored_rms
from gradtx.transforms._adagrad import ScaleByRssState, scale_by_rss
from gradtx.transforms._adam import ScaleByAdamState, scale_by_adam
from gradtx.transforms._adamax import InfinityMomentState, infinity_moment, scale_by_adamax
from gradtx.transforms._adan import ScaleByAdanState, scale_by_adan
from gradtx.transforms._adaptive_clipping import adaptive_grad_clip
from gradtx.transforms._ademamix import (
    ScaleByAdemamixState,
    ScaleBySimplifiedAdEMAMixState,
    scale_by_ademamix,
    scale_by_simplified_ademamix,
)
from gradtx.transforms._adopt import scale_by_adopt
from gradtx.transforms._amsgrad import ScaleByAmsgradState, scale_by_amsgrad
from gradtx.transforms._averages import EmaState, FirstMomentState, ema, first_moment
from gradtx.transforms._box import keep_params_nonnegative, project_box
from gradtx.transforms._centralize import centralize
from gradtx.transforms._clipping import clip, clip_by_block_norm, clip_by_block_rms, clip_by_global_norm
from gradtx.transforms._correct_bias import BiasCorrectionState, correct_bias
from gradtx.transforms._curvature import (
    GaussNewtonBartlettState,
    HutchinsonState,
    gauss_newton_bartlett,
    hutchinson_estimator_diag_hessian,
)
from gradtx.transforms._elementwise import scale_by_sign, sign, soft_sign, sqrt, square
from gradtx.transforms._estimates import (
    along_direction as along_direction,
    of_drawn_labels as of_drawn_labels,
)
from gradtx.transforms._lamb import scale_by_lamb
from gradtx.transforms._lars import scale_by_lars
from gradtx.transforms._lion import ScaleByLionState, scale_by_lion
from gradtx.transforms._mars import ScaleByMarsState, scale_by_mars
from gradtx.transforms._matrix_shape import scale_by_matrix_shape
from gradtx.transforms._muon import MuonState, scale_by_muon
from gradtx.transforms._nadam import ScaleByNadamState, scale_by_nadam
from gradtx.transforms._noise import AddNoiseState, add_noise
from gradtx.transforms._norm_constraints import project_ball, project_simplex, project_sphere
from gradtx.transforms._normalize import normalize, normalize_by_update_norm
from gradtx.transforms._normuon import NeuronState, normalize_neurons
from gradtx.transforms._novograd import ScaleByNovogradState, scale_by_novograd
from gradtx.transforms._orthogonalize import orthogonalize
from gradtx.transforms._parameter_scale import scale_by_param_block_rms
from gradtx.transforms._privacy import DifferentiallyPrivateAggregateState, differentially_private_aggregate
from gradtx.transforms._prodigy import ProdigyState, scale_by_prodigy
from gradtx.transforms._radam import scale_by_radam
from gradtx.transforms._rmsprop import (
    ScaleByRmsState,
    ScaleByRmsWithCountState,
    ScaleByRStdDevState,
    ScaleByRStdDevWithCountState,
    scale_by_rms,
    scale_by_stddev,
)
from gradtx.transforms._scale import scale, scale_by_learning_rate, scale_by_schedule
from gradtx.transforms._second_moment import (
    AccumulateSquaresState,
    RunningMaxState,
    SecondMomentState,
    accumulate_squares,
    running_max,
    second_moment,
)
from gradtx.transforms._shampoo import ScaleByShampooState, scale_by_shampoo
from gradtx.transforms._sm3 import ScaleBySM3State, scale_by_sm3
from gradtx.transforms._soap import ScaleBySoapState, scale_by_soap
from gradtx.transforms._sophia import SophiaState, scale_by_sophia
from gradtx.transforms._trace import TraceState, trace
from gradtx.transforms._trust_ratio import scale_by_trust_ratio
from gradtx.transforms._weight_decay import add_decayed_weights, l2_regularization
from gradtx.transforms._yogi import scale_by_yogi
from gradtx.transforms._zero import ZeroNansState, set_to_zero, zero_nans

__all__ = [
    "AccumulateSquaresState",
    "AddNoiseState",
    "BiasCorrectionState",
    "DifferentiallyPrivateAggregateState",
    "EmaState",
    "FactoredState",
    "FirstMomentState",
    "GaussNewtonBartlettState",
    "HutchinsonState",
    "InfinityMomentState",
    "MuonState",
    "NeuronState",
    "ProdigyState",
    "RunningMaxState",
    "ScaleByAdaDeltaState",
    "ScaleByAdamState",
    "ScaleByAdanState",
    "ScaleByAdemamixState",
    "ScaleByAmsgradState",
    "ScaleByBeliefState",
    "ScaleByLionState",
    "ScaleByMarsState",
    "ScaleByNadamState",
    "ScaleByNovogradState",
    "ScaleByRStdDevState",
    "ScaleByRStdDevWithCountState",
    "ScaleByRmsState",
    "ScaleByRmsWithCountState",
    "ScaleByRssState",
    "ScaleBySM3State",
    "ScaleByShampooState",
    "ScaleBySimplifiedAdEMAMixState",
    "ScaleBySoapState",
    "SecondMomentState",
    "SophiaState",
    "TraceState",
    "ZeroNansState",
    "accumulate_squares",
    "adaptive_grad_clip",
    "add_decayed_weights",
    "add_noise",
    "centralize",
    "clip",
    "clip_by_block_norm",
    "clip_by_block_rms",
    "clip_by_global_norm",
    "correct_bias",
    "differentially_private_aggregate",
    "ema",
    "first_moment",
    "gauss_newton_bartlett",
    "hutchinson_estimator_diag_hessian",
    "infinity_moment",
    "keep_params_nonnegative",
    "l2_regularization",
    "normalize",
    "normalize_by_update_norm",
    "normalize_neurons",
    "orthogonalize",
    "project_ball",
    "project_box",
    "project_simplex",
    "project_sphere",
    "running_max",
    "scale",
    "scale_by_adadelta",
    "scale_by_adafactor",
    "scale_by_adam",
    "scale_by_adamax",
    "scale_by_adan",
    "scale_by_ademamix",
    "scale_by_adopt",
    "scale_by_amsgrad",
    "scale_by_belief",
    "scale_by_factored_rms",
    "scale_by_lamb",
    "scale_by_lars",
    "scale_by_learning_rate",
    "scale_by_lion",
    "scale_by_mars",
    "scale_by_matrix_shape",
    "scale_by_muon",
    "scale_by_nadam",
    "scale_by_novograd",
    "scale_by_param_block_rms",
    "scale_by_prodigy",
    "scale_by_radam",
    "scale_by_rms",
    "scale_by_rss",
    "scale_by_schedule",
    "scale_by_shampoo",
    "scale_by_sign",
    "scale_by_simplified_ademamix",
    "scale_by_sm3",
    "scale_by_soap",
    "scale_by_sophia",
    "scale_by_stddev",
    "scale_by_trust_ratio",
    "scale_by_yogi",
    "second_moment",
    "set_to_zero",
    "sign",
    "soft_sign",
    "sqrt",
    "square",
    "trace",
    "zero_nans",
]
