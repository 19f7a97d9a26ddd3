"""Gradients of single examples, and of micro-batches."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from gradtx.microbatching._accumulators import AccumulationType
from gradtx.microbatching._microbatch import micro_vmap, microbatch
from gradtx.tree import norm

Function = Callable[..., Any]


class IndividualOutputs(NamedTuple):
    """The outputs of each example from `micro_grad`: the value, the metrics and the auxiliary output."""

    values: Any
    metrics: Any
    aux: Any


def _unchanged(gradient: Any) -> Any:
    return gradient


def _nothing(gradient: Any) -> Any:
    return None


def micro_grad(
    fun: Function,
    has_aux: bool = False,
    argnums: int | Sequence[int] = 0,
    *,
    batch_argnums: int | Sequence[int] = 1,
    keep_batch_dim: bool = True,
    microbatch_size: int | None = None,
    accumulator: Any = AccumulationType.SUM,
    transform_fn: Callable[[Any], Any] = _unchanged,
    metrics_fn: Callable[[Any], Any] = _nothing,
    num_real_microbatches: int | Array | None = None,
) -> Function:
    """The gradients of single examples, each transformed, as one; in the memory of one micro-batch.

    Args:
      fun: a loss, a number.
      has_aux: whether it returns a pair of the loss and auxiliary output.
      argnums: the position of the argument to differentiate, or of several.
      batch_argnums: the position of the argument with a batch axis, the first one, or of several.
      keep_batch_dim: whether the loss of an example gets arrays with a batch axis, of length 1.
      microbatch_size: the number of examples in a micro-batch; `None`: all.
      accumulator: how the transformed gradients become one, as in `micro_vmap`.
      transform_fn: a function of the gradient of each example, such as a clip.
      metrics_fn: a function of the gradient of each example before `transform_fn`, to a few numbers.
      num_real_microbatches: as in `microbatch`.

    Returns:
      A function of the same arguments, to the gradient and a tuple with the fields `values`, `metrics` and
      `aux`, each with the examples along the first axis.

    Raises:
      ValueError: by that function, as that of `microbatch`.

    >>> loss = lambda w, x: jnp.mean((w * x) ** 2) / 2
    >>> gradient, of_each = micro_grad(loss, metrics_fn=jnp.abs)(1.0, jnp.array([1.0, 3.0]))
    >>> print(gradient, of_each.values, of_each.metrics)
    10.0 [0.5 4.5] [1. 9.]
    """
    batched = [batch_argnums] if isinstance(batch_argnums, int) else [*batch_argnums]
    value_and_grad = jax.value_and_grad(fun, argnums, has_aux)

    def of_example(*args: Any, **kwargs: Any) -> Any:
        result, gradient = value_and_grad(*args, **kwargs)
        value, aux = result if has_aux else (result, None)
        return transform_fn(gradient), IndividualOutputs(value, metrics_fn(gradient), aux)

    def of_batch(*args: Any, **kwargs: Any) -> Any:
        axes = [0 if place in batched else None for place in range(len(args))]
        if keep_batch_dim:
            args = tuple(
                jax.tree.map(lambda x: jnp.expand_dims(x, 1), arg) if place in batched else arg
                for place, arg in enumerate(args)
            )
        return micro_vmap(
            of_example,
            axes,
            microbatch_size=microbatch_size,
            accumulator=(accumulator, AccumulationType.CONCAT),
            num_real_microbatches=num_real_microbatches,
        )(*args, **kwargs)

    return of_batch


def microbatched_value_and_grad(
    fun: Function, k: int, argnums: int | Sequence[int] = 0, *, batch_argnums: int | Sequence[int] = 1
) -> Function:
    r"""`jax.value_and_grad` of a mean over a batch, by `k` micro-batches, with the norms of their gradients.

    $$\bar\ell = \frac1k \sum_{i=1}^k \ell_i, \qquad \bar g = \frac1k \sum_{i=1}^k \nabla \ell_i, \qquad
      n_i = \|\nabla \ell_i\|$$

    The squares of $n_i$ and $\|\bar g\|$ estimate the noise of gradients: for micro-batches of $b$ examples,
    $\frac1k \sum n_i^2 - \|\bar g\|^2$ is $\frac{k - 1}{k b}$ times the variance of the gradient of one
    example.

    Args:
      fun: a loss that is a mean over the examples.
      k: the number of micro-batches. They have equal lengths.
      argnums: the position of the argument to differentiate, or of several.
      batch_argnums: the position of the argument with a batch axis, the first one, or of several.

    Returns:
      A function of the same arguments, to the value, the gradient and an array of the `k` norms, all in
      float32 or wider.

    Raises:
      ValueError: by that function, for a batch that `k` does not divide.

    **Reference**: McCandlish et al. (2018), *An Empirical Model of Large-Batch Training*, arXiv:1812.06162,
    appendix A, for the estimate.

    >>> loss = lambda w, x: jnp.mean((w * x) ** 2) / 2
    >>> value, gradient, norms = microbatched_value_and_grad(loss, 2)(1.0, jnp.array([1.0, 3.0]))
    >>> print(value, gradient, norms)
    2.5 5.0 [1. 9.]
    """
    if k < 1:
        raise ValueError(f"microbatched_value_and_grad: k must be at least 1, got {k}.")
    value_and_grad = jax.value_and_grad(fun, argnums)
    batched = [batch_argnums] if isinstance(batch_argnums, int) else [*batch_argnums]

    def of_micro_batch(*args: Any, **kwargs: Any) -> tuple[Any, Any, Array]:
        value, gradient = value_and_grad(*args, **kwargs)
        return value, gradient, norm(gradient)

    def of_batch(*args: Any, **kwargs: Any) -> tuple[Any, Any, Array]:
        length = jnp.shape(jax.tree.leaves([args[place] for place in batched])[0])[0]
        if length % k:
            raise ValueError(
                f"microbatched_value_and_grad: {k} micro-batches do not divide {length} examples."
            )
        kinds = (AccumulationType.RUNNING_MEAN, AccumulationType.RUNNING_MEAN, AccumulationType.CONCAT)
        return microbatch(of_micro_batch, batched, length // k, kinds)(*args, **kwargs)

    return of_batch
