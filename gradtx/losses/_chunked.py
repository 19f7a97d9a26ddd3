"""The cross entropy over a vocabulary, a part of the vocabulary at a time."""

from collections.abc import Sequence
from functools import partial
from typing import NamedTuple, cast

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import ArrayLike

from gradtx.losses._arrays import as_floats, as_integers, mask_of
from gradtx.tree import arithmetic_dtype


def chunked_cross_entropy(
    hidden: ArrayLike,
    unembedding: ArrayLike,
    labels: ArrayLike,
    *,
    where: ArrayLike | None = None,
    label_smoothing: ArrayLike = 0.0,
    z_loss: ArrayLike = 0.0,
    chunk_size: int = 256,
) -> Array:
    r"""The cross entropy of a language model, without its logits.

    $$\ell = -(1 - \alpha) \log p_y - \frac{\alpha}{V} \sum_k \log p_k + \zeta Z^2, \qquad
      p_k = e^{x_k - Z}, \quad Z = \log\sum_k e^{x_k}, \quad x = h W$$

    It equals `softmax_cross_entropy_with_integer_labels(hidden @ unembedding, labels)`. The logits exist for
    512 tokens and `chunk_size` entries of the vocabulary at a time, in float32, and the derivative computes
    them again: one more product of matrices is the price. The products take both factors in the dtype of
    `hidden`, and are added in float32: with hidden states in bfloat16 the matrix may stay in float32. XLA
    on CPU copies a matrix of 16 bits once.

    Args:
      hidden: the last hidden states $h$, of shape (..., features).
      unembedding: the matrix $W$, of shape (features, vocabulary), as the kernel of a dense layer. For tied
        embeddings pass the transpose of the table.
      labels: the number $y$ of the next token, of shape (...). One that is not in the vocabulary gives NaN.
      where: the tokens that count; the others have the loss 0, and may have any label. `None`: all.
      label_smoothing: the weight $\alpha$ of the uniform distribution in the labels.
      z_loss: the weight $\zeta$ of the squared logarithm of the normalizer.
      chunk_size: the number of logits of a token that exist at a time.

    Returns:
      The losses, in float32 or wider, of the shape of the labels. The derivatives have the dtypes of
      `hidden` and `unembedding`, and are summed in float32; derivatives of forward mode are not defined.

    Raises:
      TypeError: for hidden states that are not floating-point, or labels that are not integers.
      ValueError: for shapes that do not fit.

    **Reference**: Milakov and Gimelshein (2018), *Online Normalizer Calculation for Softmax*,
    arXiv:1805.02867, algorithm 3; Wijmans et al. (2024), *Cut Your Losses in Large-Vocabulary Language
    Models*, arXiv:2411.09009, for the derivative.

    >>> hidden, unembedding = jnp.ones((2, 3)), jnp.zeros((3, 5))
    >>> print(chunked_cross_entropy(hidden, unembedding, jnp.array([4, 5])))  # log 5; not in the vocabulary
    [1.609438      nan]
    """
    h, w, y = jnp.asarray(hidden), jnp.asarray(unembedding), jnp.asarray(labels)
    _check(h, w, y)
    shape = y.shape
    alpha, zeta = (jnp.asarray(number, _precision(h)) for number in (label_smoothing, z_loss))
    y = y.reshape(-1).astype(jnp.int32)
    valid = (y >= 0) & (y < w.shape[1])
    loss = cast(Array, _losses(chunk_size, h.reshape(-1, h.shape[-1]), w, y, alpha, zeta))
    loss = jnp.where(valid, loss, jnp.nan).reshape(shape)
    return jnp.where(mask_of("chunked_cross_entropy", where, shape), loss, 0)


class _Sums(NamedTuple):
    """Of the logits so far: the largest, the sum of exponentials relative to it, the label's, and the sum."""

    largest: Array
    total: Array
    of_label: Array
    sum: Array


@partial(jax.custom_vjp, nondiff_argnums=(0,))
def _losses(chunk: int, h: Array, w: Array, y: Array, alpha: Array, zeta: Array) -> Array:
    return _forward(chunk, h, w, y, alpha, zeta)[0]


def _forward(
    chunk: int, h: Array, w: Array, y: Array, alpha: Array, zeta: Array
) -> tuple[Array, tuple[Array, ...]]:
    tokens, vocabulary = _Parts(len(y), _TOKENS), _Parts(w.shape[1], chunk)

    def of_tokens(block: Array, sums: _Sums) -> _Sums:
        rows, labels = tokens.slice(h, block, 0), tokens.slice(y, block, 0)[:, None]

        def add(part: Array, so_far: _Sums) -> _Sums:
            x, columns, new = _logits(rows, _columns(h, w, vocabulary, part), vocabulary, part)
            largest = jnp.maximum(so_far.largest, jnp.max(x, 1))
            total = so_far.total * jnp.exp(so_far.largest - largest)
            return _Sums(
                largest,
                total + jnp.sum(jnp.exp(x - largest[:, None]), 1),
                so_far.of_label + jnp.sum(jnp.where((columns == labels) & new, x, 0), 1),
                so_far.sum + jnp.sum(jnp.where(new, x, 0), 1),
            )

        none = jnp.zeros_like(rows[:, 0], _precision(h))
        done = jax.lax.fori_loop(0, vocabulary.number, add, _Sums(none - jnp.inf, none, none, none))
        return _Sums(*(tokens.put(one, block, 0, new) for one, new in zip(sums, done, strict=True)))

    zeros = jnp.zeros_like(h[:, 0], _precision(h))
    sums = jax.lax.fori_loop(0, tokens.number, of_tokens, _Sums(zeros, zeros, zeros, zeros))
    log_total = jnp.log(sums.total)
    log_sum = sums.largest + log_total
    own = log_total - (sums.of_label - sums.largest)
    smooth = log_total - (sums.sum / vocabulary.length - sums.largest)
    loss = (1 - alpha) * own + alpha * smooth + zeta * log_sum**2
    return loss, (h, w, y, alpha, zeta, log_sum, own, smooth)


def _backward(chunk: int, kept: tuple[Array, ...], g: Array) -> tuple[Array | None, ...]:
    h, w, y, alpha, zeta, log_sum, own, smooth = kept
    tokens, vocabulary = _Parts(len(y), _TOKENS), _Parts(w.shape[1], chunk)
    of_token = (h, g, g * (1 + 2 * zeta * log_sum), log_sum, y)

    def of_part(part: Array, of_both: tuple[Array, Array]) -> tuple[Array, Array]:
        matrix = _columns(h, w, vocabulary, part)

        def of_tokens(block: Array, sums: tuple[Array, Array]) -> tuple[Array, Array]:
            of_h, of_columns = sums
            rows, *numbers = (tokens.slice(each, block, 0) for each in of_token)
            slope = _slope(_logits(rows, matrix, vocabulary, part), numbers, alpha, vocabulary.length)
            slope = jnp.where(tokens.is_new(block)[:, None], slope, 0).astype(h.dtype)
            of_rows = tokens.slice(of_h, block, 0) + _product(slope, matrix.T, of_h.dtype)
            return tokens.put(of_h, block, 0, of_rows), of_columns + _product(rows.T, slope, of_h.dtype)

        of_h, of_w = of_both
        start = of_h, jnp.zeros(matrix.shape, of_h.dtype)
        of_h, of_columns = jax.lax.fori_loop(0, tokens.number, of_tokens, start)
        old, new = vocabulary.slice(of_w, part, 1), _bits(of_columns.astype(w.dtype))
        return of_h, vocabulary.put(of_w, part, 1, jnp.where(vocabulary.is_new(part), new, old))

    zeros = jnp.zeros_like(h, _precision(h)), jnp.zeros_like(_bits(w))
    of_h, of_w = jax.lax.fori_loop(0, vocabulary.number, of_part, zeros)
    of_w = jax.lax.bitcast_convert_type(of_w, w.dtype)
    return of_h.astype(h.dtype), of_w, None, jnp.sum(g * (smooth - own)), jnp.sum(g * log_sum**2)


def _slope(
    logits: tuple[Array, Array, Array], of_token: Sequence[Array], alpha: Array, vocabulary: int
) -> Array:
    """The derivative by the logits of a part."""
    g, factor, log_sum, y = of_token
    x, columns, new = logits
    target = jnp.where(columns == y[:, None], 1 - alpha, 0) + alpha / vocabulary
    return jnp.where(new, factor[:, None] * jnp.exp(x - log_sum[:, None]) - g[:, None] * target, 0)


_losses.defvjp(_forward, _backward)

_TOKENS = 512
"""The number of tokens whose logits exist at a time."""


class _Parts(NamedTuple):
    """An axis in parts of one length. The last part overlaps the one before it where it must."""

    length: int
    part: int

    @property
    def size(self) -> int:
        """The length of a part."""
        return min(self.part, self.length)

    @property
    def number(self) -> int:
        """The number of parts."""
        return -(-self.length // max(self.size, 1))

    def places(self, index: Array) -> Array:
        """The places in one part."""
        start = jnp.minimum(index * self.size, self.length - self.size)
        return (start + jnp.arange(self.size)).astype(jnp.int32)

    def is_new(self, index: Array) -> Array:
        """Whether each place in a part is in no earlier one."""
        return self.places(index) >= index * self.size

    def slice(self, x: Array, index: Array, axis: int) -> Array:
        """One part of an array."""
        part = jax.lax.dynamic_slice_in_dim(_bits(x), self.places(index)[0], self.size, axis)
        return jax.lax.bitcast_convert_type(part, x.dtype)

    def put(self, x: Array, index: Array, axis: int, new: Array) -> Array:
        """`x` with another part."""
        return jax.lax.dynamic_update_slice_in_dim(x, new, self.places(index)[0], axis)


def _columns(h: Array, w: Array, vocabulary: _Parts, part: Array) -> Array:
    """The columns of a part of the vocabulary, in the dtype of the hidden states."""
    return vocabulary.slice(w, part, 1).astype(h.dtype)


def _logits(rows: Array, matrix: Array, vocabulary: _Parts, part: Array) -> tuple[Array, Array, Array]:
    """The logits of a part, their places in the vocabulary, and whether they are in no earlier part.

    A logit that is in an earlier part is minus infinity.
    """
    new = vocabulary.is_new(part)[None]
    x = _product(rows, matrix, _precision(rows))
    return jnp.where(new, x, -jnp.inf), vocabulary.places(part)[None], new


def _product(x: Array, y: Array, dtype: np.dtype) -> Array:
    return jnp.matmul(x, y, preferred_element_type=dtype)


def _bits(x: Array) -> Array:
    """An array of 16 bits as integers: XLA on CPU would convert all of it to float32 to take a part."""
    return jax.lax.bitcast_convert_type(x, jnp.uint16) if x.dtype.itemsize == 2 else x


def _precision(h: Array) -> np.dtype:
    """The dtype of the logits and of all sums."""
    return arithmetic_dtype(h.dtype)


def _check(h: Array, w: Array, y: Array) -> None:
    who = "chunked_cross_entropy"
    as_floats(who, hidden=h)
    as_floats(who, unembedding=w)
    as_integers(who, y)
    if w.ndim != 2 or h.shape[-1:] != w.shape[:1]:
        raise ValueError(
            f"{who}: hidden must have the shape (..., features) and unembedding (features, vocabulary), got "
            f"{h.shape} and {w.shape}. For tied embeddings pass the transpose of the table."
        )
    if y.shape != h.shape[:-1]:
        raise ValueError(f"{who}: labels must have the shape {h.shape[:-1]} of the tokens, got {y.shape}.")
