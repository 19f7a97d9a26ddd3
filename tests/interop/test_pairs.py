"""Each wrapper of one library around each optimizer of the other, beside both of Optax."""

from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import gradtx

WEIGHTS_ONLY = {"w": True, "b": False}
OUTER: dict[str, Callable[[Any, Any], Any]] = {
    "chain": lambda lib, tx: lib.chain(lib.clip_by_global_norm(1.0), tx, lib.scale(0.5)),
    "named_chain": lambda lib, tx: lib.named_chain(("first", tx), ("second", lib.trace(0.5))),
    "masked": lambda lib, tx: lib.masked(tx, WEIGHTS_ONLY),
    "partition": lambda lib, tx: lib.partition({"a": tx, "z": lib.set_to_zero()}, {"w": "a", "b": "z"}),
    "selective_transform": lambda lib, tx: lib.selective_transform(tx, freeze_mask={"w": False, "b": True}),
    "MultiSteps": lambda lib, tx: lib.MultiSteps(tx, 2),
    "apply_if_finite": lambda lib, tx: lib.apply_if_finite(tx, 2),
    "conditionally_mask": lambda lib, tx: lib.conditionally_mask(tx, lambda step: step % 2 == 0),
    "conditionally_transform": lambda lib, tx: lib.conditionally_transform(tx, lambda step: step % 2 == 0),
}
INNER: dict[str, Callable[[Any], Any]] = {
    "adamw": lambda lib: lib.adamw(0.1, weight_decay=0.1),
    "lion": lambda lib: lib.lion(optax.linear_schedule(0.1, 0.0, 10)),
    "momentum": lambda lib: lib.sgd(0.2, momentum=0.9, nesterov=True),
    "lamb": lambda lib: lib.lamb(0.1),
}
# Optax keeps states in bfloat16 where gradtx has float32: a few roundings of 2^-9 of updates of one size.
TOLERANCE = {"float32": 1e-5, "bfloat16": 0.03}


def trajectory(tx: Any, dtype: Any) -> Iterator[Any]:
    generator = np.random.default_rng(0)
    params = {"w": jnp.asarray(generator.standard_normal((3, 2)), dtype), "b": jnp.ones(2, dtype)}
    state = tx.init(params)
    for _ in range(4):
        gradients = jax.tree.map(lambda p: jnp.asarray(generator.standard_normal(p.shape), dtype), params)
        with jax.disable_jit():  # the operations are compiled once for all pairs
            updates, state = tx.update(gradients, state, params)
        yield updates


@pytest.mark.exhaustive
@pytest.mark.parametrize("inner", INNER)
@pytest.mark.parametrize("outer", OUTER)
@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("theirs_is_outer", [True, False], ids=["optax around", "gradtx around"])
def test_a_pair(outer: str, inner: str, dtype: str, theirs_is_outer: bool) -> None:
    around, within = (optax, gradtx) if theirs_is_outer else (gradtx, optax)
    with jax.numpy_dtype_promotion("standard"):
        expected = list(trajectory(OUTER[outer](optax, INNER[inner](optax)), dtype))
        made = list(trajectory(OUTER[outer](around, INNER[inner](within)), dtype))
    assert {leaf.dtype for leaf in jax.tree.leaves(made)} == {jnp.dtype(dtype)}
    largest = max(float(jnp.max(jnp.abs(leaf))) for leaf in jax.tree.leaves(expected))
    for one, other in zip(jax.tree.leaves(made), jax.tree.leaves(expected), strict=True):
        np.testing.assert_allclose(np.float64(one), np.float64(other), 0.0, TOLERANCE[dtype] * largest)
