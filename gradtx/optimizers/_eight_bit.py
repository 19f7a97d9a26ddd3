"""Optimizers with a state of 8 bits."""

from collections.abc import Mapping

from gradtx.core import GradientTransformation, ScalarOrSchedule, checks_keywords
from gradtx.formats import Format
from gradtx.optimizers._adam import adam, adamw
from gradtx.optimizers._lion import lion
from gradtx.selection import Mask
from gradtx.wrappers import quantized


@checks_keywords
def adam8bit(
    learning_rate: ScalarOrSchedule,
    b1: ScalarOrSchedule = 0.9,
    b2: ScalarOrSchedule = 0.999,
    eps: float = 1e-8,
    *,
    formats: Mapping[str, Format] | None = None,
    min_size: int = 4096,
    key: int = 0,
) -> GradientTransformation:
    """Adam with averages of 8 bits: `quantized(adam(...))`, with 2 bytes a parameter in place of 8.

    Inside `jax.jit` the peak of a step does not fall; `Stepper` keeps it low. See `quantized`.

    **Reference**: Dettmers et al. (2022), *8-bit Optimizers via Block-wise Quantization*, arXiv:2110.02861.
    **Departure**: the formats are `formats.int8()` and `formats.uint8()`. Those of the paper are
    `formats={"mu": dynamic8(signed=True), "nu": dynamic8(signed=False)}`.

    >>> adam8bit(1e-3)
    quantized(inner=chain(scale_by_adam(b1=0.9, b2=0.999, eps=1e-08, eps_root=0.0),
                          scale_by_learning_rate(learning_rate=0.001)))
    """
    return quantized(adam(learning_rate, b1, b2, eps), formats, min_size, key=key)


@checks_keywords
def adamw8bit(
    learning_rate: ScalarOrSchedule,
    b1: ScalarOrSchedule = 0.9,
    b2: ScalarOrSchedule = 0.999,
    eps: float = 1e-8,
    weight_decay: ScalarOrSchedule = 1e-4,
    mask: Mask = None,
    *,
    formats: Mapping[str, Format] | None = None,
    min_size: int = 4096,
    key: int = 0,
) -> GradientTransformation:
    """AdamW with averages of 8 bits: `quantized(adamw(...))`, with 2 bytes a parameter in place of 8.

    Inside `jax.jit` the peak of a step does not fall; `Stepper` keeps it low. See `quantized`.

    **Reference**: Dettmers et al. (2022), *8-bit Optimizers via Block-wise Quantization*, arXiv:2110.02861.
    **Departure**: the formats, as in `adam8bit`.

    >>> adamw8bit(1e-3)
    quantized(inner=chain(scale_by_adam(b1=0.9, b2=0.999, eps=1e-08, eps_root=0.0),
                          add_decayed_weights(weight_decay=0.0001),
                          scale_by_learning_rate(learning_rate=0.001)))
    """
    inner = adamw(learning_rate, b1, b2, eps, weight_decay=weight_decay, mask=mask)
    return quantized(inner, formats, min_size, key=key)


@checks_keywords
def lion8bit(
    learning_rate: ScalarOrSchedule,
    b1: ScalarOrSchedule = 0.9,
    b2: ScalarOrSchedule = 0.99,
    weight_decay: ScalarOrSchedule = 1e-3,
    mask: Mask = None,
    *,
    formats: Mapping[str, Format] | None = None,
    min_size: int = 4096,
    key: int = 0,
) -> GradientTransformation:
    """Lion with an average of 8 bits: `quantized(lion(...))`, with 1 byte a parameter in place of 4.

    Inside `jax.jit` the peak of a step does not fall; `Stepper` keeps it low. See `quantized`.

    **Reference**: Chen et al. (2023), *Symbolic Discovery of Optimization Algorithms*, arXiv:2302.06675,
    algorithm 2, with the state of `adam8bit`.

    >>> lion8bit(1e-4)
    quantized(inner=chain(scale_by_lion(b1=0.9, b2=0.99),
                          add_decayed_weights(weight_decay=0.001),
                          scale_by_learning_rate(learning_rate=0.0001)))
    """
    inner = lion(learning_rate, b1, b2, weight_decay=weight_decay, mask=mask)
    return quantized(inner, formats, min_size, key=key)
