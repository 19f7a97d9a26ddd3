"""The contract of wrappers: what a class must declare, and what follows from it."""

from types import SimpleNamespace
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import gradtx
from gradtx import GradientTransformation, Wrapper, nested, scale, scale_by_adam
from gradtx.core import zero_count
from gradtx.formats import decoded
from tests.cases import CASES, extra_arguments, make_gradients, make_params


class MixState(NamedTuple):
    """The state of `mix`: the count, and the states of both transformations."""

    count: Any
    both: Any


class mix(Wrapper, state=MixState):
    """The sum of two updates, with the states in a tuple below the state."""

    left: GradientTransformation = nested(state="both.0")
    right: GradientTransformation = nested(state="both.1")

    def init(self, params: Any) -> MixState:
        return MixState(zero_count(), (self.left.init(params), self.right.init(params)))

    def apply(self, updates: Any, state: MixState, params: Any = None, **extra: Any) -> Any:
        left, first = self.update_part(self.left, updates, state.both[0], params, **extra)
        right, second = self.update_part(self.right, updates, state.both[1], params, **extra)
        return jax.tree.map(jnp.add, left, right), MixState(state.count + 1, (first, second))


def test_a_nested_field_without_a_place_is_refused() -> None:
    with pytest.raises(TypeError, match=r'unplaced: .* inner.* nested\(\.\.\., state="inner_state"\)'):

        class unplaced(Wrapper, state=MixState):
            inner: GradientTransformation = nested()


@pytest.mark.parametrize("place", ["inner_state", "inner_state.0", "inner_states.*.inner_state"])
def test_a_place_that_the_state_does_not_have_is_refused(place: str) -> None:
    message = rf"misplaced: .* inner .*'{place[:11]}.* MixState has the fields count, both"
    with pytest.raises(TypeError, match=message):

        class misplaced(Wrapper, state=MixState):
            inner: GradientTransformation = nested(state=place)


def test_a_place_by_name_without_a_class_of_the_state_is_refused() -> None:
    with pytest.raises(TypeError, match=r"stateless: .* inner .* class line, as in state=MyState"):

        class stateless(Wrapper):
            inner: GradientTransformation = nested(state="inner_state")


def test_a_nested_field_makes_a_wrapper() -> None:
    with pytest.raises(TypeError, match=r"no_wrapper: .* nested\(\) fields .* Wrapper"):

        class no_wrapper(GradientTransformation, state=MixState):
            inner: GradientTransformation = nested(state="both")


def test_an_object_with_init_and_update_is_lifted() -> None:
    foreign = SimpleNamespace(init=lambda params: (), update=lambda u, state, params: (2 * u, state))
    tx = mix(foreign, scale(1.0))
    assert isinstance(tx.left, GradientTransformation)
    np.testing.assert_array_equal(tx.update(jnp.array(1.0), tx.init(jnp.array(0.0)))[0], 3.0)


@pytest.mark.exhaustive
def test_states_below_the_state_are_paired_with_their_transformations() -> None:
    average = gradtx.average_params(gradtx.sgd(gradtx.linear_schedule(1.0, 0.0, 4)), decay=0.5)
    tx, params = mix(scale_by_adam(), average), jnp.array(0.0)
    state = tx.init(params)
    for _ in range(2):
        _, state = tx.update(jnp.array(1.0), state, params)
    assert tx.parts(state) == [("[0]", tx.left, state.both[0]), ("[1]", tx.right, state.both[1])]
    np.testing.assert_array_equal(gradtx.eval_params(tx, state, params), state.both[1].average)
    hyperparams = gradtx.hyperparams(tx, state)
    assert (hyperparams["b1"], hyperparams["learning_rate"]) == (0.9, 0.5)
    rows = [line.split() for line in gradtx.summary(tx, params).splitlines()]
    assert rows[1] == ["mix()", "count", "1", "int32", "4", "B"]
    assert [row[0] for row in rows if "average" in row or "mu" in row] == ["mu", "average"]


DEFINITIONS = """
from gradtx import GradientTransformation, Wrapper, nested

class sees_both(Wrapper, state=MixState):
    inner: GradientTransformation = nested(state="both")

    def init(self, params):
        return MixState(0, self.inner.init(params))

    def apply(self, updates, state, params=None, **extra):
        updates, inner = self.update_part(self.inner, updates, state.both, params, **extra)
        return updates, MixState(state.count + 1, inner)
"""


@pytest.mark.parametrize("first", ["", "from __future__ import annotations"], ids=["types", "strings"])
def test_a_state_of_another_kind_is_refused_whatever_the_annotations_are(first: str) -> None:
    module: dict[str, Any] = {"__name__": __name__, "MixState": MixState}
    exec(compile(first + DEFINITIONS, "<definitions>", "exec", dont_inherit=True), module)
    tx, params = module["sees_both"](scale_by_adam()), jnp.zeros(2)
    state = tx.init(params)
    assert tx.parts(tx.update(params, state)[1])[0][2].count == 1
    for other in (state.both, (), tuple(state)):
        with pytest.raises(ValueError, match=r"sees_both: the state must have the fields \(count, both\)"):
            tx.update(params, other)


@pytest.mark.parametrize("name", [name for name, tx in CASES.items() if isinstance(tx, Wrapper)])
def test_each_part_has_the_state_that_its_own_init_made(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    tx, params = CASES[name], make_params(jnp.float32)
    made: dict[int, Any] = {}  # by the transformation: masks and partitions choose the parameters
    for kind in {type(part) for part in tx.nested}:

        def recorded(self: Any, params: Any, init: Any = kind.init) -> Any:
            made[id(self)] = init(self, params)
            return made[id(self)]

        monkeypatch.setattr(kind, "init", recorded)
    state = tx.init(params)
    parts = tx.parts(tx.own_state(state))
    assert [type(part) for _, part, _ in parts] == [type(part) for part in tx.nested]
    for _, part, part_state in parts:
        # An injected optimizer is another one at every step.
        expected = made[id(part)] if id(part) in made else part.init(params)
        assert jax.tree.structure(decoded(part_state)) == jax.tree.structure(expected)


def around_adam(tx: Wrapper) -> Wrapper:
    """`tx` around `scale_by_adam()`, for all leaves."""
    fields: dict[str, Any] = {"mask": None} if "mask" in tx.__dict__ else {}
    for field in tx._nested_fields:
        old = tx.__dict__[field.name]
        fields[field.name] = (scale_by_adam(),) * len(old) if isinstance(old, tuple) else scale_by_adam()
    return tx.with_fields(**fields)


AROUND_ADAM = {
    name: around_adam(tx)
    for name, tx in CASES.items()
    if isinstance(tx, Wrapper) and type(tx).__name__ == name != "inject"
}
AROUND_ADAM["inject"] = gradtx.inject(scale_by_adam(), "b1")
AROUND_ADAM["inject_hyperparams"] = gradtx.inject_hyperparams(scale_by_adam)()


def dtypes(tree: Any) -> set[str]:
    return {leaf.dtype.name for leaf in jax.tree.leaves(tree) if jnp.issubdtype(leaf.dtype, jnp.floating)}


@pytest.mark.parametrize("name", AROUND_ADAM)
def test_wide_updates_of_bfloat16_parameters_are_float32(name: str) -> None:
    tx, params = AROUND_ADAM[name], make_params(jnp.bfloat16)
    gradients, extra = make_gradients(params, 0), extra_arguments(tx, params)

    def updates(method: str) -> Any:
        return jax.eval_shape(lambda g, s: getattr(tx, method)(g, s, params, **extra)[0], gradients, state)

    state = jax.eval_shape(tx.init, params)
    assert dtypes(updates("wide_update")) == {"float32"}
    assert dtypes(updates("update")) == {"float32" if tx.wide else "bfloat16"}


class stays_wide(GradientTransformation, wide=True):
    """Returns float32, as stochastic rounding would."""

    def apply(self, updates: Any, state: Any, params: Any = None, **extra: Any) -> Any:
        return jax.tree.map(lambda g: g.astype(jnp.float32), updates), state


MASK = {"wide": True, "narrow": False}
GROUPS = gradtx.partition({True: stays_wide(), False: scale_by_adam()}, MASK)


@pytest.mark.parametrize(
    "tx",
    [
        GROUPS,
        gradtx.masked(stays_wide(), MASK),
        gradtx.chain(scale_by_adam(), gradtx.masked(stays_wide(), MASK)),
        gradtx.guard(gradtx.chain(scale(2.0), gradtx.masked(GROUPS, None))),
        gradtx.add(GROUPS, scale(1.0)),
    ],
    ids=repr,
)
@pytest.mark.parametrize("precision", ["bfloat16", "float32"])
def test_a_leaf_stays_wide_where_its_own_transformation_does(tx: Any, precision: str) -> None:
    params = {name: jnp.ones(2, jnp.bfloat16) for name in MASK}
    gradients = {name: jnp.ones(2, precision) for name in MASK}
    state = tx.init(params)
    updates, _ = tx.update(gradients, state, params)
    assert {name: leaf.dtype.name for name, leaf in updates.items()} == {
        "wide": "float32",
        "narrow": "bfloat16",
    }
    updates, _ = tx.update(gradients, state)
    assert updates["narrow"].dtype == precision
    gradients = {name: jnp.ones(2, jnp.float32) for name in MASK}
    assert dtypes(tx.wide_update(gradients, state, params)[0]) == {"float32"}


def test_both_branches_that_stay_wide_stay_so() -> None:
    params = {name: jnp.ones(2, jnp.bfloat16) for name in MASK}
    tx = gradtx.add(GROUPS, stays_wide())
    assert dtypes(tx.update(params, tx.init(params), params)[0]) == {"float32"}
