"""Ready masks, by the names and the ranks of leaves."""

import re
from collections.abc import Callable
from typing import Any, TypeVar

import jax
import jax.numpy as jnp
from jax.tree_util import tree_map_with_path

from gradtx.selection._paths import path_name

Function = TypeVar("Function", bound=Callable[..., Any])

MASK_WORDS: dict[str, frozenset[str]] = {
    "normalization": frozenset({"norm", "norms", "normalization", "ln", "bn", "gn", "rms"}),
    "embedding": frozenset({"embed", "embeds", "embedder", "embedding", "embeddings", "emb", "wte", "wpe"}),
    "after an embedding": frozenset({"projection", "proj", "linear", "dense", "head", "mlp"}),
    "own name": frozenset({"bias", "biases", "beta", "gamma", "scale", "scales", "offset", "offsets"})
    | frozenset({"token", "tokens"}),
    "output": frozenset({"classifier", "logit", "logits", "unembed", "unembedding"}),
}
"""The words by which the ready masks know a leaf.

A name in a path is split into words at `_`, `.`, digits and capitals: `LayerNorm_0` has the words `layer` and
`norm`.

- `"normalization"`: a name with one of these words, or with a word that ends in `norm`, is a normalization.
- `"embedding"`: a name with one of these is an embedding, unless a word of `"after an embedding"` follows.
- `"own name"`: the last word of the name of a leaf that is added to a whole feature or scales it.
- `"output"`: a name with one of these words, or whose last word is `head`, is an output layer.
"""


def words_of(labels: Any) -> dict[str, frozenset[str]]:
    """The words by which a mask or labels know a leaf, by kind: none, unless they go by words.

    >>> sorted(words_of(hidden_matrices)["output"])
    ['classifier', 'logit', 'logits', 'unembed', 'unembedding']
    """
    return {kind: MASK_WORDS[kind] for kind in getattr(labels, "kinds_of_words", ())}


def _by_words(*kinds: str) -> Callable[[Function], Function]:
    """Declares the kinds of words by which a mask knows a leaf."""

    def declared(mask: Function) -> Function:
        vars(mask)["kinds_of_words"] = kinds
        return mask

    return declared


_BODY = ("normalization", "embedding", "after an embedding", "own name")


@_by_words(*_BODY)
def except_bias_norm_embedding(params: Any) -> Any:
    """The mask that leaves out biases, normalization parameters and embeddings.

    The matrices and convolution kernels remain, the leaves for which weight decay is meant. A leaf is left
    out if it has fewer than two axes, if its own name is `b` or ends in a word such as `bias` or `scale`, or
    if a name in its path is that of a normalization or an embedding. `gradtx.selection.MASK_WORDS` has the
    words, which are those of Flax, Haiku, Equinox and GPT-2.

    Args:
      params: the parameters, or their shapes.

    >>> import jax.numpy as jnp
    >>> except_bias_norm_embedding(
    ...     {"dense": {"kernel": jnp.ones((2, 2)), "bias": jnp.ones(2)}, "embedding": jnp.ones((5, 2))}
    ... )
    {'dense': {'bias': False, 'kernel': True}, 'embedding': False}
    """

    def decays(path: tuple[Any, ...], leaf: Any) -> bool:
        names = _names(path)
        spared = names[-1] == "b" or (_words(names[-1]) or [""])[-1] in MASK_WORDS["own name"]
        return jnp.ndim(leaf) >= 2 and not (spared or any(map(_is_norm_or_embedding, names)))

    return tree_map_with_path(decays, params)


@_by_words(*_BODY, "output")
def hidden_matrices(params: Any) -> Any:
    """The mask of the matrices and convolution kernels between the input and the output, by rank and by name.

    They are the leaves that `except_bias_norm_embedding` selects, without those of the output: the leaves
    with a name in the path that ends in the word `head`, or has a word such as `classifier` or `logits`.

    Args:
      params: the parameters, or their shapes.

    >>> import jax.numpy as jnp
    >>> kernel = {"kernel": jnp.ones((2, 2)), "bias": jnp.ones(2)}
    >>> hidden_matrices({"embed": jnp.ones((9, 2)), "mlp": kernel, "lm_head": kernel})
    {'embed': False, 'lm_head': {'bias': False, 'kernel': False}, 'mlp': {'bias': False, 'kernel': True}}
    """

    def is_hidden(path: tuple[Any, ...], inside: bool) -> bool:
        return inside and not any(map(_is_output, _names(path)))

    return tree_map_with_path(is_hidden, except_bias_norm_embedding(params))


@_by_words(*_BODY, "output")
def hidden_two_axes(params: Any) -> Any:
    """The mask of the leaves of `hidden_matrices` with exactly two axes.

    It leaves out convolution kernels, and kernels that are stacked over layers or split into heads.

    Args:
      params: the parameters, or their shapes.

    >>> import jax.numpy as jnp
    >>> hidden_two_axes({"dense": jnp.ones((2, 2)), "conv": jnp.ones((3, 3, 2, 2)), "head": jnp.ones((2, 2))})
    {'conv': False, 'dense': True, 'head': False}
    """
    return jax.tree.map(lambda leaf, hidden: hidden and jnp.ndim(leaf) == 2, params, hidden_matrices(params))


def at_least_two_axes(params: Any) -> Any:
    """The mask of matrices and convolution kernels, embeddings and heads among them, by rank alone.

    Args:
      params: the parameters, or their shapes.

    >>> import jax.numpy as jnp
    >>> at_least_two_axes({"embedding": jnp.ones((5, 2)), "bias": jnp.ones(2)})
    {'bias': False, 'embedding': True}
    """
    return jax.tree.map(lambda leaf: jnp.ndim(leaf) >= 2, params)


def _names(path: tuple[Any, ...]) -> list[str]:
    # In Flax NNX a parameter's array stands one step below its name, at `value`.
    return path_name(path).removesuffix("/value").split("/")


def _words(name: str) -> list[str]:
    """The words of a name, in lower case.

    >>> _words("RMSNorm_0"), _words("ln_f"), _words("posEmb2d")
    (['rms', 'norm'], ['ln', 'f'], ['pos', 'emb', 'd'])
    """
    return [word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", name)]


def _is_output(name: str) -> bool:
    words = _words(name)
    return words[-1:] == ["head"] or not MASK_WORDS["output"].isdisjoint(words)


def _is_norm_or_embedding(name: str) -> bool:
    words = _words(name)
    if any(word in MASK_WORDS["normalization"] or word.endswith("norm") for word in words):
        return True
    found = [place for place, word in enumerate(words) if word in MASK_WORDS["embedding"]]
    return bool(found) and not MASK_WORDS["after an embedding"] & set(words[found[-1] + 1 :])
