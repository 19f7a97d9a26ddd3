"""The learning rate for a batch size."""

from gradtx.core import Schedule, checks_keywords
from gradtx.schedules._checks import is_concrete, require, require_choice
from gradtx.schedules._decay import linear_schedule

_EXPONENTS = {"linear": 1.0, "sqrt": 0.5}


@checks_keywords
def scaled_learning_rate(
    base_learning_rate: float,
    batch_size: float,
    base_batch_size: float = 256,
    rule: str = "linear",
    warmup_steps: float = 0,
) -> float | Schedule:
    r"""The learning rate for a batch size, scaled from a learning rate that suits another batch size.

    $$\eta = \eta_0\,k \;\text{ (linear)} \qquad \eta = \eta_0 \sqrt{k} \;\text{ (square root)}, \qquad
      k = \frac{B}{B_0}$$

    with $\eta_0$ `base_learning_rate`, $B$ `batch_size` and $B_0$ `base_batch_size`. The linear rule is for
    SGD, and the square root rule for Adam and RMSprop, where $1 - \beta$ should then be multiplied by $k$ and
    $\epsilon$ divided by $\sqrt k$.

    Args:
      base_learning_rate: the learning rate that suits `base_batch_size`, at least 0.
      batch_size: the number of examples in a batch, over all devices.
      base_batch_size: the batch size for which `base_learning_rate` was tuned.
      rule: the scaling rule, `"linear"` or `"sqrt"`.
      warmup_steps: the number of steps of a linear warmup from `base_learning_rate`.

    Returns:
      A number, or a schedule where `warmup_steps` is not 0. **Count 0** of the schedule gives
      `base_learning_rate`. **Past the end**, from count `warmup_steps` on, the value stays at the scaled
      learning rate.

    Raises:
      ValueError: where a batch size is not positive, `base_learning_rate` is negative, or `rule` is another
        one.

    **Reference**: Goyal et al. (2017), *Accurate, Large Minibatch SGD: Training ImageNet in 1 Hour*,
    arXiv:1706.02677, sections 2.1 (linear rule) and 2.2 (gradual warmup). Krizhevsky (2014), *One weird
    trick for parallelizing convolutional neural networks*, arXiv:1404.5997 (square root rule). Malladi et al.
    (2022), *On the SDEs and Scaling Rules for Adaptive Gradient Algorithms*, arXiv:2205.10287 (for Adam).

    >>> scaled_learning_rate(0.5, batch_size=1024)
    2.0
    >>> scaled_learning_rate(0.5, batch_size=1024, rule="sqrt", warmup_steps=10)
    linear_schedule(init_value=0.5, end_value=1.0, transition_steps=10.0, transition_begin=0.0)
    """
    require_choice("scaled_learning_rate", "rule", rule, _EXPONENTS)
    sizes = {"batch_size": batch_size, "base_batch_size": base_batch_size}
    require("scaled_learning_rate", "above", 0, **sizes)
    require("scaled_learning_rate", "at least", 0, base_learning_rate=base_learning_rate)
    scaled = base_learning_rate * (batch_size / base_batch_size) ** _EXPONENTS[rule]
    if is_concrete(warmup_steps) and warmup_steps == 0:
        return scaled
    return linear_schedule(base_learning_rate, scaled, warmup_steps)
