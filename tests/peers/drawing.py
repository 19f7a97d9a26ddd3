"""Random arguments for a function of both libraries, from its signature, and random trees of arrays."""

import inspect
from collections.abc import Callable, Mapping
from types import UnionType
from typing import Any, Union, get_args, get_origin

import jax
import jax.numpy as jnp
import numpy as np
from hypothesis import strategies as st

from gradtx import GradientTransformation
from gradtx.tree import widened
from tests.trajectories import rate

DTYPES = ("float32", "float64", "bfloat16", "float16")
INNER = "an optimizer"
"""Stands for a nested transformation, which each library makes itself."""
STORED = "bfloat16"
"""The dtype in which a state is stored, where it is drawn."""

Draw = Callable[[st.SearchStrategy[Any]], Any]
Parameter = inspect.Parameter


def shared(ours: Any, theirs: Any) -> list[Parameter]:
    """The parameters of ours that theirs has too."""
    names = inspect.signature(theirs).parameters
    return [parameter for name, parameter in inspect.signature(ours).parameters.items() if name in names]


def kinds(parameter: Parameter) -> tuple[Any, ...]:
    """The types of which the annotation is a union, or the annotation."""
    unions = get_origin(parameter.annotation) in (Union, UnionType)
    return get_args(parameter.annotation) if unions else (parameter.annotation,)


def required(parameter: Parameter) -> bool:
    return parameter.default is Parameter.empty


def draws(parameter: Parameter) -> bool:
    """Whether there is a value for a parameter without a default."""
    one = parameter.kind is not Parameter.VAR_POSITIONAL
    return one and any(kind in kinds(parameter) for kind in (float, int, GradientTransformation))


def options(draw: Draw, parameters: list[Parameter], fields: Mapping[str, Any]) -> dict[str, Any]:
    """Random values, off the defaults where the annotation tells of others, which stay otherwise.

    The bounds are those of the fields of a class.
    """
    drawn: dict[str, Any] = {}
    for parameter in parameters:
        name, default = parameter.name, parameter.default
        value = argument(draw, parameter)
        bounds = fields[name].metadata.get("bounds") if name in fields else None
        within = bounds is None or not isinstance(value, float) or bounds.contains(value)
        if value is not default and within:
            drawn[name] = value
    return drawn


def argument(draw: Draw, parameter: Parameter) -> Any:
    """A random value for a parameter, or its default; the first example has every option off its default."""
    name, default = parameter.name, parameter.default
    is_number, is_open = float in kinds(parameter), required(parameter)
    strategies = [
        (isinstance(default, bool), st.sampled_from([not default, default])),
        (isinstance(default, tuple), st.just(default).flatmap(of_tuple)),
        (name.endswith(("key", "seed")), st.integers(0, 9).map(jax.random.key)),
        (name.endswith("_dtype") and default is None, st.sampled_from([STORED, None])),
        (name.endswith("_fn") and is_open, st.just(rate)),
        (name.endswith("mask") and default is None, st.sampled_from([of_two_axes, None])),
        (name == "learning_rate" and is_open, numbers(0.1) | st.just(rate)),
        (is_number and default is None, numbers(0.2) | st.none()),
        (is_number, numbers(0.2 if is_open else default)),
        (int in kinds(parameter) and (is_open or isinstance(default, int)), st.integers(1, 3)),
        (GradientTransformation in kinds(parameter) and is_open, st.just(INNER)),
        (True, st.just(default)),
    ]
    return draw(next(strategy for holds, strategy in strategies if holds))


def of_tuple(default: tuple[Any, ...]) -> st.SearchStrategy[Any]:
    return st.tuples(*map(numbers, default))


def numbers(default: Any) -> st.SearchStrategy[Any]:
    """Numbers of the size of the default, but decays below 0.85, and epsilons that matter."""
    if not isinstance(default, float) or not np.isfinite(default):
        return st.just(default)
    size = 0.3 if 0.5 <= default < 1 else 0.2 if not default else max(default, 0.02)
    drawn = st.floats(0.5, 1.5).map(lambda factor: round(size * factor, 4))
    return drawn.map(lambda number: 1 - number) if 0.5 <= default < 1 else drawn


def of_two_axes(params: Any) -> Any:
    """A mask."""
    return jax.tree.map(lambda param: jnp.ndim(param) > 1, params)


shapes = st.lists(st.integers(1, 4), max_size=3).map(tuple)
matrices = st.tuples(st.integers(2, 4), st.integers(2, 4))


def trees(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Trees of up to three shapes."""
    # By the names the table of differences has Muon take the same matrices as Optax.
    return st.lists(strategy, min_size=1, max_size=3).map(
        lambda found: {f"{'up' if len(shape) == 2 else 'leaf'} {i}": shape for i, shape in enumerate(found)}
    )


def arrays(generator: np.random.Generator, like: Any, dtype: str, axes: tuple[int, ...] = ()) -> Any:
    """Arrays of size about 1 in the shapes of a tree, with further axes in front."""
    return {name: jnp.asarray(generator.normal(size=axes + shape), dtype) for name, shape in like.items()}


def is_given(parameter: Parameter) -> bool:
    """Whether `given` draws a value: of a tree, a number, a choice, a key or a dtype."""
    found = kinds(parameter)
    return parameter.kind is Parameter.POSITIONAL_OR_KEYWORD and (
        found == (Any,)
        or np.dtype in found
        or (str not in found and any(kind in found for kind in (float, bool, jax.Array)))
    )


def given(draw: Draw, parameter: Parameter, make_tree: Callable[[], Any]) -> Any:
    """A random value for a parameter of a function of trees, which have the annotation `Any`."""
    found = kinds(parameter)
    if found == (Any,):
        return make_tree()
    if float in found:
        # A power is a whole number: of a negative number no other one is real.
        power = found == (float,) and required(parameter)
        return draw(st.sampled_from([1.0, 2.0, 3.0]) if power else numbers(0.2))
    if np.dtype in found:
        return draw(st.sampled_from(["float32", "float16"]))
    return draw(st.booleans() if bool in found else st.integers(0, 9).map(jax.random.key))


def call_like(
    draw: Draw, generator: np.random.Generator, case: Any, parameters: list[Parameter], dtype: str
) -> tuple[list[Any], dict[str, Any]]:
    """The arguments of a call of a loss, of other sizes than those of a case, and of the same kinds."""
    sizes = {6: draw(st.integers(1, 5)), 5: draw(st.integers(2, 6)), 7: draw(st.integers(1, 8))}
    arrays = [array_like(generator, np.asarray(array), sizes) for array in case.arrays]
    options = {
        name: array_like(generator, value, sizes) if isinstance(value, np.ndarray) else value
        for name, value in case.options.items()
    }
    for one in parameters[len(arrays) :]:
        value = options.get(one.name, one.default)
        if isinstance(value, bool) and not one.name.startswith("apply"):
            options[one.name] = draw(st.booleans())
        elif isinstance(value, float | int) and one.name != "axis" and float in kinds(one):
            options[one.name] = value * draw(st.sampled_from([1.0, 0.7, 1.2]))
        elif one.name == "where" and draw(st.booleans()):
            mask = generator.random(arrays[0].shape) < 0.7
            mask[..., 0] = True
            options["where"] = mask
    if any(one.name == "axis" and one.default == -1 for one in parameters) and draw(st.booleans()):
        of_same_rank = arrays[0].ndim
        arrays = [np.moveaxis(array, -1, 0) if array.ndim == of_same_rank else array for array in arrays]
        options = {
            name: np.moveaxis(value, -1, 0) if np.ndim(value) == of_same_rank else value
            for name, value in options.items()
        } | {"axis": 0}

    def cast(value: Any) -> Any:
        floats = isinstance(value, np.ndarray) and np.issubdtype(value.dtype, np.floating)
        return jnp.asarray(value, dtype) if floats else value

    return list(map(cast, arrays)), {name: cast(value) for name, value in options.items()}


def array_like(generator: np.random.Generator, array: np.ndarray, sizes: Mapping[int, int]) -> np.ndarray:
    """A random array of the same kind: labels, shares, their logarithms, weights, or any numbers."""
    shape = tuple(sizes.get(length, length) for length in array.shape)
    values = np.unique(array)
    if np.issubdtype(array.dtype, np.integer) or set(values) <= {0, 1}:
        return generator.choice(values[values < sizes[5]], shape)
    normal = 2 * generator.normal(size=shape)
    shares = np.exp(normal) / np.sum(np.exp(normal), axis=-1, keepdims=True)
    if np.allclose(np.sum(array, axis=-1), 1):
        return shares
    if np.allclose(np.sum(np.exp(array), axis=-1), 1):
        return np.log(shares)
    return generator.uniform(size=shape) if np.min(array) >= 0 else normal


def wide(value: Any) -> Any:
    """The same numbers in the dtype in which gradtx computes."""

    def widen(leaf: Any) -> Any:
        is_array = isinstance(leaf, jax.Array) and jnp.issubdtype(leaf.dtype, jnp.inexact)
        return leaf.astype(widened(leaf.dtype)) if is_array else leaf

    return jax.tree.map(widen, value)


def plain(array: Any) -> Any:
    """The numbers of an array: of random keys their words, of a dtype its bytes."""
    if isinstance(array, np.dtype):
        return array.itemsize
    is_key = jnp.issubdtype(jnp.result_type(array), jax.dtypes.prng_key)
    return jax.random.key_data(array) if is_key else array


def distance(got: Any, expected: Any, size: float = 0.0) -> float:
    """The largest difference in any leaf, relative to the largest value of that leaf, if it is not 0.

    Or relative to `size`, that of terms which may cancel, if it is larger. Where NaN is expected of finite
    numbers, any number will do.
    """
    assert jax.tree.structure(got) == jax.tree.structure(expected)

    def of_leaf(one: Any, other: Any) -> float:
        one, other = (np.asarray(plain(array), np.float64) for array in (one, other))
        assert one.shape == other.shape
        same = (one == other) | (np.isfinite(one) & np.isnan(other))
        largest = np.max(np.abs(other), where=np.isfinite(other), initial=size)
        return float(np.max(np.where(same, 0.0, np.abs(one - other)), initial=0.0) / (largest or 1.0))

    return float(np.max(jax.tree.leaves(jax.tree.map(of_leaf, got, expected)), initial=0.0))  # NaN remains
