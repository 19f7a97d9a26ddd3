"""A training step, from gradients to parameters, outside of a `jit` of the user."""

from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any

import jax

from gradtx.core import (
    GradientTransformation,
    OptState,
    Params,
    Updates,
    apply_updates,
    as_transformation,
    checks_keywords,
    gone_array,
)
from gradtx.stepping._slices import CHUNK, LARGE_CHUNK, has_narrow
from gradtx.tree import ARRAYS_AND_NUMBERS, is_traced, laid_out, outline, spelled

if TYPE_CHECKING:
    from gradtx.stepping._splitting import Plan


class Stepper:
    r"""Runs the update of an optimizer and applies it: $\theta \leftarrow \theta + u$, compiled and in place.

    It is for training code without a `jit` around the step, such as a notebook, and for trees of thousands of
    leaves, for which the compilation of one program takes longer than training.

    A step over few small leaves is one compiled call. Else it is *split*: a call for every few leaves, and
    some calls for the numbers that all leaves share. Leaves of one shape share one program, so that
    thousands of them compile as fast as a few, and the temporaries are those of a few leaves. A step takes
    about ten microseconds more for each leaf.

    The optimizer is an argument of the compiled program. Neither
    `stepper.tx = replace(stepper.tx, learning_rate=r)` nor another `Stepper` of the same structure compiles
    again.

    Parameters and state are donated: the step reuses their memory, and the old arrays cannot be read again.

    Args:
      tx: the optimizer.
      split_above: the number of leaves above which the step is split. By default the step is split above
        256 leaves, and above eight million numbers.

    >>> import jax.numpy as jnp
    >>> from gradtx import sgd
    >>> stepper = Stepper(sgd(0.1))
    >>> params = {"w": jnp.array([1.0, 2.0])}
    >>> state = stepper.init(params)
    >>> params, state = stepper(params, state, gradients={"w": jnp.array([1.0, -1.0])})
    >>> params
    {'w': Array([0.9, 2.1], dtype=float32)}
    """

    def __init__(self, tx: Any, split_above: int | None = None):
        self.tx = tx
        self.split_above = split_above

    @property
    def tx(self) -> GradientTransformation:
        """The optimizer, which can be replaced by assignment."""
        return self._tx

    @tx.setter
    def tx(self, tx: Any) -> None:
        self._tx = as_transformation(tx)

    def __repr__(self) -> str:
        return laid_out(f"Stepper({spelled(self.tx)}, split_above={self.split_above})")

    def init(self, params: Params) -> OptState:
        """The state for these parameters before the first step, in arrays that nothing else refers to."""
        leaves, treedef = jax.tree.flatten(self.tx.init(params))
        for index, leaf in enumerate(leaves):
            if isinstance(leaf, jax.Array):
                leaves[index] = leaf.copy()
        return treedef.unflatten(leaves)

    @checks_keywords
    def __call__(
        self, params: Params, state: OptState, *, gradients: Updates, **extra: Any
    ) -> tuple[Params, OptState]:
        """The parameters and the state after a step, from those before it.

        The gradients are passed by name, since they have the structure of the parameters: trees in another
        order would train wrongly without an error.

        Extra arguments reach the optimizer. An argument with anything else than arrays and numbers, such as a
        function, must be hashable and is a part of the program: another one compiles again.

        Args:
          params: the parameters.
          state: the state that `init` or the last step returned.
          gradients: the gradients at `params`.
          **extra: the arguments that the optimizer `needs`, by name.

        Raises:
          TypeError: for an extra argument of neither kind, with its name; and for traced arguments.
          RuntimeError: for an array that was donated to an earlier step, with its name.
          ValueError: for arrays on different devices, or on different meshes.
        """
        traced = {name: value for name, value in extra.items() if _is_data(value)}
        fixed = tuple((name, _hashable(name, extra[name])) for name in extra if name not in traced)
        donated, reused = jax.tree.flatten((params, state))
        kept, treedef = jax.tree.flatten((self.tx, gradients, traced))
        arrays = [leaf for leaf in (*donated, *kept) if isinstance(leaf, jax.Array)]
        if is_traced(arrays):
            raise TypeError(
                "Stepper: the arguments are traced. A Stepper compiles its step itself; inside of jax.jit, "
                "jax.vmap or jax.grad call tx.update and apply_updates."
            )
        # Before the call, which takes arrays and may fail after that.
        if any(array.is_deleted() for array in arrays) and (
            gone := gone_array("Stepper", params=params, state=state, gradients=gradients)
        ):
            raise gone
        donated = _apart(donated, kept)
        slices = slices_for(jax.tree.leaves(state), arrays)
        if slices is None and not is_split(jax.tree.leaves(params), self.split_above):
            return _whole(fixed, *reused.unflatten(donated), *treedef.unflatten(kept))
        _refuse_several_devices(arrays)
        kinds = tuple(map(_kind, donated)), tuple(map(_kind, kept))
        plan, result = _plan(fixed, reused, treedef, kinds, slices, _context())
        return result.unflatten(plan([*donated, *kept]))


def step_of(
    fixed: tuple[tuple[str, Any], ...],
    params: Params,
    state: OptState,
    tx: GradientTransformation,
    updates: Updates,
    traced: dict[str, Any],
) -> tuple[Params, OptState]:
    """The parameters and the state after a step; `fixed` are the extra arguments that are no data."""
    updates, state = tx.wide_update(updates, state, params, **traced, **dict(fixed))
    return apply_updates(params, updates), state


_whole = jax.jit(step_of, static_argnums=0, donate_argnums=(1, 2))


@lru_cache(maxsize=64)
def _plan(
    fixed: Any, reused: Any, treedef: Any, kinds: tuple[Any, Any], slices: int | None, context: Any
) -> tuple["Plan", Any]:
    """The split step for arguments of this structure and these kinds, and the structure of its result.

    `context` is a part of the key alone: tracing reads it from the configuration of JAX.
    """
    from gradtx.stepping._splitting import split  # noqa: PLC0415 - loaded for deep trees alone

    donated, kept = kinds
    arguments = *reused.unflatten(donated), *treedef.unflatten(kept)
    traced, result = jax.make_jaxpr(partial(step_of, fixed), return_shape=True)(*arguments)
    return split(traced, range(len(donated)), slices=slices), jax.tree.structure(result)


def _context() -> tuple[Any, ...]:
    """The configuration on which a trace depends, besides its arguments."""
    config = jax.config
    return (
        config.jax_enable_x64,  # pyright: ignore[reportAttributeAccessIssue]
        config.jax_default_matmul_precision,  # pyright: ignore[reportAttributeAccessIssue]
        config.jax_numpy_dtype_promotion,  # pyright: ignore[reportAttributeAccessIssue]
        config.jax_numpy_rank_promotion,  # pyright: ignore[reportAttributeAccessIssue]
        config.jax_default_prng_impl,  # pyright: ignore[reportAttributeAccessIssue]
        config.jax_threefry_partitionable,  # pyright: ignore[reportAttributeAccessIssue]
        jax.sharding.get_abstract_mesh(),
    )


MANY_LEAVES = 256
"""More leaves compile faster in small programs."""

MANY_NUMBERS = 2**23
"""A step over more numbers takes so long that its calls take none of it."""


def is_split(params: list[Any], above: int | None) -> bool:
    """Whether a step is split: above so many leaves, by default for many leaves and for many numbers."""
    if above is not None:
        return len(params) > above
    return len(params) > MANY_LEAVES or sum(getattr(leaf, "size", 1) for leaf in params) > MANY_NUMBERS


def _refuse_several_devices(arrays: list[jax.Array]) -> None:
    # As one compiled call would, but before any program of a split step has taken an array.
    # The results of a program share few objects, which are told apart faster than their sets of devices.
    shardings = {id(own): own for own in (array.sharding for array in arrays if array.committed)}
    sets = {frozenset(own.device_set) for own in shardings.values()}
    if len(sets) > 1:
        named = " and ".join(sorted(str(sorted(map(str, devices))) for devices in sets)[:2])
        raise ValueError(
            f"Stepper: some arrays are on {named}. A compiled step needs all of them on the same devices: "
            "move them with jax.device_put, or call tx.update and apply_updates outside of jax.jit."
        )


def slices_for(state: list[Any], leaves: list[Any]) -> int | None:
    """About the numbers in a slice, for a state with arrays of less than 32 bits.

    Otherwise XLA needs no temporaries, and there are no slices. A loop over a sharded axis would gather it.
    """
    chunk = CHUNK if jax.default_backend() == "cpu" else LARGE_CHUNK
    whole = all(leaf.is_fully_replicated for leaf in leaves if isinstance(leaf, jax.Array))
    return chunk if whole and has_narrow(state, chunk) else None


def _apart(donated: list[Any], kept: list[Any]) -> list[Any]:
    """`donated` with a copy of each array that occurs in it twice, or also in `kept`."""
    seen = set(map(id, kept))
    apart = []
    for leaf in donated:
        twice = id(leaf) in seen and isinstance(leaf, jax.Array)
        seen.add(id(leaf))
        apart.append(leaf.copy() if twice else leaf)
    return apart


def _hashable(name: str, value: Any) -> Any:
    try:
        hash(value)
    except TypeError:
        raise TypeError(
            f"Stepper: the extra argument {name!r} must be hashable, or consist of arrays and numbers alone, "
            f"got {outline(value)}."
        ) from None
    return value


def _kind(leaf: Any) -> Any:
    """The abstract value of a leaf, which an array has as an attribute."""
    return leaf.aval if isinstance(leaf, jax.Array) else jax.typeof(leaf)


def _is_data(value: Any) -> bool:
    return all(isinstance(leaf, ARRAYS_AND_NUMBERS) for leaf in jax.tree.leaves(value))
