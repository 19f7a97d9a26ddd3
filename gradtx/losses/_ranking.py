"""Losses of an order of items."""

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike

from gradtx.losses._arrays import as_floats, in_one_shape, mask_of
from gradtx.losses._log_softmax import log_softmax


def ranking_softmax_loss(
    logits: ArrayLike,
    labels: ArrayLike,
    *,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduce_fn: Callable[..., Any] | None = jnp.mean,
) -> Array:
    r"""The cross entropy between the relevance of the items of a list and a softmax of their scores.

    $$\ell = -\sum_i w_i\, y_i \log \frac{e^{x_i}}{\sum_j e^{x_j}}$$

    Args:
      logits: the scores $x$ of the items, along the last axis.
      labels: the relevances $y$; integers and booleans are converted.
      where: the items that count, in the shape of the scores. `None`: all.
      weights: the weights $w$ of the items; `None`: 1.
      reduce_fn: the reduction of the losses of the lists, called with `where=` for the lists that have items;
        `None` returns the loss of each list.

    Returns:
      The reduced loss, in float32 or wider; 0 where no list has items.

    Raises:
      TypeError: for scores that are not floating-point.
      ValueError: for two shapes that each lack an axis of the other.

    **Reference**: Cao et al. (2007), *Learning to Rank: From Pairwise Approach to Listwise Approach*,
    doi:10.1145/1273496.1273513.

    >>> scores, relevance = jnp.array([[0.0, 0.0, 9.0]]), jnp.array([[1, 0, 2]])
    >>> print(ranking_softmax_loss(scores, relevance, where=jnp.array([[1, 1, 0]])))
    0.6931472
    """
    who = "ranking_softmax_loss"
    x, y, w = as_floats(who, logits=logits, labels=labels, weights=1.0 if weights is None else weights)
    x, y, w = in_one_shape(who, logits=x, labels=y, weights=w)
    mask = mask_of(who, where, x.shape)
    log_p = log_softmax(x, (x.ndim - 1,), mask).values
    relevance = jnp.where(mask, y * w, 0)
    loss = -jnp.sum(relevance * jnp.where(relevance == 0, 0, log_p), -1)
    if reduce_fn is None:
        return loss
    lists = jnp.any(mask, -1)
    return jnp.where(jnp.any(lists), reduce_fn(loss, where=lists | ~jnp.any(lists)), 0)
