"""The optimizer of a run as a chain of concepts, each with a description."""

import textwrap
from collections.abc import Sequence

import gradtx
from gradtx.cli.catalogue import OptimizerFactory
from gradtx.cli.facts import first_paragraph
from gradtx.cli.plain_math import words

Concept = tuple[gradtx.GradientTransformation, str]  # a transformation and its description

MAX_NORM = 1.0
DEFAULT_LEARNING_RATE = 6e-3  # of the default chain
DEFAULT_WEIGHT_DECAY = 0.1  # of the default chain

_WIDTH = 100  # columns


def warmup_cosine(peak: float, steps: int) -> gradtx.Schedule:
    """A linear rise to `peak` in the first tenth of the steps, then cosine decay to a hundredth of it."""
    return gradtx.warmup_cosine_floor_schedule(peak, steps // 10, steps, floor=0.01)


def concepts_of(
    factory: OptimizerFactory | None,
    learning_rate: gradtx.ScalarOrSchedule,
    weight_decay: float | None,
    max_norm: float = MAX_NORM,
) -> list[Concept]:
    """The concepts of the optimizer, or of the default chain for `None`, in their order.

    Gradients longer than `max_norm` are clipped; 0 is for no clipping.
    """
    words = "A longer gradient is shortened: one odd batch cannot undo many good ones."
    clipping = [(gradtx.clip_by_global_norm(max_norm), words)] if max_norm else []
    if factory is None:
        return clipping + _default_concepts(learning_rate, weight_decay)
    return clipping + _named_concepts(factory, learning_rate, weight_decay)


def chained(concepts: Sequence[Concept]) -> gradtx.GradientTransformation:
    """The chain of the concepts."""
    return gradtx.chain(*(tx for tx, _ in concepts))


def described(concepts: Sequence[Concept]) -> str:
    """The optimizer as an expression, with the description of each concept above it."""
    lines = ["chain("]
    for tx, text in concepts:
        lines += textwrap.wrap(text, _WIDTH, initial_indent="    # ", subsequent_indent="    # ")
        lines.append(textwrap.indent(f"{tx!r},", " " * 4))
    return "\n".join([*lines, ")"])


def _default_concepts(learning_rate: gradtx.ScalarOrSchedule, weight_decay: float | None) -> list[Concept]:
    """AdamW, one concept at a time: the default chain."""
    decay = DEFAULT_WEIGHT_DECAY if weight_decay is None else weight_decay
    return [
        (
            gradtx.scale_by_adam(b1=0.9, b2=0.95),
            "The average gradient, over the root of the average squared gradient.",
        ),
        (
            gradtx.add_decayed_weights(decay, mask=gradtx.except_bias_norm_embedding),
            "Kernels shrink a little at every step; norms and embeddings do not.",
        ),
        (
            gradtx.scale_by_learning_rate(learning_rate),
            "A step down, with the length that the learning rate gives it.",
        ),
    ]


def _named_concepts(
    factory: OptimizerFactory, learning_rate: gradtx.ScalarOrSchedule, weight_decay: float | None
) -> list[Concept]:
    """An optimizer of the library at its own defaults."""
    decay = {} if weight_decay is None else {"weight_decay": weight_decay}
    return [(tx, _first_line(tx)) for tx in _links(factory(learning_rate, **decay))]


def _links(tx: gradtx.GradientTransformation) -> list[gradtx.GradientTransformation]:
    """The transformations of a chain, with those of chains in it; any other transformation alone."""
    if not isinstance(tx, gradtx.chain):
        return [tx]
    return [link for part in tx.transformations for link in _links(part)]


def _first_line(tx: gradtx.GradientTransformation) -> str:
    """The first paragraph of the documentation, as plain text."""
    return words(first_paragraph(type(tx)))
