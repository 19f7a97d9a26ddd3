"""One instance of everything public that makes a transformation, and what the contract feeds it."""

import inspect
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import gradtx
from gradtx import GradientTransformation
from gradtx.tree import is_inexact, widened


def double(updates: Any, params: Any) -> Any:
    """A function of whole trees, for `stateless`."""
    return gradtx.scale(2.0).update(updates, gradtx.EmptyState())[0]


def leaf_sum(g: Any, p: Any) -> Any:
    """A function of leaves, for `stateless_with_tree_map`."""
    return g if p is None else g + p.astype(g.dtype)


def falling(count: Any) -> Any:
    """A plain function as a schedule."""
    return 0.5 / (1.0 + count.astype(float))


def by_rank(params: Any) -> Any:
    """A plain function of parameters as labels."""
    return jax.tree.map(lambda param: "matrix" if param.ndim > 1 else "other", params)


def identical(value: Any) -> Any:
    """A measure of an extra argument."""
    return value


def odd(step: Any) -> Any:
    """A condition on the step."""
    return step % 2 == 1


def half_square(params: Any) -> Any:
    """A loss whose Hessian is the identity."""
    leaves = [leaf.astype(widened(leaf.dtype)) for leaf in jax.tree.leaves(params) if is_inexact(leaf)]
    return jnp.asarray(sum(0.5 * jnp.sum(jnp.abs(leaf) ** 2) for leaf in leaves), float)


def two_logits(params: Any) -> Any:
    """A model that tells two classes apart, on one example."""
    logit = 0.1 * half_square(params)
    return jnp.stack([logit, -logit])


def count_init(params: Any) -> Any:
    """The state of a transformation made of two functions."""
    return {"calls": jnp.zeros((), jnp.int32)}


def count_update(updates: Any, state: Any, params: Any = None) -> Any:
    """Its update, which counts."""
    return updates, {"calls": state["calls"] + 1}


# The leaves of two axes. Their orthogonalization has two steps: each multiplies roundings by up to 8.
MATRICES = gradtx.by_path({"kernel|empty": True, "": False})

CASES: dict[str, GradientTransformation] = {
    "MultiSteps": gradtx.MultiSteps(gradtx.adam(0.1), 1, use_grad_mean=False),
    "accumulate": gradtx.accumulate(gradtx.adamw(falling), 2, weighted=True),
    "accumulate_squares": gradtx.accumulate_squares(0.2),
    "acprop": gradtx.acprop(falling, weight_decay=0.01, mask=gradtx.except_bias_norm_embedding),
    "adabelief": gradtx.adabelief(0.1),
    "adadelta": gradtx.adadelta(),
    "adafactor": gradtx.adafactor(min_dim_size_to_factor=2, momentum=0.9, weight_decay_rate=falling),
    "adagrad": gradtx.adagrad(0.1),
    "adam": gradtx.adam(0.1),
    "adam8bit": gradtx.adam8bit(0.1, formats={"mu": gradtx.formats.bfloat16(False)}, min_size=0),
    "adam_l2": gradtx.adam_l2(0.1, weight_decay=0.01),
    "adamax": gradtx.adamax(0.1),
    "adamaxw": gradtx.adamaxw(falling, weight_decay=0.01, mask=gradtx.except_bias_norm_embedding),
    "adamc": gradtx.adamc(
        falling, weight_decay=0.1, max_learning_rate=0.5, normalized=gradtx.except_bias_norm_embedding
    ),
    "adamw8bit": gradtx.adamw8bit(falling, mask=gradtx.except_bias_norm_embedding),
    "adamw": gradtx.adamw(falling, weight_decay=0.01, mask=gradtx.except_bias_norm_embedding),
    "adan": gradtx.adan(falling, weight_decay=0.01, mask=gradtx.except_bias_norm_embedding),
    "adaptive_grad_clip": gradtx.adaptive_grad_clip(0.01),
    "add": gradtx.add(gradtx.identity(), gradtx.trace(0.9)),
    "add_decayed_weights": gradtx.add_decayed_weights(falling, gradtx.by_path({"bias": False, "": True})),
    "add_noise": gradtx.add_noise(falling, 0.55, key=3),
    "ademamix": gradtx.ademamix(
        0.1, b3=0.99, alpha=gradtx.ademamix_alpha_schedule(5.0, 3), weight_decay=0.01
    ),
    "adopt": gradtx.adopt(0.1, nesterov=True, clip_value_fn=gradtx.linear_schedule(0.5, 1.0, 3)),
    "amsgrad": gradtx.amsgrad(0.1, mu_dtype=jnp.bfloat16),
    "apply_every": gradtx.apply_every(2),
    "apply_if_finite": gradtx.apply_if_finite(gradtx.adamw(falling), 2),
    "average_params": gradtx.average_params(gradtx.adam(falling), falling, start_step=0, every_k=2),
    "cocob": gradtx.cocob(falling, weight_decay=0.1, mask=gradtx.except_bias_norm_embedding),
    "correct_bias": gradtx.correct_bias(0.9, lookahead=1),
    "cautious": gradtx.cautious(gradtx.adam(falling)),
    "centralize": gradtx.centralize(),
    "chain": gradtx.chain(gradtx.trace(0.9), gradtx.chain(), gradtx.scale(0.1)),
    "clip": gradtx.clip(0.1),
    "clip_by_block_norm": gradtx.clip_by_block_norm(0.1),
    "clip_by_block_rms": gradtx.clip_by_block_rms(0.1),
    "clip_by_global_norm": gradtx.clip_by_global_norm(falling, nonfinite="zero"),
    "conditionally_mask": gradtx.conditionally_mask(gradtx.trace(0.9), odd),
    "conditionally_transform": gradtx.conditionally_transform(gradtx.scale_by_schedule(falling), odd),
    "differentially_private_aggregate": gradtx.differentially_private_aggregate(falling, 0.5, key=3),
    "dadapt_adamw": gradtx.dadapt_adamw(falling, estim_lr0=0.01, weight_decay=0.1),
    "dog": gradtx.dog(falling, ("distance", 0.1), weight_decay=0.1),
    "dowg": gradtx.dowg(falling, weight_decay=0.1, mask=gradtx.except_bias_norm_embedding),
    "dpsgd": gradtx.dpsgd(0.1, 1.0, 0.5, momentum=0.9),
    "divide": gradtx.divide(gradtx.identity(), gradtx.second_moment(), eps=0.1),
    "dynamic_loss_scale": gradtx.dynamic_loss_scale(gradtx.adamw(falling)),
    "ema": gradtx.ema(0.9),
    "first_moment": gradtx.first_moment(0.8, mu_dtype="float16"),
    "flatten": gradtx.flatten(gradtx.adamw(falling)),
    "freeze": gradtx.freeze(gradtx.by_path({"bias": True, "": False})),
    "fromage": gradtx.fromage(0.1),
    "galore": gradtx.galore(0.1, 2, 2, weight_decay=0.1, mask=gradtx.except_bias_norm_embedding),
    "graft": gradtx.graft(gradtx.momentum(falling), gradtx.adam(0.1)),
    "guard": gradtx.guard(gradtx.adam(0.1), falling, warmup_steps=1, on_spike="clip", watch_loss=True),
    "gauss_newton_bartlett": gradtx.gauss_newton_bartlett(random_seed=1),
    "hutchinson_estimator_diag_hessian": gradtx.hutchinson_estimator_diag_hessian(distribution="normal"),
    "identity": gradtx.identity(),
    "infinity_moment": gradtx.infinity_moment(0.9, eps=0.1),
    "inject": gradtx.inject(gradtx.adamw(falling), ("learning_rate", "b2"), "float32"),
    "inject_hyperparams": gradtx.inject_hyperparams(gradtx.adamw, "eps")(falling, b1=0.8),
    "inject_stateful_hyperparams": gradtx.inject_stateful_hyperparams(gradtx.sgd)(falling, momentum=0.9),
    "keep_params_nonnegative": gradtx.keep_params_nonnegative(),
    "l2_regularization": gradtx.l2_regularization(0.1),
    "layerwise_decay": gradtx.layerwise_decay(0.5, ["bias", ""]),
    "lamb": gradtx.lamb(falling, weight_decay=0.1, trust_ratio_mask=gradtx.except_bias_norm_embedding),
    "lars": gradtx.lars(0.1, 0.01, gradtx.by_path({"bias": False, "": True}), 0.1),
    "lbfgs": gradtx.lbfgs(0.5, 3, history_dtype="bfloat16"),
    "lion8bit": gradtx.lion8bit(0.1, formats={"mu": gradtx.formats.bfloat16()}, min_size=0),
    "lion": gradtx.lion(0.1, weight_decay=0.01, mask=gradtx.except_bias_norm_embedding),
    "madgrad": gradtx.madgrad(falling, weight_decay=0.01),
    "mars": gradtx.mars(0.1, weight_decay=0.01),
    "lookahead": gradtx.lookahead(gradtx.adamw(falling), 2, falling, reset_state=True, slow_dtype="bfloat16"),
    "masked": gradtx.masked(gradtx.adam(0.1), gradtx.by_path({"bias": False, "": True})),
    "momentum": gradtx.momentum(0.1),
    "mechanize": gradtx.mechanize(gradtx.adam(falling), s_init=0.01, num_betas=3),
    "momo": gradtx.momo(falling, weight_decay=0.1, adapt_lower_bound=True),
    "momo_adam": gradtx.momo_adam(falling, weight_decay=0.1),
    "monitor": gradtx.monitor(
        {
            "ratio": gradtx.by_group(gradtx.update_ratio, gradtx.by_path({"kernel": "k", "": "other"})),
            "clipped": gradtx.measure_with_ema(gradtx.exceeds(1.0), 0.9),
            "unmoved": gradtx.unmoved_share,
            "loss": identical,
        },
        gradtx.momentum(falling),
    ),
    "multi_transform": gradtx.multi_transform(
        {"matrix": gradtx.trace(0.9), "other": gradtx.adamw(falling)}, by_rank
    ),
    "multiply": gradtx.multiply(gradtx.identity(), gradtx.scale(2.0)),
    "muon": gradtx.muon(0.1, "polar_express", 2, weight_decay=0.1, consistent_rms=0.2),
    "nadam": gradtx.nadam(0.1, momentum_decay=None),
    "nadamw": gradtx.nadamw(0.1, weight_decay=0.01, mask=gradtx.except_bias_norm_embedding),
    "named_chain": gradtx.named_chain(("square", gradtx.square()), ("mean", gradtx.ema(0.9))),
    "nesterov": gradtx.nesterov(0.1),
    "noisy_sgd": gradtx.noisy_sgd(0.1),
    "normalize": gradtx.normalize(),
    "normalize_by_update_norm": gradtx.normalize_by_update_norm(falling),
    "novograd": gradtx.novograd(0.1, weight_decay=0.01),
    "normalize_neurons": gradtx.masked(gradtx.normalize_neurons(falling, eps=0.1), MATRICES),
    "normuon": gradtx.normuon(0.1, "polar_express", 2, weight_decay=0.1),
    "optimistic_adam": gradtx.optimistic_adam(0.1, 0.05, mu_dtype="bfloat16"),
    "optimistic_adam_v2": gradtx.optimistic_adam_v2(falling, beta=0.5, nesterov=False),
    "optimistic_gradient_descent": gradtx.optimistic_gradient_descent(falling, beta=0.5),
    "orthogonalize": gradtx.masked(gradtx.orthogonalize("polar_express", 2), MATRICES),
    "partition": gradtx.partition(
        {1: gradtx.sgd(falling), 0: gradtx.adam(0.1)}, gradtx.by_path({"bias|gain": 1, "": 0})
    ),
    "polyak_sgd": gradtx.polyak_sgd(falling, 0.5, variant="sps+"),
    "quantized": gradtx.quantized(
        gradtx.adamw(falling), {"mu": gradtx.formats.float32(), "nu": gradtx.formats.bfloat16()}, 0, key=1
    ),
    "radam": gradtx.radam(0.1),
    "prodigy": gradtx.prodigy(
        falling, estim_lr0=0.01, weight_decay=0.1, weight_decay_mask=gradtx.except_bias_norm_embedding
    ),
    "project_ball": gradtx.project_ball(falling),
    "project_box": gradtx.project_box(-0.1, falling),
    "project_simplex": gradtx.masked(
        gradtx.project_simplex(falling), gradtx.by_path({"bias": True, "": False})
    ),
    "project_sphere": gradtx.project_sphere(0.5, axis=-1),
    "reduce_on_plateau": gradtx.reduce_on_plateau(0.5, 1, cooldown=1, accumulation_size=2),
    "rmsprop": gradtx.rmsprop(0.1, centered=True, momentum=0.9, eps_in_sqrt=False),
    "rotate_by_learning_rate": gradtx.rotate_by_learning_rate(falling),
    "round_stochastically": gradtx.round_stochastically(gradtx.adamw(falling), key=1),
    "rprop": gradtx.rprop(0.1, backtracking=True),
    "running_max": gradtx.running_max(),
    "sam": gradtx.sam(gradtx.adam(0.1), falling, adaptive=True, eta=0.1),
    "sam_with_adversary": gradtx.sam_with_adversary(gradtx.adam(falling), gradtx.momentum(0.1)),
    "scale": gradtx.scale(-0.5),
    "scale_by_acprop": gradtx.scale_by_acprop(b1=falling, eps_root=1e-3),
    "scale_by_adadelta": gradtx.scale_by_adadelta(rho=falling, eps=0.01),
    "scale_by_adafactor": gradtx.scale_by_adafactor(clipping_threshold=falling, min_dim_size_to_factor=2),
    "scale_by_adam": gradtx.scale_by_adam(b1=falling, b2=0.99, nesterov=True),
    "scale_by_adamax": gradtx.scale_by_adamax(b1=falling, eps=0.0),
    "scale_by_adan": gradtx.scale_by_adan(b2=falling),
    "scale_by_ademamix": gradtx.scale_by_ademamix(b3=falling, alpha=2.0, mu_dtype="bfloat16"),
    "scale_by_adopt": gradtx.scale_by_adopt(b2=falling, mu_dtype="bfloat16", use_clipping=False),
    "scale_by_amsgrad": gradtx.scale_by_amsgrad(bias_correction_nu=False),
    "scale_by_backtracking_linesearch": gradtx.scale_by_backtracking_linesearch(5, store_grad=True),
    "scale_by_belief": gradtx.scale_by_belief(b1=falling, eps_root=1e-3, nesterov=True),
    "scale_by_cocob": gradtx.scale_by_cocob(falling),
    "scale_by_dadapt_adamw": gradtx.scale_by_dadapt_adamw(b1=falling, estim_lr0=0.1, bias_correction=True),
    "scale_by_dog": gradtx.scale_by_dog(falling, kind="learning_rate"),
    "scale_by_dowg": gradtx.scale_by_dowg(0.01, falling),
    # In a chain: what it wraps gets no parameters, unlike that of other wrappers.
    "scale_by_galore": gradtx.chain(gradtx.scale_by_galore(1, 2, falling, gradtx.trace(0.9))),
    "scale_by_group": gradtx.scale_by_group({"bias": falling, "": 0.5}),
    "scale_by_distance_over_gradients": gradtx.scale_by_distance_over_gradients(0.01, 0.1, None, falling),
    "scale_by_factored_rms": gradtx.scale_by_factored_rms(min_dim_size_to_factor=2, axes=(-2, -1)),
    "scale_by_lamb": gradtx.scale_by_lamb(b1=falling, weight_decay=0.1, mu_dtype="bfloat16"),
    "scale_by_lars": gradtx.scale_by_lars(falling, trust_coefficient=0.1),
    "scale_by_lbfgs": gradtx.scale_by_lbfgs(2, history_dtype="bfloat16"),
    "scale_by_learning_rate": gradtx.scale_by_learning_rate(0.1, flip_sign=False),
    "scale_by_lion": gradtx.scale_by_lion(b1=falling, mu_dtype="bfloat16"),
    "scale_by_madgrad": gradtx.scale_by_madgrad(0.1, falling, 0.01),
    "scale_by_mars": gradtx.scale_by_mars(gamma=falling, max_norm=0.5, mu_dtype="bfloat16"),
    "scale_by_matrix_shape": gradtx.masked(gradtx.scale_by_matrix_shape("spectral"), MATRICES),
    "scale_by_momo": gradtx.scale_by_momo(0.1, lower_bound=falling),
    "scale_by_momo_adam": gradtx.scale_by_momo_adam(0.1, falling, adapt_lower_bound=True),
    "scale_by_muon": gradtx.masked(
        gradtx.scale_by_muon(ns_steps=2, beta=falling, mu_dtype="bfloat16"), MATRICES
    ),
    "scale_by_nadam": gradtx.scale_by_nadam(b2=falling, momentum_decay=1.0, mu_dtype="bfloat16"),
    "scale_by_novograd": gradtx.scale_by_novograd(b1=falling, weight_decay=0.1, mu_dtype="bfloat16"),
    "scale_by_optimistic_gradient": gradtx.scale_by_optimistic_gradient(falling),
    "scale_by_param_block_norm": gradtx.scale_by_param_block_norm(0.1),
    "scale_by_param_block_rms": gradtx.scale_by_param_block_rms(0.1),
    "scale_by_polyak": gradtx.scale_by_polyak(0.1, falling, 0.01),
    "scale_by_radam": gradtx.scale_by_radam(b1=falling, nesterov=True),
    "scale_by_prodigy": gradtx.scale_by_prodigy(
        estim_lr0=0.01, growth_rate=1.5, bias_correction=True, safeguard_warmup=True
    ),
    "scale_by_rms": gradtx.scale_by_rms(bias_correction=True, initial_scale=1.0),
    "scale_by_rprop": gradtx.scale_by_rprop(0.1, max_step_size=falling),
    "scale_by_rss": gradtx.scale_by_rss(0.0, eps=0.0),
    "scale_by_schedule": gradtx.scale_by_schedule(falling),
    "scale_by_shampoo": gradtx.masked(gradtx.scale_by_shampoo(falling, eps=0.1, update_interval=2), MATRICES),
    "scale_by_sign": gradtx.scale_by_sign(),
    "scale_by_simplified_ademamix": gradtx.scale_by_simplified_ademamix(0.9, alpha=falling),
    "scale_by_sm3": gradtx.scale_by_sm3(b2=falling, average=False),
    "scale_by_soap": gradtx.masked(
        gradtx.scale_by_soap(b1=falling, eps=0.1, update_interval=2, max_size=4, mu_dtype="bfloat16"),
        MATRICES,
    ),
    "scale_by_sophia": gradtx.scale_by_sophia(
        b1=falling, clip_threshold=0.5, update_interval=2, mu_dtype="bfloat16"
    ),
    "scale_by_stddev": gradtx.scale_by_stddev(eps=0.01, bias_correction=True),
    "scale_by_trust_ratio": gradtx.scale_by_trust_ratio(eps=0.1, norm_bounds=(0.5, 10.0)),
    "scale_by_yogi": gradtx.scale_by_yogi(b1=falling, initial_accumulator_value=0.1, bias_correction=False),
    "scale_by_zoom_linesearch": gradtx.scale_by_zoom_linesearch(5, falling, approx_dec_rtol=None),
    "schedule_free": gradtx.schedule_free(gradtx.sgd(falling), falling, b1=0.5, state_dtype="bfloat16"),
    "schedule_free_adamw": gradtx.schedule_free_adamw(
        warmup_steps=2, weight_decay=0.1, mask=gradtx.except_bias_norm_embedding
    ),
    "schedule_free_sgd": gradtx.schedule_free_sgd(0.1, weight_decay=0.1),
    "second_moment": gradtx.second_moment(0.9, initial_value=1.0),
    "selective_transform": gradtx.selective_transform(
        gradtx.momentum(0.1), freeze_mask=gradtx.except_bias_norm_embedding
    ),
    "set_to_zero": gradtx.set_to_zero(),
    "sgd": gradtx.sgd(np.float32(0.1)),
    "shampoo": gradtx.shampoo(0.1, weight_decay=0.1, shampoo_eps=0.1, update_interval=2),
    "sign": gradtx.sign(),
    # One side: all bases of the space that a tall matrix does not reach are as good, and rounding picks one.
    "sign_sgd": gradtx.sign_sgd(0.1),
    "signum": gradtx.signum(0.1, accumulator_dtype="bfloat16"),
    "simplified_ademamix": gradtx.simplified_ademamix(0.01, alpha=1.0),
    "soap": gradtx.soap(
        0.1, eps=0.1, update_interval=2, max_size=4, rest=gradtx.adamw(falling, weight_decay=0.0)
    ),
    "sm3": gradtx.sm3(0.1),
    "soft_sign": gradtx.soft_sign(falling),
    "sophia": gradtx.sophia(0.1, update_interval=2, hessian_diagonal_fn=gradtx.gauss_newton_bartlett()),
    "split_params": gradtx.split_params(gradtx.adamw(0.1), 8, key=1),
    "split_real_and_imaginary": gradtx.split_real_and_imaginary(gradtx.adamw(falling)),
    "sqrt": gradtx.chain(gradtx.square(), gradtx.sqrt(eps_root=0.1)),
    "square": gradtx.square(),
    "stateless": gradtx.stateless(double),
    "stateless_with_tree_map": gradtx.stateless_with_tree_map(leaf_sum),
    "stochastic_weight_average": gradtx.stochastic_weight_average(gradtx.sgd(0.1), 1),
    "subtract": gradtx.subtract(gradtx.identity(), gradtx.first_moment(0.5)),
    "as_transformation": gradtx.as_transformation(gradtx.GradientTransformation(count_init, count_update)),
    "yogi": gradtx.yogi(0.1),
    "snapshot": gradtx.snapshot("norm", gradtx.update_norm),
    "zero_nans": gradtx.zero_nans(),
    "trace": gradtx.trace(0.9, nesterov=True, accumulator_dtype=jnp.bfloat16),
    "with_extra_args_support": gradtx.with_extra_args_support(gradtx.scale(0.5)),
}


def transformation_makers() -> dict[str, Any]:
    """Every public class or function that makes a transformation, by name."""
    public = {name: getattr(gradtx, name) for name in gradtx.__all__}
    return {name: maker for name, maker in public.items() if _makes_transformation(maker)}


def _makes_transformation(maker: Any) -> bool:
    if inspect.isclass(maker) and issubclass(maker, GradientTransformation):
        return not maker._abstract
    call = vars(maker).get("__call__") if inspect.isclass(maker) else maker
    made = inspect.signature(call).return_annotation if inspect.isfunction(call) else None
    return inspect.isclass(made) and issubclass(made, GradientTransformation)


def expression_namespace() -> dict[str, Any]:
    """The names with which the printed form of every case can be evaluated."""
    functions = {
        function.__name__: function
        for function in (double, leaf_sum, falling, identical, odd, by_rank, count_init, count_update)
    }
    return {**vars(gradtx), **functions, "np": np, "jnp": jnp}


def make_params(dtype: Any) -> Any:
    """Parameters of several ranks, with the leaves that no rule moves among them."""
    kernel = jnp.linspace(-1.0, 1.0, 16).reshape(8, 2).astype(dtype)
    return {
        "layer": [{"kernel": kernel, "bias": jnp.full((8,), 0.5, dtype)}],
        "gain": jnp.asarray(0.25, dtype),
        "empty": jnp.zeros((0, 3), dtype),
        "steps": jnp.arange(3),
        "none": None,
    }


def make_matrix_and_vector(dtype: Any) -> Any:
    """Parameters of two ranks, both of which can be split over 8 devices."""
    kernel = jnp.linspace(-1.0, 1.0, 16).reshape(8, 2).astype(dtype)
    return {"kernel": kernel, "bias": jnp.ones(8, dtype)}


def make_gradients(params: Any, step: int) -> Any:
    """Gradients for `params` that differ at every step; those of integers are `float0`."""

    def gradient(path: Any, param: Any) -> Any:
        if not jnp.issubdtype(param.dtype, jnp.inexact):
            return np.zeros(param.shape, jax.dtypes.float0)
        phase = step + 0.1 * len(str(path)) + np.arange(param.size).reshape(param.shape)
        return jnp.asarray(np.sin(phase), jnp.float32).astype(param.dtype)

    return jax.tree.map_with_path(gradient, params)


def takes_examples(tx: GradientTransformation) -> bool:
    """Whether a transformation declares that it takes gradients with an axis of examples in front."""
    return tx._check == "structure" or any(map(takes_examples, tx.nested))


def as_taken(tx: GradientTransformation, gradients: Any) -> Any:
    """Gradients in the form that `tx` takes: those of one example, where it takes them by example."""
    if not takes_examples(tx):
        return gradients
    return jax.tree.map(
        lambda g: np.zeros((1, *g.shape), g.dtype) if g.dtype == jax.dtypes.float0 else g[None], gradients
    )


def extra_arguments(tx: GradientTransformation, params: Any) -> dict[str, Any]:
    """A value for each extra argument that a transformation needs, `params` aside."""
    offers = {
        "value": jnp.float32(1.0),
        "grad": make_gradients(params, 0),
        "weight": jnp.float32(2.0),
        "grad_fn": jax.grad(half_square, allow_int=True),
        "obj_fn": half_square,
        "logits_fn": two_logits,
        "value_fn": half_square,
    }
    return {name: offers[name] for name in tx.needs - {"params"}}
