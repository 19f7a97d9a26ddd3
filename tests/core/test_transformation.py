"""The guard around init and update: needs, checks, schedules, foreign objects, finality."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import gradtx
from gradtx import GradientTransformation, chain, constant_schedule, scale, trace
from gradtx.tree import MaskedNode, TreeMismatchError, map_leaves


class needs_value(GradientTransformation, needs=("value",)):
    """A transformation that multiplies by an extra argument."""

    def apply(self, updates: Any, state: Any, params: Any = None, **extra: Any) -> tuple[Any, Any]:
        return jax.tree.map(lambda g: g * extra["value"], updates), state


class wraps_one(gradtx.Wrapper):
    """A wrapper, to see that it checks nothing itself."""

    inner: GradientTransformation = gradtx.nested(gradtx.as_transformation, state="")
    strength: float = gradtx.hyperparameter(default=1.0)

    def init(self, params: Any) -> Any:
        return self.inner.init(params)

    def apply(self, updates: Any, state: Any, params: Any = None, **extra: Any) -> tuple[Any, Any]:
        updates, state = self.update_part(self.inner, updates, state, params, **extra)
        return gradtx.scale(self.strength).update(updates, gradtx.EmptyState())[0], state


def test_needs_join_what_is_nested() -> None:
    tx = chain(scale(0.1), wraps_one(chain(needs_value(), gradtx.add_decayed_weights(0.1))))
    assert tx.needs == {"value", "params"}
    assert scale(0.1).needs == frozenset()
    with pytest.raises(AttributeError):
        tx.needs = frozenset()  # pyright: ignore[reportAttributeAccessIssue]


def test_a_missing_need_says_who_needs_it() -> None:
    tx = chain(wraps_one(needs_value()))
    with pytest.raises(ValueError, match=r"needs_value in wraps_one in chain needs 'value'.*value=\.\.\."):
        tx.update(jnp.ones(2), tx.init(jnp.ones(2)))


def test_extra_arguments_reach_whoever_reads_them() -> None:
    tx = chain(gradtx.add(gradtx.identity(), wraps_one(needs_value(), strength=2.0)), scale(-1.0))
    updates, _ = tx.update(jnp.ones(2), tx.init(jnp.ones(2)), value=3.0, unknown="ignored")
    np.testing.assert_array_equal(updates, [-7.0, -7.0])


def test_transformations_are_final() -> None:
    with pytest.raises(TypeError, match=r"nested\(\) field, instead of subclassing trace"):

        class special(trace):  # pyright: ignore[reportUnusedClass]
            """Not allowed."""


def test_init_and_update_unpack() -> None:
    init, update = gradtx.sgd(0.5)
    updates, _ = update(jnp.ones(()), init(jnp.ones(())))
    assert updates == -0.5


def test_two_functions_make_a_transformation() -> None:
    def update(updates: Any, state: Any, params: Any = None, *, value: Any) -> tuple[Any, Any]:
        return updates * value, state + 1

    tx = GradientTransformation(lambda params: 0, update)
    assert isinstance(tx, GradientTransformation)
    assert tx.update(2.0, tx.init(0.0), value=3.0, other=1) == (6.0, 1)
    assert tx == GradientTransformation(*jax.tree.structure(tx).node_data()[1])
    plain = gradtx.GradientTransformationExtraArgs(lambda params: (), lambda u, s, p=None: (u, s))
    assert plain.update(1.0, (), value=3.0) == (1.0, ())


def test_what_is_no_transformation_is_refused_with_advice() -> None:
    with pytest.raises(TypeError, match=r"Call it: adam\(\.\.\.\)"):
        chain(gradtx.adam)
    with pytest.raises(TypeError, match=r"with \.init and \.update, got 3"):
        chain(3)


PARAMS = {"a": jnp.ones((2, 2)), "b": {"c": jnp.ones(3)}}


@pytest.mark.parametrize(
    ("gradients", "message"),
    [
        ({"a": jnp.ones(2), "b": {"c": jnp.ones(3)}}, r"\['a'\]: got shape \(2,\), expected shape \(2, 2\)"),
        ({"a": jnp.ones((2, 2)), "b": {}}, r"nothing at \['b'\]\['c'\], where params has a leaf"),
        ({"a": jnp.ones((2, 2)), "b": {"c": jnp.ones(3), "d": 1.0}}, r"a leaf at \['b'\]\['d'\], where"),
        ({"a": jnp.ones((2, 2)), "b": jnp.ones(3)}, r"\['b'\]: got shape \(3,\), expected a subtree"),
        ([jnp.ones((2, 2)), jnp.ones(3)], "differ in structure"),
    ],
)
def test_a_gradient_that_does_not_fit_is_named(gradients: Any, message: str) -> None:
    for tx in (scale(0.1), chain(trace(0.9), scale(0.1)), gradtx.adamw(0.1)):
        with pytest.raises(TreeMismatchError, match=message):
            tx.update(gradients, tx.init(PARAMS), PARAMS)


def test_a_gradient_that_does_not_fit_the_state_is_named_without_params() -> None:
    tx = gradtx.adam(0.1)
    with pytest.raises(TreeMismatchError, match=r"mu of scale_by_adam at \['a'\]: got shape \(2,\)"):
        tx.update({"a": jnp.ones(2), "b": {"c": jnp.ones(3)}}, tx.init(PARAMS))


def test_none_and_masked_gradients_may_cover_whole_subtrees() -> None:
    tx = gradtx.adamw(0.1, weight_decay=0.1)
    for nothing in (None, MaskedNode()):
        gradients = {"a": jnp.ones((2, 2)), "b": nothing}
        state = tx.init(PARAMS)
        updates, new_state = tx.update(gradients, state, PARAMS)
        assert updates["b"] is nothing or isinstance(updates["b"], MaskedNode)
        np.testing.assert_array_equal(new_state[0].mu["b"]["c"], state[0].mu["b"]["c"])
        moved = gradtx.apply_updates(PARAMS, updates)
        np.testing.assert_array_equal(moved["b"]["c"], PARAMS["b"]["c"])
        assert jax.tree.structure(moved) == jax.tree.structure(PARAMS)


def test_dtypes_are_not_compared() -> None:
    gradients = jax.tree.map(lambda p: p.astype(jnp.bfloat16), PARAMS)
    tx = gradtx.adamw(0.1)
    tx.update(gradients, tx.init(PARAMS), PARAMS)


class SeenState(NamedTuple):
    """What a body saw."""

    value: Any


class sees(GradientTransformation):
    """Records in its state what it saw of a hyperparameter."""

    number: Any = gradtx.hyperparameter(low=0.0)

    def init(self, params: Any) -> SeenState:
        return SeenState(jnp.asarray(self.number, jnp.float32))

    def apply(self, updates: Any, state: Any, params: Any = None, **extra: Any) -> tuple[Any, Any]:
        return updates, SeenState(jnp.asarray(self.number, jnp.float32))


def test_a_body_sees_the_value_of_a_schedule_at_its_count() -> None:
    tx = sees(lambda count: 10.0 * count.astype(float))
    state = tx.init(0.0)
    assert state == gradtx.ScheduledState(0, SeenState(0.0))
    for count in range(3):
        _, state = tx.update(1.0, state)
        assert state == gradtx.ScheduledState(count + 1, SeenState(10.0 * count))
        assert gradtx.hyperparams(tx, state) == {"number": 10.0 * (count + 1)}


def test_a_stateless_scheduled_transformation_has_the_state_of_optax() -> None:
    state = scale(lambda count: 1.0).init(0.0)
    assert state == gradtx.ScaleByScheduleState(0)
    assert state._fields == ("count",)


def test_a_schedule_saturates_at_the_end_of_the_count() -> None:
    tx = scale(constant_schedule(1.0))
    _, state = tx.update(1.0, gradtx.ScaleByScheduleState(jnp.int32(2**31 - 1)))
    assert state.count == 2**31 - 1


def test_a_constant_schedule_takes_a_schedules_place_and_nothing_else_does() -> None:
    tx = gradtx.sgd(lambda count: 0.5)
    params = jnp.ones(2)
    frozen = gradtx.replace(tx, learning_rate=constant_schedule(0.25))
    updates, _ = frozen.update(params, tx.init(params))
    np.testing.assert_array_equal(updates, [-0.25, -0.25])
    with pytest.raises(ValueError, match="made with a scheduled hyperparameter"):
        gradtx.sgd(0.5).update(params, tx.init(params))
    with pytest.raises(ValueError, match="made without a scheduled hyperparameter"):
        tx.update(params, gradtx.sgd(0.5).init(params))


def test_leaves_that_are_not_differentiable_pass() -> None:
    tree = {"i": jnp.arange(2), "n": None, "m": MaskedNode(), "x": jnp.ones(2), "b": jnp.array(True)}
    updates = scale(2.0).update(tree, gradtx.EmptyState())[0]
    assert updates["i"] is tree["i"]
    assert updates["b"] is tree["b"]
    assert updates["n"] is None
    np.testing.assert_array_equal(updates["x"], [2.0, 2.0])


def half(g: jax.Array, total: jax.Array) -> tuple[jax.Array, jax.Array]:
    """A leaf function that adds."""
    assert g.dtype == total.dtype == jnp.float32
    return g, total + g


def test_leaf_functions_compute_in_float32_and_store_as_declared() -> None:
    gradients, total = jnp.full(2, 2.0**-9, jnp.bfloat16), jnp.ones(2, jnp.bfloat16)
    updates, stored = map_leaves(half, gradients, state=(total,))
    assert updates.dtype == jnp.float32
    assert stored.dtype == jnp.bfloat16
    with jax.enable_x64(True):
        assert scale(0.1).update(jnp.ones(2, jnp.float64), gradtx.EmptyState())[0].dtype == jnp.float64


def test_leaves_of_one_shape_share_one_trace() -> None:
    params = {str(index): jnp.ones(5) for index in range(20)}
    tx = gradtx.adam(0.1)
    text = jax.jit(tx.update).lower(params, tx.init(params)).as_text()
    assert text.count("stablehlo.sqrt") == 1


def test_a_square_that_underflows_gives_no_step_where_nothing_else_bounds_it() -> None:
    tx = gradtx.scale_by_rss(0.0, eps=0.0)
    updates, _ = tx.update(jnp.array([1e-30, 0.0]), tx.init(jnp.ones(2)))
    np.testing.assert_array_equal(updates, [0.0, 0.0])


def passes_on() -> tuple[GradientTransformation, ...]:
    """Transformations that hand on the state of what they hold, whose hyperparameter is scheduled."""
    inner = scale(lambda count: 0.5)
    return (
        GradientTransformation(*inner),
        chain(GradientTransformation(*inner)),
        wraps_one(inner),
    )


@pytest.mark.parametrize("tx", passes_on(), ids=["two functions", "chain", "wrapper"])
def test_a_counted_state_may_be_that_of_what_is_held(tx: GradientTransformation) -> None:
    state = tx.init(jnp.ones(2))
    for _ in range(2):
        updates, state = tx.update(jnp.ones(2), state)
    np.testing.assert_array_equal(updates, [0.5, 0.5])
    assert gradtx.tree.get(state, "count") == 2


@pytest.mark.parametrize(
    ("tx", "state", "message"),
    [
        (gradtx.scale_by_adam(), gradtx.EmptyState(), r"must have the fields \(count, mu, nu\)"),
        (gradtx.trace(0.9), (), r"trace: the state must have the fields \(trace\)"),
        (gradtx.add(scale(1.0), scale(1.0)), (gradtx.EmptyState(),), "a tuple of 2 states"),
        (gradtx.named_chain(("a", scale(1.0))), {"b": ()}, "a dictionary with the keys a"),
    ],
)
def test_a_state_of_another_transformation_is_refused(tx: Any, state: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        tx.update(jnp.ones(2), state)


def test_a_state_with_the_same_fields_serves_whatever_its_class() -> None:
    class OtherAdamState(NamedTuple):
        count: Any
        mu: Any
        nu: Any

    tx = gradtx.scale_by_adam()
    state = tx.init(jnp.ones(2))
    expected, _ = tx.update(jnp.ones(2), state)
    np.testing.assert_array_equal(tx.update(jnp.ones(2), OtherAdamState(*state))[0], expected)


def test_integers_do_not_move_floats_and_floats_have_no_place_where_integers_stood() -> None:
    tx = gradtx.sgd(0.1, momentum=0.9)
    with pytest.raises(TreeMismatchError, match=r"\['w'\]: got int32 of shape \(2,\), expected float32"):
        tx.update({"w": jnp.array([1, 2])}, tx.init({"w": jnp.ones(2)}))
    with pytest.raises(TreeMismatchError, match=r"\['w'\]: got shape \(2,\), expected nothing"):
        tx.update({"w": jnp.ones(2)}, tx.init({"w": jnp.array([1, 2])}))
    with pytest.raises(TreeMismatchError, match="got int32"):
        gradtx.apply_updates(jnp.ones(2), jnp.array([1, 2]))


def test_a_stacked_optimizer_without_vmap_is_refused() -> None:
    stacked = jax.vmap(gradtx.sgd)(jnp.array([0.1, 0.2]))
    with pytest.raises(ValueError, match=r"chain\.init: .* stack .* shape \(2,\)\. .*jax\.vmap"):
        stacked.init(jnp.ones(2))
    with pytest.raises(ValueError, match=r"chain\.update: .* stack .* shape \(2,\)\. .*jax\.vmap"):
        stacked.update(jnp.ones(2), gradtx.sgd(0.1).init(jnp.ones(2)))
    with pytest.raises(TypeError, match=r"stacked, of shape \(2,\).*jax\.vmap"):
        gradtx.replace(stacked, learning_rate=0.5)


def test_extra_arguments_do_not_collide_with_positional_ones() -> None:
    def update(grad: Any, state: Any, params: Any = None) -> tuple[Any, Any]:
        return grad, state

    tx = GradientTransformation(lambda params: (), update)
    assert tx.update(1.0, (), grad=5.0) == (1.0, ())


def test_branches_of_a_join_must_agree_on_what_has_an_update() -> None:
    nothing = gradtx.stateless(lambda updates, params: {"a": None})
    for join in (gradtx.add(nothing, gradtx.identity()), gradtx.divide(gradtx.identity(), nothing)):
        with pytest.raises(TreeMismatchError, match=r"\['a'\]"):
            join.update({"a": jnp.ones(2)}, join.init({"a": jnp.ones(2)}))


def test_class_keywords_are_checked() -> None:
    with pytest.raises(TypeError, match=r"needs=\('params',\)"):

        class letters(GradientTransformation, needs="params"):  # pyright: ignore
            """Not a tuple."""

    with pytest.raises(ValueError, match="'shapes', 'structure' or None"):

        class misspelt(GradientTransformation, check="shape"):  # pyright: ignore
            """Not a kind of check."""


def test_a_leaf_that_is_no_array_is_named_at_init() -> None:
    with pytest.raises(TypeError, match=r"at \['f'\], where an array must stand.*equinox\.filter"):
        gradtx.adam(0.1).init({"w": jnp.ones(2), "f": jnp.tanh})


def test_healthy_clipping_passes_the_nan_check() -> None:
    tx = gradtx.clip_by_global_norm(1.0)
    with jax.debug_nans(True):
        for gradients in (jnp.zeros(2), jnp.array([3.0, 4.0])):
            tx.update(gradients, tx.init(gradients))


def test_derivatives_exist_where_a_rule_is_at_an_edge() -> None:
    def step(tx: GradientTransformation, gradients: jax.Array) -> jax.Array:
        return tx.update(gradients, tx.init(gradients))[0].sum()

    clipping = jax.grad(lambda g: step(gradtx.clip_by_global_norm(1.0), g))(jnp.zeros(2))
    np.testing.assert_array_equal(clipping, [1.0, 1.0])
    assert jnp.isfinite(jax.grad(lambda b1: step(gradtx.scale_by_adam(b1), jnp.ones(2)))(0.0))
