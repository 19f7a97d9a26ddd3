"""Text as numbers: the characters of a corpus, its two parts, and batches of sequences."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Characters = NDArray[np.int32]  # each the index of a character in the vocabulary

_VALIDATION_PART = 0.1
_VALIDATION_SEQUENCES = 1024  # enough for two digits of the loss; more would be slow


@dataclass(frozen=True)
class Corpus:
    """A text as indices into the sorted set of its characters.

    The validation part is the end of the text, so that no sequence lies in both parts.
    """

    vocabulary: str
    training: Characters
    validation: Characters

    @classmethod
    def of(cls, text: str, context: int) -> "Corpus":
        """The corpus of `text`, for sequences of `context` characters and the next one.

        Raises:
          ValueError: for a text that is too short for such a sequence in each of its two parts.
        """
        code_points = np.frombuffer(text.encode("utf-32-le"), np.uint32)
        distinct, indices = np.unique(code_points, return_inverse=True)
        begin = len(text) - int(len(text) * _VALIDATION_PART)
        if len(text) - begin <= context:
            needed = int(np.ceil((context + 1) / _VALIDATION_PART))
            raise ValueError(
                f"{len(text)} characters are too few to learn from, at least {needed} are needed"
            )
        characters = indices.astype(np.int32)
        vocabulary = "".join(map(chr, distinct))
        return cls(vocabulary, characters[:begin], characters[begin:])

    def decode(self, characters: Any) -> str:
        """The text of these indices."""
        return "".join(self.vocabulary[index] for index in np.asarray(characters))

    def batches(self, batch_size: int, context: int, seed: int) -> Iterator[Characters]:
        """Endless batches from random places of the training part, shape `(batch_size, context + 1)`."""
        random = np.random.default_rng(seed)
        while True:
            begin = random.integers(len(self.training) - context, size=batch_size)
            yield _sequences(self.training, begin, context)

    def validation_batch(self, context: int) -> Characters:
        """The validation part as sequences that overlap by one character, shape `(n, context + 1)`."""
        begin = np.arange(0, len(self.validation) - context, context)
        return _sequences(self.validation, begin[:_VALIDATION_SEQUENCES], context)


def _sequences(characters: Characters, begin: NDArray[np.int64], context: int) -> Characters:
    return characters[begin[:, None] + np.arange(context + 1)]


def python_topics() -> str:
    """The help topics that come with Python: half a megabyte of its documentation.

    Raises:
      ValueError: for a Python that was installed without them.
    """
    try:
        from pydoc_data.topics import topics  # noqa: PLC0415 - some distributions leave it out
    except ModuleNotFoundError as error:
        raise ValueError("this Python comes without it, pass a file") from error
    return "\n".join(topics[name] for name in sorted(topics))


def read_text(path: Path) -> str:
    """The text of a UTF-8 file.

    Raises:
      ValueError: for a file that cannot be read or is not UTF-8.
    """
    try:
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise ValueError(error.strerror) from error
    except UnicodeDecodeError as error:
        raise ValueError(f"not UTF-8 text, {error.reason} at byte {error.start}") from error
