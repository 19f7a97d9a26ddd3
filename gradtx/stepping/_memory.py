"""The memory of a training step, from the compiler."""

import math
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import jax

from gradtx.core import Params, Table, as_transformation, bytes_in_words
from gradtx.stepping._stepper import is_split, slices_for, step_of
from gradtx.tree import abstract

if TYPE_CHECKING:
    from gradtx.stepping._splitting import Plan


class Memory(NamedTuple):
    """The bytes of a training step on one device."""

    params: int
    """The parameters."""
    gradients: int
    """The gradients, in the precision of the parameters."""
    state: int
    """The state of the optimizer."""
    temporaries: int
    """The arrays that exist during the update alone."""

    @property
    def peak(self) -> int:
        """The bytes at the peak of the update, without the activations of the model."""
        return sum(self)


def memory(tx: Any, params: Params, **extra: Any) -> Table:
    """A table of the memory of a training step: in one `jax.jit`, and by a `Stepper`.

    The step is compiled for the default device, and its temporaries are those of the compiler's analysis.
    Nothing is allocated. Parameters and state are donated, as `Stepper` does.

    Args:
      tx: the optimizer.
      params: the parameters, or their shapes and dtypes.
      **extra: the extra arguments that the optimizer needs, or their shapes and dtypes.

    >>> import jax
    >>> from gradtx import adam
    >>> memory(adam(0.1), {"w": jax.ShapeDtypeStruct((1000, 1000), "float32")})
    step     parameters  gradients    state  temporaries      peak
    jax.jit     4.00 MB    4.00 MB  8.00 MB        ... B  16.00 MB
    Stepper     4.00 MB    4.00 MB  8.00 MB        ... B  16.00 MB
    """
    rows = [
        (name, *map(bytes_in_words, (*found, found.peak)))
        for name, measure in (("jax.jit", of_jit), ("Stepper", of_stepper))
        for found in [measure(tx, params, **extra)]
    ]
    header = ("step", "parameters", "gradients", "state", "temporaries", "peak")
    return Table(header, rows, right=header[1:])


def of_jit(tx: Any, params: Params, **extra: Any) -> Memory:
    """The memory of a step in one `jax.jit` that donates parameters and state."""
    arguments = _arguments(tx, params, extra)
    step = jax.jit(partial(step_of, ()), donate_argnums=(0, 1))
    return _memory(arguments, _temporaries(step, *arguments))


def of_stepper(tx: Any, params: Params, split_above: int | None = None, **extra: Any) -> Memory:
    """The memory of a step of a `Stepper`."""
    arguments = _arguments(tx, params, extra)
    donated, kept = jax.tree.leaves(arguments[:2]), jax.tree.leaves(arguments[2:])
    slices = slices_for(jax.tree.leaves(arguments[1]), donated + kept)
    if slices is None and not is_split(jax.tree.leaves(params), split_above):
        return of_jit(tx, params, **extra)
    from gradtx.stepping._splitting import split  # noqa: PLC0415 - as in the Stepper

    traced = jax.make_jaxpr(partial(step_of, ()))(*arguments)
    return _memory(arguments, _peak_of(split(traced, range(len(donated)), slices=slices)))


def _arguments(tx: Any, params: Params, extra: dict[str, Any]) -> tuple[Any, ...]:
    tx, params = as_transformation(tx), abstract(params)
    return params, jax.eval_shape(tx.init, params), tx, params, abstract(extra)


def _memory(arguments: tuple[Any, ...], temporaries: int) -> Memory:
    params, state, *_ = arguments
    return Memory(_bytes(params), _bytes(params), _bytes(state), temporaries)


def _bytes(tree: Any) -> int:
    return sum(math.prod(leaf.shape) * leaf.dtype.itemsize for leaf in jax.tree.leaves(tree))


def _temporaries(program: Any, *arguments: Any) -> int:
    """The temporaries of a program, and the results that take no memory of an argument."""
    found = program.lower(*arguments).compile().memory_analysis()
    return found.temp_size_in_bytes + found.output_size_in_bytes - found.alias_size_in_bytes


def _peak_of(plan: "Plan") -> int:
    """The largest sum of the arrays that a plan has made so far and the temporaries of a call."""
    analyses: dict[int, Any] = {}
    made = peak = 0
    for call in plan.calls:
        if id(call.program) not in analyses:
            kinds = [plan.kinds[slot] for slot in call.reads]
            program: Any = call.program  # compiled by `jax.jit`
            analyses[id(call.program)] = program.lower(*kinds).compile().memory_analysis()
        found = analyses[id(call.program)]
        made += found.output_size_in_bytes - found.alias_size_in_bytes
        peak = max(peak, made + found.temp_size_in_bytes)
    return peak
