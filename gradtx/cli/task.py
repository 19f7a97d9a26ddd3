"""The task of a training: a text, and a model that learns to continue it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

from gradtx.cli.converters import UsageError
from gradtx.cli.language_model import Architecture, Params, init_params
from gradtx.cli.step import mean_loss
from gradtx.cli.text import Corpus, python_topics, read_text

BATCH_SIZE = 16  # sequences, by default


@dataclass(frozen=True)
class Task:
    """A text and a model with its initial parameters. It prints as their sizes."""

    corpus: Corpus
    architecture: Architecture
    params: Params
    batch_size: int
    seed: int

    @classmethod
    def of(
        cls,
        text: Path | None,
        architecture: Architecture,
        *,
        batch_size: int = BATCH_SIZE,
        seed: int = 0,
        dtype: str = "float32",
    ) -> "Task":
        """The task for a text, by default that of Python's help topics.

        Raises:
          UsageError: for a text that cannot be read, or that is too short.
        """
        corpus = _corpus(text, architecture.context)
        params = init_params(np.random.default_rng(seed), architecture, len(corpus.vocabulary))
        params = jax.tree.map(lambda p: p.astype(dtype), params)
        return cls(corpus, architecture, params, batch_size, seed)

    def batches(self) -> Iterator[np.ndarray]:
        """Endless batches, shape `(batch_size, context + 1)`."""
        return self.corpus.batches(self.batch_size, self.architecture.context, self.seed)

    def validation(self, most: int | None = None) -> Callable[[Params], jax.Array]:
        """The mean loss on the validation part as a function of the parameters, on `most` sequences."""
        sequences = jnp.asarray(self.corpus.validation_batch(self.architecture.context)[:most])
        return partial(mean_loss, self.architecture, sequences=sequences)

    def __str__(self) -> str:
        corpus, architecture = self.corpus, self.architecture
        size = sum(leaf.size for leaf in jax.tree.leaves(self.params))
        return (
            f"Text: {len(corpus.training):,} characters to learn from and {len(corpus.validation):,} to "
            f"validate on, {len(corpus.vocabulary)} different ones\n"
            f"Model: transformer with {size:,} parameters, {architecture.depth} blocks of width "
            f"{architecture.width}, a context of {architecture.context} characters"
        )


def _corpus(path: Path | None, context: int) -> Corpus:
    try:
        return Corpus.of(python_topics() if path is None else read_text(path), context)
    except ValueError as error:
        raise UsageError(f"argument --text: {path or 'pydoc_data.topics'}: {error}") from error
