"""The reasons of the parts of optimizers: a table by class, which `explain` reads."""

from typing import Any, NamedTuple

import gradtx


class Reason(NamedTuple):
    """Why a part is there, the typical range of its numbers, what to try first, and its source.

    An empty source is that of the class's documentation.
    """

    why: str
    typical: str = ""
    first: str = ""
    source: str = ""


_ADAM = "b1 0.8 to 0.95, b2 0.95 to 0.999, eps 1e-8"

REASONS: dict[type[Any], Reason] = {
    # Before the direction.
    gradtx.clip_by_global_norm: Reason(
        "one bad batch cannot move the parameters far, and the direction of the step stays",
        "max_norm 0.5 to 1 for transformers and policies, 5 to 10 for recurrent networks",
        "1; if more than a few steps in a hundred are clipped, a lower learning rate",
        "Pascanu, Mikolov and Bengio (2013), arXiv:1211.5063, algorithm 1",
    ),
    gradtx.clip: Reason(
        "bounds each element, which turns the direction", "1e-2 to 1", "the global norm instead"
    ),
    gradtx.add_decayed_weights: Reason(
        "keeps matrices small, which regularizes; biases, norms and embeddings are better without",
        "weight_decay 0.01 to 0.1 after Adam, 1e-5 to 5e-4 in the gradient of SGD",
        "0.1 for pretraining, 0.01 for fine-tuning, 1e-4 for SGD",
    ),
    # Directions.
    gradtx.trace: Reason(
        "gradients that agree add up, and those that alternate cancel",
        "decay 0.8 to 0.99",
        "0.9; at 0.99 a tenth of the learning rate",
        "Polyak (1964); Sutskever et al. (2013)",
    ),
    gradtx.scale_by_adam: Reason(
        "a step of about the learning rate for each parameter, whatever the size of its gradient",
        _ADAM,
        "b2 0.95 to 0.99 where the loss spikes, eps 1e-5 where gradients are tiny; b1 last",
        "Kingma and Ba (2015), arXiv:1412.6980, algorithm 1",
    ),
    gradtx.scale_by_nadam: Reason("Adam with Nesterov's look-ahead", _ADAM, "the numbers of Adam"),
    gradtx.scale_by_radam: Reason("Adam that needs less warmup", _ADAM, "the numbers of Adam"),
    gradtx.scale_by_amsgrad: Reason("Adam whose rates never rise", _ADAM, "Adam first: it is rarely worse"),
    gradtx.scale_by_belief: Reason(
        "long steps where the gradient is as expected", f"{_ADAM}, but eps 1e-16", "the rate of Adam"
    ),
    gradtx.scale_by_yogi: Reason(
        "Adam whose denominator changes slowly", f"{_ADAM}, but eps 1e-3", "Adam first"
    ),
    gradtx.scale_by_adamax: Reason("Adam with the greatest recent gradient", _ADAM, "twice the rate of Adam"),
    gradtx.scale_by_adopt: Reason(
        "Adam that converges with any b2", "b2 0.99 to 0.9999", "the rate of Adam, b2 0.9999"
    ),
    gradtx.scale_by_novograd: Reason(
        "one denominator for each layer", "b1 0.95, b2 0.25 to 0.98", "a rate of 1e-2"
    ),
    gradtx.sign: Reason(
        "a step of one size for each element", "learning rate 1e-5 to 1e-3", "a momentum before it"
    ),
    gradtx.scale_by_lion: Reason(
        "a step of one size for each parameter, with half the state of Adam",
        "b1 0.9 to 0.95, b2 0.98 to 0.99",
        "a third to a tenth of the rate of AdamW, and 3 to 10 times its decay",
    ),
    gradtx.scale_by_adafactor: Reason(
        "Adam's denominator from the sums of rows and columns: almost no state",
        "decay_rate 0.8, clipping_threshold 1",
        "another relative rate before anything else",
        "Shazeer and Stern (2018), arXiv:1804.04235",
    ),
    gradtx.scale_by_param_block_rms: Reason(
        "steps relative to the size of the parameters: one rate for all leaves and sizes of models",
        "min_scale 1e-3",
    ),
    gradtx.scale_by_rms: Reason(
        "the gradient over its recent size, without momentum", "decay 0.9 to 0.99, eps 1e-8", "Adam instead"
    ),
    gradtx.scale_by_rss: Reason(
        "the gradient over all that came before: for sparse features",
        "learning rate 1e-2 to 1",
        "Adam instead",
    ),
    gradtx.scale_by_lamb: Reason(
        "Adam's direction, at a step in proportion to the norm of each layer: for large batches",
        "learning rate 1e-3 to 2e-2, b2 0.999, eps 1e-6",
        "a warmup of a fifth; then the rate",
    ),
    gradtx.scale_by_lars: Reason(
        "the gradient, at a step in proportion to the norm of each layer: for large batches",
        "trust_coefficient 1e-3 with rates of 1 to 30",
        "the rate; the trust coefficient is a factor of it",
    ),
    gradtx.scale_by_muon: Reason(
        "all directions of a matrix move alike, those too that few gradients have",
        "beta 0.9 to 0.98, 5 steps",
        "beta 0.95; the rate of the other leaves by itself",
    ),
    gradtx.scale_by_matrix_shape: Reason(
        "one rate for matrices of all shapes",
        "original with rates of 0.01 to 0.05, match_rms_adamw at 0.2 with those of AdamW",
        "match_rms_adamw, where a rate of AdamW is known",
    ),
    gradtx.scale_by_shampoo: Reason(
        "a matrix of curvature for each axis", "b2 0.95 to 0.999", "SOAP instead, which is easier to tune"
    ),
    gradtx.scale_by_soap: Reason(
        "Adam in the axes of Shampoo: fewer steps, at more time for each",
        "b1 0.95, b2 0.95, update_interval 1 to 100",
        "the rate of AdamW, or three times it",
    ),
    gradtx.scale_by_sophia: Reason(
        "Newton's step with a bound", "rho 0.01 to 0.05", "the rate of AdamW, and an estimate in ten steps"
    ),
    gradtx.scale_by_lbfgs: Reason(
        "a step of Newton's method from the last gradients, for losses without noise",
        "memory_size 5 to 100",
        "all data in each step; float64 for the last digits",
    ),
    gradtx.scale_by_zoom_linesearch: Reason(
        "the loss falls in every step, without a learning rate", "max_linesearch_steps 15 to 30"
    ),
    gradtx.scale_by_prodigy: Reason(
        "finds the learning rate, and the step of Adam at it",
        "learning rate 1",
        "a cosine to 0 as a schedule",
    ),
    gradtx.schedule_free: Reason(
        "an average of the parameters in place of a decay of the rate: the end need not be known",
        "b1 0.9 to 0.98",
        "a warmup of 5%, and a rate above that of a cosine",
    ),
    # The step.
    gradtx.scale_by_learning_rate: Reason(
        "the length of the step, the number to choose first",
        "Adam 1e-5 to 1e-2, SGD 1e-3 to 1",
        "lr_range_test; then factors of 3",
        "Bengio (2012), arXiv:1206.5533, section 3",
    ),
    gradtx.scale: Reason("a factor: -1 turns ascent into descent"),
    gradtx.partition: Reason(
        "each group of leaves has its own optimizer",
        first="leaf_table shows the groups; the ratio of the rates comes last",
    ),
    gradtx.masked: Reason("some leaves alone", first="leaf_table shows which"),
    # Around an optimizer.
    gradtx.average_params: Reason(
        "an average of the last parameters has less noise than the last ones; eval_params returns it",
        "an average over 1% to 10% of the steps, decay 0.99 to 0.9999",
        "5% of the steps; none if the rate falls to 0",
        "Polyak and Juditsky (1992); Karras et al. (2024), arXiv:2312.02696",
    ),
    gradtx.quantized: Reason(
        "averages of 8 bits: a quarter of the state, at the numbers of 32 bits",
        "min_size 4096",
        "another format for mu alone if the loss differs",
    ),
    gradtx.accumulate: Reason("a larger batch than fits into memory", first="the least number that fits"),
    gradtx.guard: Reason(
        "skips batches that are not finite or far off", first="the defaults, and its report"
    ),
    gradtx.sam: Reason("flat minima, at two gradients a step", "rho 0.01 to 0.1", "0.05"),
    gradtx.lookahead: Reason("a slow copy that follows", "5 to 10 steps, 0.5 to 0.8", "5 steps, 0.5"),
    gradtx.cautious: Reason("no step against the gradient", first="the same rate"),
    gradtx.round_stochastically: Reason("small steps are not lost in 16 bits"),
    # Schedules.
    gradtx.warmup_cosine_floor_schedule: Reason(
        "a warmup while Adam's averages settle, then a smooth fall that ends the noise",
        "warmup 1% to 10%, floor 0 to 0.1",
        "warmup 5%; floor 0.1 for a run that may go on, else 0",
    ),
    gradtx.warmup_cosine_decay_schedule: Reason(
        "a warmup while Adam's averages settle, then a smooth fall that ends the noise",
        "warmup 1% to 10%",
        "warmup 5%",
        "Loshchilov and Hutter (2017), arXiv:1608.03983; Goyal et al. (2017), arXiv:1706.02677",
    ),
    gradtx.linear_warmup_schedule: Reason(
        "short first steps, while gradients are large and averages unsettled",
        "1% to 10% of the steps, 20% for LAMB",
        "5%; more where the first steps diverge",
    ),
    gradtx.linear_schedule: Reason(
        "a straight fall to 0, which ends the noise and fits any length",
        source="Defazio et al. (2023), arXiv:2310.07831",
    ),
    gradtx.cosine_decay_schedule: Reason(
        "a smooth fall that ends the noise",
        "alpha 0 to 0.1",
        "a warmup before it",
        "Loshchilov and Hutter (2017), arXiv:1608.03983",
    ),
    gradtx.relative_step_schedule: Reason(
        "a constant rate, then the inverse root of the steps: the end need not be known",
        "max_value 1e-3 for fine-tuning, 1e-2 from scratch",
    ),
    gradtx.warmup_stable_decay_schedule: Reason(
        "a constant rate that can go on, and a fall at the end alone", "a fall of 10% to 20%", "20%"
    ),
}
"""The reasons by class."""
