"""Stacks: several optimizers of one structure as one value, for `jax.vmap`."""

import operator
from collections.abc import Iterable, Iterator
from typing import Any, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from gradtx.core._annotations import OptState, Params
from gradtx.core._fields import is_static
from gradtx.core._lifting import as_transformation
from gradtx.core._replace import fields_of
from gradtx.core._transformation import GradientTransformation
from gradtx.core._value import Value
from gradtx.tree import outline

T = TypeVar("T", bound=GradientTransformation)


def stack(txs: Iterable[T]) -> T:
    """Several optimizers as one value, a *stack*, in which each number is an array with an entry for each.

    The optimizers have one structure, and differ in their numbers alone. `jax.vmap` maps `init` and `update`
    over the members of a stack. `jax.vmap(adamw)(rates)` makes the same value as
    `stack([adamw(rate) for rate in rates])`, but does not check the bounds. Stacks of equal shape can be
    stacked again.

    Args:
      txs: the optimizers.

    Raises:
      ValueError: for optimizers that differ in more than their numbers, with the field that differs; for a
        number out of bounds; for optimizers without numbers.

    >>> import jax, jax.numpy as jnp
    >>> from gradtx import sgd
    >>> rates = jnp.array([0.1, 0.2, 0.4])
    >>> tx = stack([sgd(rate) for rate in rates])
    >>> tx
    chain(identity(), scale_by_learning_rate(learning_rate=[0.1, 0.2, 0.4]))
    >>> tx == jax.vmap(sgd)(rates)
    True
    """
    if isinstance(txs, GradientTransformation):
        raise TypeError(f"stack takes a list of optimizers, got one: {outline(txs)}.")
    each: list[Any] = list(map(as_transformation, txs))
    if not each:
        raise ValueError("stack takes at least one optimizer, got none.")
    for index, tx in enumerate(each):
        _require_alike(each[0], tx, index)
    if not jax.tree.leaves(each[0]):
        raise ValueError(f"stack: {outline(each[0])} has no numbers, so that all members would be equal.")
    stacked = jax.tree.map(lambda *numbers: jnp.stack(numbers), *each)
    for value in (stacked, *(held for _, held in fields_of(stacked) if isinstance(held, Value))):
        for name, number, bounds in value.out_of_bounds():
            raise ValueError(
                f"stack: {type(value).__name__}: {name} must be {bounds}, and a member has {number:g}."
            )
    return stacked


def unstack(tx: T) -> list[T]:
    """The members of a stack along its first axis, as a list.

    Args:
      tx: a stacked optimizer.

    Raises:
      ValueError: for an optimizer that is no stack.

    >>> from gradtx import scale
    >>> unstack(stack([scale(0.1), scale(0.2)]))
    [scale(step_size=0.1), scale(step_size=0.2)]
    """
    return [member(tx, index) for index in range(_shape_of_stack("unstack", tx)[0])]


def member(tx: T, i: Any) -> T:
    """One optimizer of a stack.

    A Python number comes back as one, with the digits of the default float dtype.

    Args:
      tx: a stacked optimizer.
      i: the index of the member, which may be traced; for a stack with several axes, a tuple with an index
        for each. A shorter one gives a stack of the axes that are left.

    Raises:
      ValueError: for an optimizer that is no stack.
      IndexError: for an index without a member.

    >>> import jax, jax.numpy as jnp
    >>> from gradtx import sgd
    >>> member(jax.vmap(sgd)(jnp.array([0.5, 0.25])), -1)
    chain(identity(), scale_by_learning_rate(learning_rate=np.float32(0.25)))
    """
    shape = _shape_of_stack("member", tx)
    index = i if isinstance(i, tuple) else (i,)
    known = [
        (entry, size) for entry, size in zip(index, shape, strict=False) if not isinstance(entry, Tracer)
    ]
    if len(index) > len(shape) or any(not -size <= operator.index(entry) < size for entry, size in known):
        raise IndexError(f"member: the stack has the shape {shape}, and no member {i}.")
    return jax.tree.map(lambda numbers: _plain(numbers[index]), tx)


def members(tx: Any) -> tuple[int, ...]:
    """The shape of a stack: `(16,)` for 16 members, and `()` for an optimizer that is not stacked.

    Args:
      tx: an optimizer.

    Raises:
      ValueError: where the numbers of the optimizer differ in shape.

    >>> import jax, jax.numpy as jnp
    >>> from gradtx import sgd
    >>> members(sgd(0.1)), members(jax.vmap(sgd)(jnp.array([0.1, 0.2, 0.4])))
    ((), (3,))
    """
    shapes = list(dict.fromkeys(map(np.shape, jax.tree.leaves(as_transformation(tx)))))
    if len(shapes) > 1:
        raise ValueError(
            f"members: the numbers of {type(tx).__name__} have different shapes, {shapes[0]} and "
            f"{shapes[1]}. In a stack each number is an array of one shape; stack([...]) makes such a value."
        )
    return shapes[0] if shapes else ()


def state_axes(tx: Any, params: Params) -> Any:
    """The axes of the state of a stack for `jax.vmap`: `None` at each count of updates, 0 elsewhere.

    All members count alike, so that one count serves them. With this tree as `in_axes` and `out_axes` of the
    state, a condition on the count stays a branch of the compiled program, and runs at its steps alone. A
    plain `jax.vmap` of `update` gives the same numbers, but maps the count too, and computes every branch at
    every step: SOAP then renews its bases each time. A count that begins inside of the mapped function, as
    where a whole training is mapped, is shared without this tree.

    A count that depends on the data, as in `guard`, `apply_if_finite` and the transformations that they
    wrap, has an entry for each member, and so has the state of an object of another library.

    Args:
      tx: a stacked optimizer, with any number of axes; each nested `jax.vmap` takes the same tree.
      params: the parameters of one member, or their shapes and dtypes (`jax.ShapeDtypeStruct`).

    >>> import jax, jax.numpy as jnp
    >>> from gradtx import scale_by_adam
    >>> tx, params = jax.vmap(scale_by_adam)(jnp.array([0.5, 0.75, 0.875])), jnp.zeros(2)
    >>> axes = state_axes(tx, params)
    >>> axes
    ScaleByAdamState(count=None, mu=0, nu=0)
    >>> state = jax.vmap(lambda tx: tx.init(params), out_axes=axes)(tx)
    >>> update = jax.vmap(lambda tx, g, s: tx.update(g, s), in_axes=(0, None, axes), out_axes=(0, axes))
    >>> _, state = update(tx, jnp.ones(2), state)
    >>> int(state.count), state.mu[:, 0]
    (1, Array([0.5  , 0.25 , 0.125], dtype=float32))
    """
    tx = as_transformation(tx)
    state = jax.eval_shape(one_of(tx).init, params)
    counts = set(map(id, _counts(tx, state)))
    return jax.tree.map(lambda leaf: None if id(leaf) in counts else 0, state)


def one_of(tx: GradientTransformation) -> GradientTransformation:
    """The first member of a stack, or an optimizer that is not stacked, as it is."""
    shape = members(tx)
    return member(tx, (0,) * len(shape)) if shape else tx


def _counts(tx: GradientTransformation, state: OptState) -> Iterator[Any]:
    """The counts in a state of `tx` that are equal in all members of a stack."""
    if tx.scheduled:
        yield state.count
    own = tx.own_state(state)
    yield from (getattr(own, name) for name in tx.counts if name in own._fields)
    for _, part, part_state in tx.parts(own) if tx.in_lockstep else ():
        yield from _counts(part, part_state)


def _plain(number: Any) -> Any:
    """A number of a stack in the form in which an optimizer stores it, where it is one and known."""
    if np.ndim(number) or isinstance(number, Tracer):
        return number
    scalar = np.asarray(number)[()]
    return float(str(scalar)) if getattr(number, "weak_type", False) else scalar


def _shape_of_stack(who: str, tx: GradientTransformation) -> tuple[int, ...]:
    if shape := members(tx):
        return shape
    raise ValueError(f"{who} takes a stack of optimizers, as stack([...]) makes it, got {outline(tx)}.")


def _require_alike(first: GradientTransformation, other: GradientTransformation, index: int) -> None:
    """Raises unless two members differ in their numbers alone."""
    if jax.tree.structure(first) != jax.tree.structure(other):
        where, one, own = _difference(first, other, type(first).__name__)
        raise ValueError(
            f"stack: the members may differ in their numbers alone. At {where}\n"
            f"  member 0 has {outline(one)}\n  member {index} has {outline(own)}\n"
            "Give the members one structure: constant_schedule(number) stands in the place of a schedule."
        )
    if members(first) != members(other):
        raise ValueError(
            f"stack: member 0 is a stack of the shape {members(first)}, and member {index} of "
            f"{members(other)}."
        )


def _difference(one: Any, other: Any, path: str) -> tuple[str, Any, Any]:
    """The path of the first place at which the structures of two values differ, and what they have there."""
    pairs: list[tuple[str, Any, Any]] = []
    if isinstance(one, Value) and type(one) is type(other):
        for field in one._fields:
            own = one.__dict__[field.name], other.__dict__[field.name]
            if is_static(field) and own[0] != own[1]:
                return (f"{path}.{field.name}", *own)
            pairs += [] if is_static(field) else [(f"{path}.{field.name}", *own)]
    elif isinstance(one, tuple) and isinstance(other, tuple) and len(one) == len(other):
        pairs = [(f"{path}[{index}]", *own) for index, own in enumerate(zip(one, other, strict=True))]
    for where, left, right in pairs:
        if jax.tree.structure(left) != jax.tree.structure(right):
            return _difference(left, right, where)
    return path, one, other
