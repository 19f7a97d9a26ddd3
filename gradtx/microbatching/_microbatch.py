"""Functions of a batch that run on one micro-batch after the other."""

from collections.abc import Callable, Iterator, Sequence
from functools import wraps
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from gradtx.microbatching._accumulators import AccumulationType, composed
from gradtx.microbatching._batches import reshape_batch_axis

Function = Callable[..., Any]


def microbatch(
    fun: Function,
    argnums: int | Sequence[int],
    microbatch_size: int | None,
    accumulator: Any = AccumulationType.SUM,
    *,
    argnames: str | Sequence[str] = (),
    in_axes: int | Sequence[int] = 0,
    num_real_microbatches: int | Array | None = None,
) -> Function:
    """A function of a batch that runs on one micro-batch after the other, in the memory of one.

    The function runs in one compiled loop. Its results become one by an accumulator. The micro-batches
    interleave, as `reshape_batch_axis` says.

    Args:
      fun: the function.
      argnums: the position of the argument with a batch axis, or of several.
      microbatch_size: the number of examples in a micro-batch. `None` returns the function as it is.
      accumulator: an `Accumulator` or an `AccumulationType`, or a tree of them that is a prefix of the
        results. Sums and means of numbers of 16 bits are in float32.
      argnames: the name of an argument by keyword with a batch axis, or of several.
      in_axes: the batch axis, or one for each of these arguments: first `argnums`, then `argnames`.
      num_real_microbatches: the number of micro-batches that run, which may be traced. The batch can so have
        one shape and different numbers of examples; then there is no reverse-mode derivative.

    Returns:
      A function of the same arguments.

    Raises:
      ValueError: by that function, for batches of different lengths or without a batch, and for one that is
        no whole number of micro-batches.
      TypeError: by that function, for a mean of integers.

    >>> per_example = lambda x: (jnp.sum(x), 2 * x)
    >>> kinds = (AccumulationType.SUM, AccumulationType.CONCAT)
    >>> total, doubled = microbatch(per_example, 0, 2, kinds)(jnp.arange(4.0))
    >>> print(total, doubled)
    6.0 [0. 2. 4. 6.]
    """
    if microbatch_size is None:
        return fun
    places: list[int | str] = [argnums] if isinstance(argnums, int) else [*argnums]
    places += [argnames] if isinstance(argnames, str) else argnames
    axes = [in_axes] * len(places) if isinstance(in_axes, int) else [*in_axes]
    batched = list(zip(places, axes, strict=True))

    @wraps(fun)
    def microbatched(*args: Any, **kwargs: Any) -> Any:
        given: dict[int | str, Any] = {**dict(enumerate(args)), **kwargs}
        count = _length(given, batched) // microbatch_size
        for place, axis in batched:
            given[place] = reshape_batch_axis(given[place], microbatch_size, axis)

        def of(index: Any) -> Any:
            own = dict(given)
            for place, axis in batched:
                own[place] = jax.tree.map(lambda x, axis=axis: _at(x, index, axis), given[place])
            return fun(*(own[place] for place in range(len(args))), **{name: own[name] for name in kwargs})

        kinds = composed(accumulator, count)
        start = kinds.init(jax.eval_shape(of, 0))
        loops = count if num_real_microbatches is None else num_real_microbatches
        end = jax.lax.fori_loop(0, loops, lambda index, carry: kinds.update(carry, of(index), index), start)
        return kinds.finalize(end)

    return microbatched


def _at(x: Array, index: Any, axis: int) -> Array:
    """A micro-batch; an axis that counts from the end is one further from it now."""
    return jax.lax.dynamic_index_in_dim(x, index, axis if axis >= 0 else axis - 1, keepdims=False)


def _length(given: dict[int | str, Any], batched: list[tuple[int | str, int]]) -> int:
    """The number of examples.

    Raises:
      ValueError: where the arguments differ in it, or have none.
    """
    lengths = {n for place, axis in batched for n in _lengths(given[place], axis)}
    if len(lengths) != 1:
        found = f"the lengths {sorted(lengths)}" if lengths else "no arrays"
        raise ValueError(f"microbatch: the batch axes must have one length, got {found}.")
    return lengths.pop()


def _lengths(tree: Any, axis: int) -> Iterator[int]:
    return (jnp.shape(x)[axis] for x in jax.tree.leaves(tree))


def micro_vmap(
    fun: Function,
    in_axes: int | Sequence[int | None] = 0,
    out_axes: int = 0,
    *,
    microbatch_size: int | None = None,
    vmap_fn: Function = jax.vmap,
    accumulator: Any = AccumulationType.CONCAT,
    num_real_microbatches: int | Array | None = None,
) -> Function:
    """`jax.vmap` of one micro-batch after the other, with an accumulator of the results.

    Args:
      fun: a function of single examples.
      in_axes: the axis along which an argument is mapped, or one for each; `None` in the place of an argument
        that is not. Arguments by keyword are mapped along their first axis.
      out_axes: 0, as in Optax.
      microbatch_size: the number of examples in a micro-batch; `None`: all.
      vmap_fn: another function with the first three parameters of `jax.vmap`.
      accumulator: as in `microbatch`; a sum or a mean is over the examples, which are never stored together.
      num_real_microbatches: as in `microbatch`.

    Returns:
      A function of the batch.

    Raises:
      ValueError: for other `out_axes`; and by that function, as that of `microbatch`.

    >>> squares = micro_vmap(lambda x: x**2, microbatch_size=2, accumulator=AccumulationType.SUM)
    >>> print(squares(jnp.arange(4.0)))
    14.0
    """
    if out_axes != 0:
        raise ValueError(f"micro_vmap: out_axes must be 0, got {out_axes}. Move the axis afterwards.")

    def mapped(*args: Any, **kwargs: Any) -> Any:
        axes = (in_axes,) * len(args) if isinstance(in_axes, int) else tuple(in_axes)

        def of_micro_batch(*args: Any, **kwargs: Any) -> Any:
            # The keywords as one argument: a function of `vmap_fn` may not take any.
            results = vmap_fn(lambda args, kwargs: fun(*args, **kwargs), (axes, 0), 0)(args, kwargs)
            return composed(accumulator, 1).aggregate(results)

        return microbatch(
            of_micro_batch,
            [place for place, axis in enumerate(axes) if axis is not None],
            microbatch_size,
            accumulator,
            argnames=tuple(kwargs),
            in_axes=[*(axis for axis in axes if axis is not None), *(0 for _ in kwargs)],
            num_real_microbatches=num_real_microbatches,
        )(*args, **kwargs)

    return mapped
