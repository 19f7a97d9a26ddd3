"""Running the same steps through Optax, which needs the promotions that the suite forbids."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import jax

from tests.trajectories import SHAPES, gradients, parameters, relative_error, trajectory


@contextmanager
def permissive() -> Iterator[None]:
    """JAX's own defaults: implicit promotion of dtypes and ranks."""
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        yield


def optax_trajectory(tx: Any, params: Any, steps: Any, **extra: Any) -> Any:
    """`trajectory` of an Optax transformation."""
    with permissive():
        return trajectory(tx, params, steps, **extra)


def disagreement(
    ours: Any, theirs: Any, steps: int = 20, shapes: Mapping[str, tuple[int, ...]] = SHAPES
) -> float:
    """The largest difference between the float32 updates, relative to those of each leaf."""
    params, steps_ = parameters(shapes=shapes), gradients(steps=steps, shapes=shapes)
    left, *_ = trajectory(ours, params, steps_)
    right, *_ = optax_trajectory(theirs, params, steps_)
    return relative_error(left, right)
