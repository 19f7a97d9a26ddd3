"""Type names for the arguments and the results of `init` and `update`."""

from typing import Any, Protocol

ArrayTree = Any
"""A pytree of arrays."""

Params = Any
"""A tree of parameters: any pytree of arrays."""

Updates = Any
"""A tree of gradients, or of transformed gradients, in the structure of the parameters."""

OptState = Any
"""The state of a transformation: a pytree of arrays that `init` makes and `update` replaces."""


class TransformInitFn(Protocol):
    """A function from parameters to a state."""

    def __call__(self, params: Params) -> OptState:
        """The state before the first update."""
        ...


class TransformUpdateFn(Protocol):
    """A function that transforms updates; it gets the extra arguments that its signature names."""

    def __call__(
        self, updates: Updates, state: OptState, params: Params | None = None, **extra: Any
    ) -> tuple[Updates, OptState]:
        """The transformed updates and the next state."""
        ...


TransformUpdateExtraArgsFn = TransformUpdateFn
