"""Language: the help topics of Python, a Markov chain, and source code after a pretraining."""

import argparse
import doctest
import inspect
import pdb
from dataclasses import replace
from functools import partial
from itertools import islice
from typing import Any

import jax
import numpy as np

from benchmarks.recipe_tasks.task import FEW, STEPS, Task, of_seed, on, pretrained
from gradtx.cli import language_model
from gradtx.cli.language_model import Architecture
from gradtx.cli.text import Corpus, python_topics

ARCHITECTURE = Architecture(context=16, width=32, depth=1, heads=2)


def language_loss(params: Any, batch: Any) -> Any:
    """The loss of the language model."""
    return language_model.loss(ARCHITECTURE, params, batch)


def _language(vocabulary: int, width: int, key: Any) -> Any:
    """The parameters of the language model, drawn by NumPy and shuffled by a key."""
    architecture = replace(ARCHITECTURE, width=width)
    params = language_model.init_params(np.random.default_rng(0), architecture, vocabulary)
    leaves, structure = jax.tree.flatten(params)
    keys = jax.random.split(key, len(leaves))
    pairs = zip(keys, leaves, strict=True)
    return structure.unflatten([jax.random.permutation(k, x, independent=True) for k, x in pairs])


def _text(text: str, batch_size: int) -> tuple[int, Any, Any]:
    corpus = Corpus.of(text, ARCHITECTURE.context)
    drawn = islice(corpus.batches(batch_size, ARCHITECTURE.context, 0), STEPS)
    return (
        len(corpus.vocabulary),
        np.stack(list(drawn)),
        corpus.validation_batch(ARCHITECTURE.context)[:256],
    )


def topics(batch_size: int = 8, width: int = 32) -> Task:
    """The next character of the help topics of Python."""
    vocabulary, batches, held_out = _text(python_topics(), batch_size)
    evaluate = on(language_loss, held_out)
    return Task(language_loss, partial(_language, vocabulary, width), batches, evaluate, batch_size)


def markov(batch_size: int = 8, width: int = 32, seed: int = 1) -> Task:
    """A chain of second order over 20 characters: each pair has four that may follow."""
    random = np.random.default_rng(seed)
    follows = random.integers(20, size=(20, 20, 4))

    def draw(*shape: int) -> Any:
        x = random.integers(20, size=(*shape, ARCHITECTURE.context + 1))
        for t in range(2, x.shape[-1]):
            pick = np.minimum(random.geometric(0.5, size=shape) - 1, 3)
            x[..., t] = follows[x[..., t - 2], x[..., t - 1], pick]
        return x.astype(np.int32)

    evaluate = on(language_loss, draw(512))
    return Task(language_loss, partial(_language, 20, width), draw(STEPS, batch_size), evaluate, batch_size)


_ALPHABET = "".join(map(chr, [10, *range(32, 127)]))


def _source(*modules: Any) -> str:
    """The source of modules, in the characters of the alphabet."""
    return "".join(filter(set(_ALPHABET).__contains__, "".join(map(inspect.getsource, modules))))


def _broad() -> Task:
    """The help topics and some source code."""
    corpus = Corpus.of(_ALPHABET + python_topics() + _source(argparse, doctest), ARCHITECTURE.context)
    batches = np.stack(list(islice(corpus.batches(16, ARCHITECTURE.context, 1), 1500)))
    return Task(language_loss, partial(_language, len(corpus.vocabulary), 32), batches, lambda params: 0.0)


def other_text() -> Task:
    """A language model of the help topics and of some source code, on other source code."""
    corpus = Corpus.of(_ALPHABET + _source(inspect, pdb), ARCHITECTURE.context)
    batches = np.stack(list(islice(corpus.batches(8, ARCHITECTURE.context, 0), FEW)))
    held_out = corpus.validation_batch(ARCHITECTURE.context)[:256]
    params = pretrained(_broad)
    init = partial(of_seed, params)
    return Task(language_loss, init, batches, on(language_loss, held_out), 8, 1200)
