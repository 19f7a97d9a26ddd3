"""Chains: transformations in sequence."""

from collections import OrderedDict
from collections.abc import Iterable
from functools import cached_property
from itertools import pairwise
from typing import Any

from gradtx.core._annotations import OptState, Params, Updates
from gradtx.core._fields import nested, static
from gradtx.core._lifting import as_transformation
from gradtx.core._transformation import GradientTransformation
from gradtx.core._wrapper import Wrapper
from gradtx.tree import outline, spelled


def as_transformations(transformations: Iterable[Any]) -> tuple[GradientTransformation, ...]:
    """Each of `transformations` as `as_transformation` makes it."""
    return tuple(map(as_transformation, transformations))


class chain(Wrapper):
    r"""Applies transformations in sequence, each to the updates of the one before it.

    $$u = (T_n \circ \dots \circ T_1)(g)$$

    Extra arguments reach every transformation. An object of another library with `.init` and `.update`, such
    as an Optax transformation, is lifted. An empty chain is the identity.

    **State**: a tuple with the state of each.

    **Raises** `ValueError` at construction where a transformation follows one whose updates stay wide.

    >>> import jax.numpy as jnp
    >>> from gradtx import scale, trace
    >>> tx = chain(trace(decay=0.5), scale(-0.1))
    >>> tx
    chain(trace(decay=0.5), scale(step_size=-0.1))
    >>> tx.update(jnp.array(2.0), tx.init(jnp.array(1.0)))[0]
    Array(-0.2, dtype=float32)
    """

    transformations: tuple[GradientTransformation, ...] = nested(
        as_transformations, state="*", doc=r"$T_1, \dots, T_n$, in the order in which they apply"
    )

    def __init__(self, *transformations: Any):
        self.__dict__["transformations"] = transformations
        self.__post_init__()
        _require_wide_last(self)

    def apply(
        self, updates: Updates, state: OptState, params: Params = None, **extra: Any
    ) -> tuple[Updates, OptState]:
        new_state: list[OptState] = []
        for _, tx, old in self.parts(state):
            updates, new = self.update_part(tx, updates, old, params, **extra)
            new_state.append(new)
        return updates, tuple(new_state)

    @cached_property
    def check(self) -> str | None:
        return self.transformations[0].check if self.transformations else None

    @cached_property
    def _checks_result(self) -> bool:
        return any(tx._checks_result for tx in self.transformations)

    def expression(self) -> str:
        return f"chain({', '.join(map(spelled, self.transformations))})"


class named_chain(Wrapper):
    """A `chain` of named transformations.

    Args:
      *named: pairs `(name, transformation)`, in the order of application.

    **State**: an `OrderedDict` with the state of each transformation under its name.

    **Raises** `TypeError` at construction for an argument that is no such pair, and `ValueError` for a name
    that occurs twice and where a transformation follows one whose updates stay wide.

    >>> import jax.numpy as jnp
    >>> from gradtx import scale, trace
    >>> tx = named_chain(("momentum", trace(decay=0.5)), ("step", scale(-0.1)))
    >>> tx.init(jnp.zeros(()))["momentum"]
    TraceState(trace=Array(0., dtype=float32))
    """

    names: tuple[str, ...] = static(doc="the name of each transformation")
    transformations: tuple[GradientTransformation, ...] = nested(
        as_transformations,
        state="*",
        keys="names",
        doc="the transformations, in the order of application",
    )

    def __init__(self, *named: tuple[str, Any]):
        for pair in named:
            if not (isinstance(pair, tuple) and len(pair) == 2 and isinstance(pair[0], str)):  # pyright: ignore
                raise TypeError(f"named_chain: give pairs (name, transformation), got {outline(pair)}.")
        names = tuple(name for name, _ in named)
        if len(set(names)) < len(names):
            raise ValueError(f"named_chain: the names must differ, got {names}.")
        self.__dict__["names"] = names
        self.__dict__["transformations"] = tuple(tx for _, tx in named)
        self.__post_init__()
        _require_wide_last(self)

    def init(self, params: Params) -> OrderedDict[str, OptState]:
        return OrderedDict((name, tx.init(params)) for name, tx in self._named())

    def apply(
        self, updates: Updates, state: OptState, params: Params = None, **extra: Any
    ) -> tuple[Updates, OptState]:
        new_state: OrderedDict[str, OptState] = OrderedDict()
        for name, (_, tx, old) in zip(self.names, self.parts(state), strict=True):
            updates, new_state[name] = self.update_part(tx, updates, old, params, **extra)
        return updates, new_state

    check = chain.check
    _checks_result = chain._checks_result

    def _named(self) -> Iterable[tuple[str, GradientTransformation]]:
        return zip(self.names, self.transformations, strict=True)

    def expression(self) -> str:
        return f"named_chain({', '.join(map(spelled, self._named()))})"


def _require_wide_last(sequence: chain | named_chain) -> None:
    for tx, following in pairwise(sequence.transformations):
        if tx.wide:
            raise ValueError(
                f"{type(sequence).__name__}: the updates of {type(tx).__name__} stay in float32 or wider "
                f"when they leave: put it last, after {type(following).__name__}."
            )
