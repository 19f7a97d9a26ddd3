"""Rules: one concept of optimization a file, a transformation of updates."""

from gradtx.rules._acprop import scale_by_acprop
from gradtx.rules._adabelief import ScaleByBeliefState, scale_by_belief
from gradtx.rules._adadelta import ScaleByAdaDeltaState, scale_by_adadelta
from gradtx.rules._adafactor import FactoredState, scale_by_adafactor, scale_by_factored_rms
from gradtx.rules._adagrad import ScaleByRssState, scale_by_rss
from gradtx.rules._adam import ScaleByAdamState, scale_by_adam
from gradtx.rules._adamax import InfinityMomentState, infinity_moment, scale_by_adamax
from gradtx.rules._adan import ScaleByAdanState, scale_by_adan
from gradtx.rules._adaptive_clipping import adaptive_grad_clip, unitwise_clip, unitwise_norm
from gradtx.rules._ademamix import (
    ScaleByAdemamixState,
    ScaleBySimplifiedAdEMAMixState,
    scale_by_ademamix,
    scale_by_simplified_ademamix,
)
from gradtx.rules._adopt import scale_by_adopt
from gradtx.rules._amsgrad import ScaleByAmsgradState, scale_by_amsgrad
from gradtx.rules._averages import EmaState, FirstMomentState, ema, first_moment
from gradtx.rules._box import keep_params_nonnegative, project_box
from gradtx.rules._centralize import centralize
from gradtx.rules._clipping import clip, clip_by_block_norm, clip_by_block_rms, clip_by_global_norm
from gradtx.rules._cocob import COCOBState, scale_by_cocob
from gradtx.rules._correct_bias import BiasCorrectionState, correct_bias
from gradtx.rules._curvature import (
    GaussNewtonBartlettState,
    HutchinsonState,
    gauss_newton_bartlett,
    hutchinson_estimator_diag_hessian,
)
from gradtx.rules._dadapt import DAdaptAdamWState, scale_by_dadapt_adamw
from gradtx.rules._distance_over_gradients import (
    ScaleByDistanceOverGradientsState,
    scale_by_distance_over_gradients,
)
from gradtx.rules._dog import DoGState, DoWGState, scale_by_dog, scale_by_dowg
from gradtx.rules._elementwise import scale_by_sign, sign, soft_sign, sqrt, square
from gradtx.rules._estimates import (
    along_direction as along_direction,
    of_drawn_labels as of_drawn_labels,
)
from gradtx.rules._lamb import scale_by_lamb
from gradtx.rules._lars import scale_by_lars
from gradtx.rules._lbfgs import ScaleByLBFGSState, scale_by_lbfgs
from gradtx.rules._lion import ScaleByLionState, scale_by_lion
from gradtx.rules._madgrad import MadgradState, scale_by_madgrad
from gradtx.rules._mars import ScaleByMarsState, scale_by_mars
from gradtx.rules._matrix_shape import scale_by_matrix_shape
from gradtx.rules._momo import MomoAdamState, MomoState, scale_by_momo, scale_by_momo_adam
from gradtx.rules._muon import MuonState, scale_by_muon
from gradtx.rules._nadam import ScaleByNadamState, scale_by_nadam
from gradtx.rules._noise import AddNoiseState, add_noise
from gradtx.rules._norm_constraints import project_ball, project_simplex, project_sphere
from gradtx.rules._normalize import normalize, normalize_by_update_norm
from gradtx.rules._normuon import NeuronState, normalize_neurons
from gradtx.rules._novograd import ScaleByNovogradState, scale_by_novograd
from gradtx.rules._optimistic import ScaleByOptimisticGradientState, scale_by_optimistic_gradient
from gradtx.rules._orthogonalize import orthogonalize
from gradtx.rules._parameter_scale import scale_by_param_block_norm, scale_by_param_block_rms
from gradtx.rules._per_example import per_example_global_norm_clip, per_example_layer_norm_clip
from gradtx.rules._polyak import scale_by_polyak
from gradtx.rules._privacy import DifferentiallyPrivateAggregateState, differentially_private_aggregate
from gradtx.rules._prodigy import ProdigyState, scale_by_prodigy
from gradtx.rules._radam import scale_by_radam
from gradtx.rules._reduce_on_plateau import ReduceLROnPlateauState, reduce_on_plateau
from gradtx.rules._rmsprop import (
    ScaleByRmsState,
    ScaleByRmsWithCountState,
    ScaleByRStdDevState,
    ScaleByRStdDevWithCountState,
    scale_by_rms,
    scale_by_stddev,
)
from gradtx.rules._rotation import rotate_by_learning_rate
from gradtx.rules._rprop import ScaleByRpropState, scale_by_rprop
from gradtx.rules._scale import scale, scale_by_learning_rate, scale_by_schedule
from gradtx.rules._second_moment import (
    AccumulateSquaresState,
    RunningMaxState,
    SecondMomentState,
    accumulate_squares,
    running_max,
    second_moment,
)
from gradtx.rules._shampoo import ScaleByShampooState, scale_by_shampoo
from gradtx.rules._sm3 import ScaleBySM3State, scale_by_sm3
from gradtx.rules._soap import ScaleBySoapState, scale_by_soap
from gradtx.rules._sophia import SophiaState, scale_by_sophia
from gradtx.rules._trace import TraceState, trace
from gradtx.rules._trust_ratio import scale_by_trust_ratio
from gradtx.rules._weight_decay import add_decayed_weights, l2_regularization
from gradtx.rules._yogi import scale_by_yogi
from gradtx.rules._zero import ZeroNansState, set_to_zero, zero_nans

__all__ = [
    "AccumulateSquaresState",
    "AddNoiseState",
    "BiasCorrectionState",
    "COCOBState",
    "DAdaptAdamWState",
    "DifferentiallyPrivateAggregateState",
    "DoGState",
    "DoWGState",
    "EmaState",
    "FactoredState",
    "FirstMomentState",
    "GaussNewtonBartlettState",
    "HutchinsonState",
    "InfinityMomentState",
    "MadgradState",
    "MomoAdamState",
    "MomoState",
    "MuonState",
    "NeuronState",
    "ProdigyState",
    "ReduceLROnPlateauState",
    "RunningMaxState",
    "ScaleByAdaDeltaState",
    "ScaleByAdamState",
    "ScaleByAdanState",
    "ScaleByAdemamixState",
    "ScaleByAmsgradState",
    "ScaleByBeliefState",
    "ScaleByDistanceOverGradientsState",
    "ScaleByLBFGSState",
    "ScaleByLionState",
    "ScaleByMarsState",
    "ScaleByNadamState",
    "ScaleByNovogradState",
    "ScaleByOptimisticGradientState",
    "ScaleByRStdDevState",
    "ScaleByRStdDevWithCountState",
    "ScaleByRmsState",
    "ScaleByRmsWithCountState",
    "ScaleByRpropState",
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
    "per_example_global_norm_clip",
    "per_example_layer_norm_clip",
    "project_ball",
    "project_box",
    "project_simplex",
    "project_sphere",
    "reduce_on_plateau",
    "rotate_by_learning_rate",
    "running_max",
    "scale",
    "scale_by_acprop",
    "scale_by_adadelta",
    "scale_by_adafactor",
    "scale_by_adam",
    "scale_by_adamax",
    "scale_by_adan",
    "scale_by_ademamix",
    "scale_by_adopt",
    "scale_by_amsgrad",
    "scale_by_belief",
    "scale_by_cocob",
    "scale_by_dadapt_adamw",
    "scale_by_distance_over_gradients",
    "scale_by_dog",
    "scale_by_dowg",
    "scale_by_factored_rms",
    "scale_by_lamb",
    "scale_by_lars",
    "scale_by_lbfgs",
    "scale_by_learning_rate",
    "scale_by_lion",
    "scale_by_madgrad",
    "scale_by_mars",
    "scale_by_matrix_shape",
    "scale_by_momo",
    "scale_by_momo_adam",
    "scale_by_muon",
    "scale_by_nadam",
    "scale_by_novograd",
    "scale_by_optimistic_gradient",
    "scale_by_param_block_norm",
    "scale_by_param_block_rms",
    "scale_by_polyak",
    "scale_by_prodigy",
    "scale_by_radam",
    "scale_by_rms",
    "scale_by_rprop",
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
    "unitwise_clip",
    "unitwise_norm",
    "zero_nans",
]
