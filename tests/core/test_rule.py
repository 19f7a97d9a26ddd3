"""`Rule`: what a class declares, what `leaf` and `once` see, and what is compiled."""

import sys
from types import ModuleType
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import Array

import gradtx
from gradtx import Rule
from gradtx.core import Number, storage_dtype
from gradtx.selection import as_mask, mask_at
from gradtx.tree import MaskedNode, TreeMismatchError, map_leaves


class CountedState(NamedTuple):
    count: Any
    mu: Any
    total: Any


class weighted(Rule, state=CountedState, numbers=("count", "total"), needs=("params", "value")):
    """Every kind of argument that `once` and `leaf` take."""

    rate: Number = gradtx.hyperparameter(default=0.5)
    flipped: bool = gradtx.static(default=False)
    mask: Any = gradtx.static(default=None, convert=as_mask, at=mask_at)

    class Once(NamedTuple):
        total: Any
        doubled: Any
        exact: bool

    def init(self, params: Any) -> CountedState:
        return CountedState(jnp.int32(0), jax.tree.map(jnp.zeros_like, params), jnp.float32(0.0))

    def once(self, count: Any, total: Any, value: Any) -> Once:
        return self.Once(total + count.astype(float), 2 * value, isinstance(self.rate, float))

    def leaf(self, once: Once, g: Array, mu: Array, p: Array) -> tuple[Array, Array]:
        assert isinstance(self.flipped, bool)
        assert isinstance(self.mask, bool)
        assert isinstance(once.exact, bool)
        sign = -1.0 if self.flipped else 1.0
        step = sign * self.rate * g + once.doubled + (p if self.mask else 0.0)
        return step, mu + once.total


PARAMS = {"a": jnp.array([1.0, 2.0]), "b": jnp.array(3.0)}


def expected(flipped: bool, step: int) -> tuple[Any, Any]:
    sign = -1.0 if flipped else 1.0
    updates = {"a": sign * 0.5 * PARAMS["a"] + 2.0 * step + PARAMS["a"], "b": sign * 1.5 + 2.0 * step}
    totals = [1.0, 3.0, 6.0]
    return updates, sum(totals[:step])


@pytest.mark.parametrize("jitted", [False, True])
@pytest.mark.parametrize("flipped", [False, True])
def test_once_and_leaf_see_numbers_options_and_parameters(flipped: bool, jitted: bool) -> None:
    tx = weighted(flipped=flipped, mask={"a": True, "b": False})
    update = jax.jit(tx.update) if jitted else tx.update
    state = tx.init(PARAMS)
    for step in (1, 2, 3):
        updates, state = update(PARAMS, state, PARAMS, value=jnp.float32(step))
        wanted, mu = expected(flipped, step)
        jax.tree.map(np.testing.assert_allclose, updates, wanted)
        np.testing.assert_allclose(state.mu["a"], mu)
    assert (int(state.count), float(state.total)) == (3, 6.0)


def test_a_mask_of_none_is_true_at_every_leaf() -> None:
    tx = weighted()
    updates, _ = tx.update(PARAMS, tx.init(PARAMS), PARAMS, value=0.0)
    np.testing.assert_allclose(updates["b"], 1.5 + 3.0)


def test_numbers_have_the_precision_of_the_leaf() -> None:
    seen: list[Any] = []

    class seeing(Rule):
        rate: Number = gradtx.hyperparameter()

        def leaf(self, g: Array) -> Array:
            seen.append((g.dtype, self.rate.dtype))
            return g * self.rate

    with jax.enable_x64(True):
        tx = seeing(0.1)
        for dtype in (jnp.bfloat16, jnp.float32, jnp.float64):
            tx.update(jnp.ones(3, dtype), tx.init(0.0))
    wide = [jnp.dtype(jnp.float32), jnp.dtype(jnp.float32), jnp.dtype(jnp.float64)]
    assert seen == [(dtype, dtype) for dtype in wide]


def test_concrete_numbers_stay_in_double_precision_in_once_and_arrays_are_arguments() -> None:
    seen: list[Any] = []

    class exact(Rule, state=gradtx.ScaleByLionState):
        decay: Number = gradtx.hyperparameter()

        class Once(NamedTuple):
            c: Any

        def init(self, params: Any) -> Any:
            return gradtx.ScaleByLionState(jnp.int32(0), params)

        def once(self, count: Any) -> Once:
            seen.append(self.decay)
            return self.Once(1.0 - self.decay)

        def leaf(self, once: Once, g: Array, mu: Array) -> tuple[Array, Array]:
            return once.c * g, mu

    state = exact(0.1).init(jnp.ones(2))
    for _ in range(3):
        np.testing.assert_array_equal(exact(0.1).update(jnp.ones(2), state)[0], np.float32(0.9))
    assert seen == [0.1]  # traced once, for equal values, with the number as a constant
    for decay in (0.25, 0.5, 0.75):
        tx = jax.tree.map(jnp.asarray, exact(decay))
        np.testing.assert_array_equal(tx.update(jnp.ones(2), state)[0], np.float32(1 - decay))
    assert len(seen) == 2  # a new array is no new program
    assert isinstance(seen[1], jax.core.Tracer)


def test_a_new_number_compiles_no_leaf_again() -> None:
    traces: list[None] = []

    class counted(Rule):
        rate: Number = gradtx.hyperparameter()

        def leaf(self, g: Array) -> Array:
            traces.append(None)
            return self.rate * g

    for rate in (0.1, 0.2, np.float32(0.3), jnp.float32(0.4)):
        np.testing.assert_allclose(counted(rate).update(jnp.ones(2), ())[0], rate)
    assert len(traces) == 1


def test_the_first_use_inside_of_jit_and_the_second_outside() -> None:
    """No tracer of the first stays behind."""
    tx = gradtx.adam(0.1, b2=gradtx.linear_schedule(0.9, 0.99, 3))
    state = tx.init(jnp.ones(2))
    inside, _ = jax.jit(lambda g: tx.update(g, state))(jnp.ones(2))
    outside, _ = tx.update(jnp.ones(2), state)
    np.testing.assert_allclose(inside, outside, rtol=1e-6)
    many = jax.vmap(lambda g: tx.update(g, state)[0])(jnp.ones((3, 2)))
    np.testing.assert_allclose(many, jnp.broadcast_to(outside, (3, 2)), rtol=1e-6)
    with jax.enable_x64(True):
        wide, _ = tx.update(jnp.ones(2, jnp.float64), tx.init(jnp.ones(2, jnp.float64)))
    assert wide.dtype == jnp.float64
    mesh = jax.make_mesh((2,), ("data",), axis_types=(jax.sharding.AxisType.Explicit,))
    with jax.set_mesh(mesh):
        split = jax.device_put(jnp.ones(2), jax.sharding.PartitionSpec("data"))
        updates, _ = tx.update(split, tx.init(split))
    np.testing.assert_allclose(updates, outside, rtol=1e-6)


class OneArray(NamedTuple):
    mu: Any


def one_argument(self: Any, g: Any) -> Any:
    return g


@pytest.mark.parametrize(
    ("body", "keywords", "message"),
    [
        ({}, {}, r"define leaf\(self, g\), got leaf\(\)"),
        ({"leaf": one_argument}, {"state": OneArray}, r"define leaf\(self, g, mu\), got leaf\(self, g\)"),
        (
            {"leaf": lambda self, g, nu: g},
            {"state": OneArray},
            r"leaf\(self, g, mu\), got leaf\(self, g, nu\)",
        ),
        ({"leaf": one_argument}, {"needs": ("params",)}, r"define leaf\(self, g, p\)"),
        ({"leaf": one_argument, "once": lambda self: ()}, {}, r"define leaf\(self, once, g\)"),
        (
            {"leaf": lambda self, once, g: g, "once": lambda self, count: ()},
            {},
            r"once takes 'count', which is neither a number of the state",
        ),
        ({"leaf": one_argument}, {"state": (OneArray, CountedState)}, "must have the arrays"),
        ({"leaf": one_argument}, {"state": tuple}, "state must be a class of named tuples"),
        ({"leaf": one_argument, "update": one_argument}, {}, "define apply, which update calls"),
        (
            {"leaf": lambda self, g, mu: (g, mu)},
            {"state": OneArray, "optional": ("nu",)},
            "optional names 'nu', which is no array of the state; they are mu",
        ),
        (
            {"leaf": lambda self, g, mu: (g, mu)},
            {"state": OneArray, "real": ("nu",)},
            "real names 'nu', which is no array of the state; they are mu",
        ),
        (
            {
                "leaf": lambda self, g, mu: (g, mu),
                "__annotations__": {"nu_dtype": Any},
                "nu_dtype": storage_dtype(of="nu", default=None),
            },
            {"state": OneArray},
            "storage_dtype names 'nu', which is no array of the state; they are mu",
        ),
        (
            {"leaf": lambda self, g, mu: (g, mu), "once": lambda self: ()},
            {"state": CountedState, "numbers": ("count", "total")},
            "define init, with the first value of 'total'",
        ),
    ],
)
def test_declarations_that_disagree_are_refused_when_the_class_is_made(
    body: dict[str, Any], keywords: dict[str, Any], message: str
) -> None:
    with pytest.raises(TypeError, match=message):
        type("broken", (Rule,), body, **keywords)


def test_a_state_begins_with_counts_of_0_and_zeros() -> None:
    class squares(Rule, state=CountedState, real=("total",)):
        mu_dtype: Any = storage_dtype(of="mu", default=None)

        def leaf(self, g: Array, mu: Array, total: Array) -> tuple[Array, Array, Array]:
            return g, mu, total

    params = {"z": jnp.ones(2, jnp.complex64), "none": None, "n": jnp.zeros((), int)}
    state = squares().init(params)
    assert (state.count.dtype, state.count) == (jnp.int32, 0)
    assert (state.mu["z"].dtype, state.total["z"].dtype) == (jnp.complex64, jnp.float32)
    assert state.mu["none"] is None
    assert state.mu["n"] == MaskedNode()
    np.testing.assert_array_equal(state.total["z"], jnp.zeros(2))
    narrow = squares(mu_dtype="bfloat16").init(jnp.ones(2))
    assert (narrow.mu.dtype, narrow.total.dtype) == (jnp.bfloat16, jnp.float32)


def test_nothing_depends_on_annotations(monkeypatch: pytest.MonkeyPatch) -> None:
    source = """
from __future__ import annotations
from typing import Any, NamedTuple
import jax.numpy as jnp
import gradtx

class KeptState(NamedTuple):
    mu: Any

class kept(gradtx.Rule, state=KeptState):
    decay: float = gradtx.hyperparameter(default=0.5)

    def init(self, params):
        return KeptState(params)

    def leaf(self, g, mu):
        return self.decay * mu, g
"""
    module = ModuleType("a_module")
    monkeypatch.setitem(sys.modules, "a_module", module)  # dataclasses look annotations up there
    exec(source, module.__dict__)
    tx = module.__dict__["kept"]()
    np.testing.assert_array_equal(tx.update(jnp.ones(2), tx.init(jnp.full(2, 4.0)))[0], [2.0, 2.0])
    with pytest.raises(ValueError, match=r"kept: the state must have the fields \(mu\)"):
        tx.update(jnp.ones(2), gradtx.TraceState(jnp.ones(2)))


def test_a_leaf_function_that_is_made_anew_is_refused() -> None:
    def local(g: Array) -> Array:
        return g

    for function in (local, lambda g: g):
        with pytest.raises(TypeError, match=r"made anew at every call.*functools\.partial"):
            map_leaves(function, jnp.ones(2))


class TwoArrays(NamedTuple):
    mu: Any
    nu: Any


class half_remembered(Rule, state=TwoArrays, optional=("nu",)):
    """Sums of the updates at every leaf, and of their squares at those with an array for them."""

    def leaf(self, g: Array, mu: Array, nu: Array | None) -> tuple[Array, Array, Array | None]:
        return (g, mu + g, None) if nu is None else (-g, mu + g, nu + g * g)


@pytest.mark.parametrize("jitted", [False, True])
def test_a_leaf_may_lack_an_optional_array(jitted: bool) -> None:
    tx, g, zeros = half_remembered(), {"a": jnp.array(2.0), "b": jnp.array(3.0)}, jnp.array(0.0)
    state = TwoArrays({"a": zeros, "b": zeros}, {"a": zeros, "b": MaskedNode()})
    update = jax.jit(tx.update) if jitted else tx.update
    assert update(g, state) == ({"a": -2.0, "b": 3.0}, TwoArrays(g, {"a": 4.0, "b": MaskedNode()}))
    with pytest.raises(TreeMismatchError, match=r"do not match mu of half_remembered at \['b'\]"):
        update(g, TwoArrays(state.nu, state.nu))
