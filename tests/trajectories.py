"""Parameters, gradients that differ at every step, and the trajectories that optimizers make of them."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from functools import wraps
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gradtx import GradientTransformation, apply_updates

SHAPES: Mapping[str, tuple[int, ...]] = {"matrix": (3, 4), "scalar": ()}

# A rule is a dozen roundings a step, of 6e-8 each in single precision and 1.1e-16 in double, which add up to
# the tolerance at worst; a misplaced term is off by 1e-3 and more, as no hyperparameter here is smaller.
TOLERANCE = {"float32": 1e-6, "complex64": 1e-6, "float64": 1e-12}
DTYPES = pytest.mark.parametrize("dtype", list(TOLERANCE))

Tree = dict[str, Any]
Rule = Callable[[Tree, list[Tree]], Iterable[Tree]]
"""From parameters and the gradients of each step to the parameters after each step."""


def rate(count: Any) -> Any:
    """A learning rate that falls from 0.1: a plain function, of Python's integers and of JAX's arrays."""
    steps = count.astype(float) if isinstance(count, jax.Array) else count
    return 0.1 / (1.0 + 0.3 * steps)


def rising(count: Any) -> Any:
    """A decay that rises from 0.5 towards 1."""
    return 1.0 - 5.0 * rate(count)


def parameters(dtype: Any = "float32", shapes: Mapping[str, tuple[int, ...]] = SHAPES) -> Tree:
    """A small tree of arrays of size about 1."""
    generator = np.random.default_rng(1)
    return {name: _normal(generator, shape, dtype) for name, shape in shapes.items()}


def gradients(
    dtype: Any = "float32", steps: int = 10, shapes: Mapping[str, tuple[int, ...]] = SHAPES
) -> list[Tree]:
    """A tree for each step; the steps differ in size by up to a factor of e in both directions."""
    generator = np.random.default_rng(2)
    return [
        {name: _normal(generator, shape, dtype, size) for name, shape in shapes.items()}
        for size in np.exp(generator.uniform(-1.0, 1.0, steps))
    ]


def _normal(generator: Any, shape: tuple[int, ...], dtype: Any, size: float = 1.0) -> np.ndarray:
    values = size * generator.standard_normal((2, *shape))
    complex_ = jnp.issubdtype(dtype, jnp.complexfloating)
    return np.asarray(values[0] + 1j * values[1] if complex_ else values[0]).astype(jnp.dtype(dtype))


def in_precision_of(dtype: Any) -> AbstractContextManager[Any]:
    """A context in which JAX has `dtype`; float64 and complex128 are off by default."""
    return jax.enable_x64(jnp.finfo(dtype).dtype == np.float64)


def trajectory(tx: Any, params: Tree, steps: list[Tree], **extra: Any) -> tuple[Tree, Tree, Any]:
    """Every update, before rounding, stacked over the steps; the last parameters; and the last state.

    Each of the arrays in `extra` has an argument of `update` for each step.
    """

    update = tx.wide_update if isinstance(tx, GradientTransformation) else tx.update

    @jax.jit
    def run(params: Tree, steps: Tree, extra: Any) -> Any:
        def step(carry: Any, given: Any) -> Any:
            (params, state), (gradient, own) = carry, given
            updates, state = update(gradient, state, params, **own)
            return (apply_updates(params, updates), state), updates

        return jax.lax.scan(step, (params, tx.init(params)), (steps, extra))

    (params, state), updates = run(params, stacked(steps), extra)
    return jax.tree.map(np.asarray, updates), jax.tree.map(np.asarray, params), state


def stacked(trees: Iterable[Tree]) -> Tree:
    """The same tree, with each leaf's arrays stacked along a new first axis."""
    return jax.tree.map(lambda *leaves: np.stack(leaves), *trees)


def leafwise(rule: Callable[..., Iterator[Any]]) -> Callable[..., Rule]:
    """A rule of one array as a rule of trees, with its hyperparameters given first."""

    @wraps(rule)
    def with_hyperparameters(*args: Any, **kwargs: Any) -> Rule:
        def of_trees(params: Tree, steps: list[Tree]) -> Iterator[Tree]:
            paths = [rule(params[name], [g[name] for g in steps], *args, **kwargs) for name in params]
            return (dict(zip(params, leaves, strict=True)) for leaves in zip(*paths, strict=True))

        return of_trees

    return with_hyperparameters


def reference_updates(rule: Rule, params: Tree, steps: list[Tree]) -> Tree:
    """What `rule` adds to the parameters at every step, in double precision, stacked."""
    wide = [{name: _double(leaf) for name, leaf in tree.items()} for tree in (params, *steps)]
    thetas = stacked([wide[0], *rule(wide[0], wide[1:])])
    return {name: np.diff(theta, axis=0) for name, theta in thetas.items()}


def _double(leaf: np.ndarray) -> np.ndarray:
    return leaf.astype(np.complex128 if np.iscomplexobj(leaf) else np.float64)


def relative_error(actual: Any, expected: Any) -> float:
    """The largest difference in any leaf, relative to the largest value in that leaf; NaN where one is."""
    assert jax.tree.structure(actual) == jax.tree.structure(expected)

    def error(one: Any, other: Any) -> Any:
        return np.max(np.abs(_double(np.asarray(one)) - other)) / np.max(np.abs(other))

    return float(np.max(jax.tree.leaves(jax.tree.map(error, actual, expected))))


def distance(
    tx: Any,
    rule: Rule,
    dtype: Any = "float32",
    steps: int = 10,
    shapes: Mapping[str, tuple[int, ...]] = SHAPES,
) -> float:
    """How far the updates of `tx` are from those of `rule`, relative to the updates' own size."""
    params, steps_ = parameters(dtype, shapes), gradients(dtype, steps, shapes)
    with in_precision_of(dtype):
        updates, _, _ = trajectory(tx, params, steps_)
    return relative_error(updates, reference_updates(rule, params, steps_))
