"""The recipes: for each task an optimizer, with its numbers and their sources."""

from collections.abc import Callable
from typing import NamedTuple

from gradtx.core import GradientTransformation, chain
from gradtx.optimizers import adafactor, lamb, lars, lbfgs, muon
from gradtx.practice._plan import Plan, for_size, for_steps
from gradtx.rules import (
    add_decayed_weights,
    clip_by_global_norm,
    scale_by_adam,
    scale_by_learning_rate,
    trace,
)
from gradtx.schedules import linear_warmup_schedule, relative_step_schedule
from gradtx.selection import except_bias_norm_embedding
from gradtx.wrappers import average_params, quantized, scale_by_group

BODY = except_bias_norm_embedding
"""The leaves that decay: matrices and kernels."""


class Recipe(NamedTuple):
    """An optimizer of a plan, its task, its name, its sources, and the optional arguments that it uses."""

    make: Callable[[Plan], GradientTransformation]
    task: str
    optimizer: str
    sources: str
    uses: tuple[str, ...] = ()


def _transformer_rate(plan: Plan) -> float:
    """The rates of GPT-3 (Brown et al., 2020, table 2.1): 6e-4 for 125 million parameters."""
    return plan.rate(for_size(6e-4, 125e6, plan.size, most=1e-2))


def _transformer_b2(plan: Plan) -> float:
    """0.95 for half a million tokens; for fewer, the average spans as many tokens, up to 1000 steps."""
    share = min((plan.batch_tokens or 5e5) / 5e5, 1.0)
    return float(f"{min(0.95**share, 0.999):.4g}")


def _adamw(plan: Plan) -> GradientTransformation:
    return chain(
        scale_by_adam(0.9, _transformer_b2(plan)),
        add_decayed_weights(0.1, BODY),
        scale_by_learning_rate(plan.cosine(_transformer_rate(plan), 0.05, floor=0.1, most=2000)),
    )


def _pretraining(plan: Plan) -> GradientTransformation:
    return chain(clip_by_global_norm(1.0), *_adamw(plan).nested)


def _pretraining_with_muon(plan: Plan) -> GradientTransformation:
    peak = plan.rate(for_size(2.2e-3, 125e6, plan.size, most=5e-2))
    rate = plan.cosine(peak, 0.05, floor=0.1, most=2000)
    b2 = _transformer_b2(plan)
    return muon(rate, weight_decay=0.1, weight_decay_mask=BODY, adam_b2=b2, consistent_rms=0.2)


def _fine_tuning(plan: Plan) -> GradientTransformation:
    rate = plan.rate(for_size(5e-5, 110e6, plan.size, most=1e-3))
    return chain(
        clip_by_global_norm(1.0),
        scale_by_adam(0.9, 0.999),
        add_decayed_weights(0.01, BODY),
        scale_by_learning_rate(plan.linear(rate, 0.1)),
        *([scale_by_group({plan.new: 10.0, ".*": 1.0})] if plan.new else []),
    )


def _vision(plan: Plan) -> GradientTransformation:
    rate = plan.rate(for_steps(0.1 * (plan.batch_size or 256) / 256, 450_000, plan.steps, most=1.0))
    return chain(
        add_decayed_weights(1e-4, BODY),
        trace(0.9, nesterov=True),
        scale_by_learning_rate(plan.cosine(rate, 0.05)),
    )


def _large_batch(plan: Plan) -> GradientTransformation:
    rate = plan.rate(for_steps(5e-3, 15_625, plan.steps, most=3e-2))
    return lamb(plan.linear(rate, 0.2), weight_decay=0.01, mask=BODY, trust_ratio_mask=BODY)


def _large_batch_of_images(plan: Plan) -> GradientTransformation:
    rate = plan.rate(for_steps(3.2, 14_040, plan.steps, most=32.0))
    return lars(plan.cosine(rate, 0.05), weight_decay=5e-5, weight_decay_mask=BODY, trust_ratio_mask=BODY)


def _low_memory(plan: Plan) -> GradientTransformation:
    return chain(clip_by_global_norm(1.0), quantized(_adamw(plan)))


def _lowest_memory(plan: Plan) -> GradientTransformation:
    warmup = linear_warmup_schedule(max(plan.warmup(0.05, most=10_000), 1))
    rate = plan.rate(for_steps(1e-2, 10_000, plan.steps, most=2e-2))
    return adafactor(warmup * relative_step_schedule(rate))


def _reinforcement_learning(plan: Plan) -> GradientTransformation:
    rate = plan.rate(for_steps(3e-4, 156_000, plan.steps, most=1e-2))
    return chain(
        clip_by_global_norm(0.5),
        scale_by_adam(0.9, 0.999, eps=1e-5),
        scale_by_learning_rate(plan.linear(rate, 0.0)),
    )


def _gan(plan: Plan) -> GradientTransformation:
    rate = plan.rate(for_steps(2e-4, 1e5, plan.steps, most=1e-2))
    direction = scale_by_adam(0.5, 0.999)
    return average_params(chain(direction, scale_by_learning_rate(rate)), plan.averaging(0.05))


def _diffusion(plan: Plan) -> GradientTransformation:
    rate = plan.rate(for_steps(2e-4, 800_000, plan.steps, most=1e-2))
    warm = linear_warmup_schedule(max(plan.warmup(0.02, most=5000), 1), rate)
    steps = chain(clip_by_global_norm(1.0), scale_by_adam(0.9, 0.999), scale_by_learning_rate(warm))
    return average_params(steps, plan.averaging(0.05))


def _small_data(plan: Plan) -> GradientTransformation:
    return lbfgs(plan.learning_rate, memory_size=50)


RECIPES: dict[str, Recipe] = {
    "llm-pretraining": Recipe(
        _pretraining,
        "a transformer from scratch",
        "AdamW",
        "Brown et al. (2020), arXiv:2005.14165, table 2.1 and appendix B (rates by size, b2 0.95, decay 0.1, "
        "clipping to 1, floor 0.1); Marek et al. (2025), arXiv:2507.07101 (b2 by tokens)",
        ("batch_tokens",),
    ),
    "llm-pretraining-muon": Recipe(
        _pretraining_with_muon,
        "a transformer from scratch, in fewer steps",
        "Muon, and AdamW for embeddings, heads and vectors",
        "Jordan et al. (2024), kellerjordan.github.io/posts/muon; Liu et al. (2025), arXiv:2502.16982 "
        "(an RMS of 0.2, decay 0.1); the rate is the geometric mean of theirs",
        ("batch_tokens",),
    ),
    "fine-tuning": Recipe(
        _fine_tuning,
        "a pretrained transformer on a task",
        "AdamW",
        "Devlin et al. (2018), arXiv:1810.04805, appendix A (rates of 2e-5 to 5e-5, warmup, linear decay, "
        "decay 0.01); Mosbach et al. (2021), arXiv:2006.04884 (warmup of a tenth)",
        ("new",),
    ),
    "vision": Recipe(
        _vision,
        "a convolutional network from scratch",
        "SGD with Nesterov momentum",
        "Goyal et al. (2017), arXiv:1706.02677 (0.1 for a batch of 256, warmup, decay 1e-4); He et al. "
        "(2019), arXiv:1812.01187 (cosine, no decay of biases and norms)",
        ("batch_size",),
    ),
    "large-batch": Recipe(
        _large_batch,
        "a transformer at batches of thousands",
        "LAMB",
        "You et al. (2020), arXiv:1904.00962, table 4 (5e-3 for 15,625 steps, a fifth of warmup, linear "
        "decay, weight decay 0.01)",
    ),
    "large-batch-vision": Recipe(
        _large_batch_of_images,
        "a convolutional network at batches of thousands",
        "LARS",
        "You, Gitman and Ginsburg (2017), arXiv:1708.03888 (rate and decay for 8192 images)",
    ),
    "low-memory": Recipe(
        _low_memory,
        "a transformer, with 2 bytes of state a parameter",
        "AdamW with 8-bit averages",
        "Dettmers et al. (2022), arXiv:2110.02861 (the numbers of 32 bits); the rest as in llm-pretraining",
        ("batch_tokens",),
    ),
    "lowest-memory": Recipe(
        _lowest_memory,
        "a transformer, with almost no state",
        "Adafactor",
        "Shazeer and Stern (2018), arXiv:1804.04235, section 9 (relative step 1e-2, the inverse root of the "
        "steps, warmup of 10,000 steps)",
    ),
    "reinforcement-learning": Recipe(
        _reinforcement_learning,
        "a policy by its gradient, such as PPO",
        "Adam",
        "Huang et al. (2022), *The 37 implementation details of PPO* (eps 1e-5, clipping to 0.5, linear "
        "decay); Andrychowicz et al. (2021), arXiv:2006.05990 (3e-4)",
    ),
    "gan": Recipe(
        _gan,
        "a generator and its discriminator, one recipe each",
        "Adam with an average of the parameters",
        "Radford et al. (2016), arXiv:1511.06434 (2e-4, b1 0.5); Yazici et al. (2019), arXiv:1806.04498 "
        "(the average)",
    ),
    "diffusion": Recipe(
        _diffusion,
        "a denoiser",
        "Adam with an average of the parameters",
        "Ho et al. (2020), arXiv:2006.11239, and its code (warmup of 5000 steps, clipping, average); "
        "Peebles and Xie (2023), arXiv:2212.09748 (1e-4); Karras et al. (2024), arXiv:2312.02696 (length "
        "of the average)",
    ),
    "small-data": Recipe(
        _small_data,
        "all data at once, without noise: regression, physics",
        "L-BFGS with a line search",
        "Liu and Nocedal (1989); Raissi et al. (2019), *Physics-informed neural networks*",
    ),
}
"""The recipes by name."""
