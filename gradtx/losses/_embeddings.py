"""Losses of distances between embeddings."""

import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike

from gradtx.losses._arrays import Axis, as_floats, axes_of, in_one_shape
from gradtx.losses._log_softmax import log_softmax
from gradtx.losses._regression import cosine_similarity


def ntxent(embeddings: ArrayLike, labels: ArrayLike, temperature: ArrayLike = 0.07) -> Array:
    r"""The normalized temperature-scaled cross entropy between embeddings of equal and of other labels.

    $$\ell = \frac{1}{|P|} \sum_{(i, j) \in P} -\log
      \frac{e^{s_{ij}}}{e^{s_{ij}} + \sum_{k:\, y_k \ne y_i} e^{s_{ik}}}, \qquad
      P = \{(i, j): i \ne j,\ y_i = y_j\}$$

    with $s_{ij}$ the cosine similarity over the temperature $\tau$. Pairs of one label do not compete with
    each other.

    Args:
      embeddings: the embeddings, of shape (batch, features).
      labels: the labels $y$, of shape (batch,).
      temperature: $\tau$.

    Returns:
      The mean over all pairs of one label, in float32 or wider; 0 without such a pair.

    Raises:
      TypeError: for embeddings that are not floating-point.
      ValueError: for labels of another number than the embeddings.

    **Reference**: Chen et al. (2020), *A Simple Framework for Contrastive Learning*, arXiv:2002.05709,
    equation 1, with labels in the place of pairs of views.

    >>> x = jnp.array([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    >>> print(ntxent(x, jnp.array([0, 0, 1]), temperature=1.0))  # log(1 + 1 / e)
    0.31326163
    """
    (x,), y = as_floats("ntxent", embeddings=embeddings), jnp.asarray(labels)
    if x.ndim != 2 or y.shape != x.shape[:1]:
        raise ValueError(
            "ntxent: embeddings must have the shape (batch, features) and labels (batch,), got "
            f"{x.shape} and {y.shape}."
        )
    shape = (len(x), *x.shape)
    s = cosine_similarity(jnp.broadcast_to(x[:, None], shape), jnp.broadcast_to(x[None], shape))
    s = s / jnp.asarray(temperature, x.dtype)
    equal = y[:, None] == y[None]
    pairs = equal & ~jnp.eye(len(x), dtype=bool)
    # For each pair a softmax over itself, first, and the others of another label.
    competing = jnp.concatenate([s[..., None], jnp.broadcast_to(s[:, None], (*s.shape, len(x)))], axis=-1)
    mask = jnp.concatenate([pairs[..., None], jnp.broadcast_to(~equal[:, None], (*s.shape, len(x)))], axis=-1)
    loss = -log_softmax(competing, (2,), mask & pairs[..., None]).values[..., 0]
    return jnp.sum(jnp.where(pairs, loss, 0)) / jnp.maximum(jnp.sum(pairs.astype(x.dtype)), 1)


def triplet_margin_loss(
    anchors: ArrayLike,
    positives: ArrayLike,
    negatives: ArrayLike,
    axis: Axis = -1,
    norm_degree: ArrayLike = 2,
    margin: ArrayLike = 1.0,
    eps: ArrayLike = 1e-6,
) -> Array:
    r"""The amount by which an anchor is not nearer to one embedding than to another, by a margin.

    $$\ell = \max\bigl(0,\ d(a, p) - d(a, n) + m\bigr), \qquad
      d(x, y) = \Bigl(\epsilon + \sum_i |x_i - y_i|^q\Bigr)^{1/q}$$

    Args:
      anchors: the embeddings $a$.
      positives: the embeddings $p$ that are to be near.
      negatives: the embeddings $n$ that are to be far.
      axis: the axes of an embedding; `None`: all.
      norm_degree: the degree $q$ of the norm.
      margin: the margin $m$.
      eps: the number $\epsilon$, which gives the distance 0 a derivative.

    Returns:
      The losses, in float32 or wider, without `axis`.

    Raises:
      TypeError: for anchors that are not floating-point.
      ValueError: for shapes that each lack an axis of the other.

    **Reference**: Schroff et al. (2015), *FaceNet*, arXiv:1503.03832, equation 3, with distances in the
    place of their squares. Optax takes powers of the differences, not of their absolute values, so that
    an odd degree gives NaN.

    >>> a, p, n = jnp.zeros(2), jnp.array([3.0, 4.0]), jnp.array([0.0, 5.5])
    >>> print(triplet_margin_loss(a, p, n))
    0.5
    """
    a, p, n = as_floats("triplet_margin_loss", anchors=anchors, positives=positives, negatives=negatives)
    a, p, n = in_one_shape("triplet_margin_loss", anchors=a, positives=p, negatives=n)
    axes, degree = axes_of(axis, a.ndim), jnp.asarray(norm_degree, a.dtype)

    def distance(x: Array, y: Array) -> Array:
        return (jnp.sum(jnp.abs(x - y) ** degree, axes) + jnp.asarray(eps, x.dtype)) ** (1 / degree)

    return jnp.maximum(distance(a, p) - distance(a, n) + jnp.asarray(margin, a.dtype), 0)
