"""A step outside of `jit`, whole or split, is the jitted update and `apply_updates`."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import NamedSharding, PartitionSpec

import gradtx
from gradtx import Stepper, replace
from gradtx.stepping._splitting import split
from tests.cases import (
    CASES,
    as_taken,
    extra_arguments,
    make_gradients,
    make_matrix_and_vector,
    make_params,
)

EVERY_OPTIMIZER = sorted(set(CASES) & set(gradtx.optimizers.__all__))
CLIPPED = gradtx.chain(
    gradtx.clip_by_global_norm(0.5),
    gradtx.adamw(gradtx.cosine_decay_schedule(0.1, 10), weight_decay=0.1),
)
WHOLE_OR_SPLIT = pytest.mark.parametrize("split_above", [0, 256], ids=["split", "whole"])


def trained(tx, make, split_above, steps=3):
    """Parameters and state after a few steps of a `Stepper`."""
    params = make()
    stepper = Stepper(tx, split_above)
    state = stepper.init(params)
    for index in range(steps):
        gradients = as_taken(tx, make_gradients(params, index))
        extra = extra_arguments(tx, params)
        params, state = stepper(params, state, gradients=gradients, **extra)
    return params, state


def trained_plainly(tx, make, steps=3):
    """The same by hand."""
    params = make()
    state = tx.init(params)

    @partial(jax.jit, static_argnames="functions")
    def step(gradients, state, params, arrays, functions):
        updates, state = tx.update(gradients, state, params, **arrays, **dict(functions))
        return gradtx.apply_updates(params, updates), state

    for index in range(steps):
        extra = extra_arguments(tx, params)
        arrays = {name: value for name, value in extra.items() if not callable(value)}
        functions = tuple((name, value) for name, value in extra.items() if callable(value))
        gradients = as_taken(tx, make_gradients(params, index))
        params, state = step(gradients, state, params, arrays, functions)
    return params, state


def assert_close(got, expected):
    """To a few roundings: programs that are cut elsewhere fuse, and so round, elsewhere."""
    assert jax.tree.structure(got) == jax.tree.structure(expected)
    for mine, theirs in zip(jax.tree.leaves(got), jax.tree.leaves(expected), strict=True):
        assert mine.dtype == theirs.dtype
        np.testing.assert_allclose(mine, theirs, rtol=3e-5, atol=1e-7)


@pytest.mark.exhaustive
@WHOLE_OR_SPLIT
@pytest.mark.parametrize("name", EVERY_OPTIMIZER)
def test_every_optimizer(name, split_above):
    make = partial(make_params, jnp.float32)
    assert_close(trained(CASES[name], make, split_above), trained_plainly(CASES[name], make))


@WHOLE_OR_SPLIT
def test_a_norm_over_all_leaves(split_above):
    make = partial(make_params, jnp.float32)
    assert_close(trained(CLIPPED, make, split_above), trained_plainly(CLIPPED, make))


@WHOLE_OR_SPLIT
def test_parameters_and_state_are_donated_and_gradients_are_not(split_above):
    params = make_matrix_and_vector(jnp.float32)
    stepper = Stepper(gradtx.adam(0.1), split_above)
    state = stepper.init(params)
    gradients = make_gradients(params, 0)
    stepper(params, state, gradients=gradients)
    assert all(leaf.is_deleted() for leaf in jax.tree.leaves((params, state[0].mu, state[0].nu)))
    assert not any(leaf.is_deleted() for leaf in jax.tree.leaves(gradients))


@WHOLE_OR_SPLIT
def test_another_hyperparameter_compiles_nothing(split_above):
    traces = []

    def count_trace(updates, params):
        traces.append(1)
        return updates

    stepper = Stepper(gradtx.chain(gradtx.stateless(count_trace), gradtx.sgd(0.5)), split_above)
    params, gradients = {"w": jnp.ones(2)}, {"w": jnp.ones(2)}
    state = stepper.init(params)
    params, state = stepper(params, state, gradients=gradients)
    stepper.tx = replace(stepper.tx, learning_rate=0.25)
    params, state = stepper(params, state, gradients=gradients)
    another = Stepper(replace(stepper.tx, learning_rate=0.125), split_above)
    params, state = another(params, state, gradients=gradients)
    np.testing.assert_array_equal(params["w"], 1 - 0.5 - 0.25 - 0.125)
    assert len(traces) == 1


@WHOLE_OR_SPLIT
def test_a_wrong_gradient_loses_nothing(split_above):
    stepper = Stepper(gradtx.adam(0.1), split_above)
    params = make_matrix_and_vector(jnp.float32)
    state = stepper.init(params)
    with pytest.raises(gradtx.tree.TreeMismatchError, match="kernel"):
        stepper(params, state, gradients={**params, "kernel": jnp.ones((2, 8))})
    assert not any(leaf.is_deleted() for leaf in jax.tree.leaves((params, state)))


@WHOLE_OR_SPLIT
def test_arrays_on_different_devices_are_refused_and_none_is_lost(split_above):
    stepper = Stepper(gradtx.adam(0.1), split_above)
    params = [jax.device_put(jnp.ones((3, 3)), device) for device in jax.devices()[:2]]
    state = stepper.init(params)
    with pytest.raises(ValueError, match=r"device.*(?s:.*)device"):
        stepper(params, state, gradients=jax.tree.map(jnp.copy, params))
    assert not any(leaf.is_deleted() for leaf in jax.tree.leaves((params, state)))


@WHOLE_OR_SPLIT
def test_an_error_of_the_step_is_not_taken_for_a_donated_array(split_above):
    def fail(x):
        raise ValueError("the callback fails")

    tx = by_hand(lambda g, p: {"w": jax.pure_callback(fail, jax.ShapeDtypeStruct((2,), "float32"), g["w"])})
    with pytest.raises(RuntimeError, match="the callback fails"):
        jax.block_until_ready(Stepper(tx, split_above)({"w": jnp.ones(2)}, (), gradients={"w": jnp.ones(2)}))


@WHOLE_OR_SPLIT
def test_inside_of_jit_it_says_what_to_call(split_above):
    stepper = Stepper(gradtx.adam(0.1), split_above)
    params = {"w": jnp.ones(2)}
    with pytest.raises(TypeError, match=r"call tx\.update and apply_updates"):
        jax.jit(lambda p, s: stepper(p, s, gradients=p))(params, stepper.init(params))


@WHOLE_OR_SPLIT
def test_extra_arguments_arrive_functions_too(split_above):
    def times(updates, state, params, value, transform):
        return jax.tree.map(lambda u: transform(value * u), updates), state

    stepper = Stepper(gradtx.GradientTransformation(lambda params: (), times), split_above)
    params, _ = stepper(
        {"w": jnp.zeros(2)},
        (),
        gradients={"w": jnp.ones(2)},
        value=jnp.float32(3.0),
        transform=jnp.negative,
    )
    np.testing.assert_array_equal(params["w"], -3.0)


@WHOLE_OR_SPLIT
@pytest.mark.parametrize("axis_type", [jax.sharding.AxisType.Auto, jax.sharding.AxisType.Explicit])
def test_sharding_is_kept(split_above, axis_type):
    mesh = jax.make_mesh((8,), ("data",), axis_types=(axis_type,))
    with jax.set_mesh(mesh):
        sharding = NamedSharding(mesh, PartitionSpec("data"))
        params = jax.device_put(make_matrix_and_vector(jnp.float32), sharding)
        stepper = Stepper(CLIPPED, split_above)
        state = stepper.init(params)
        gradients = jax.device_put(make_gradients(params, 0), sharding)
        for _ in range(2):
            params, state = stepper(params, state, gradients=gradients)
    for leaf in jax.tree.leaves((params, gradtx.tree.get(state, "mu"))):
        assert leaf.sharding.is_equivalent_to(sharding, leaf.ndim)


def by_hand(function):
    """A transformation without state that is a function of gradients and parameters."""
    return gradtx.GradientTransformation(lambda params: (), lambda g, state, p: (function(g, p), state))


@pytest.mark.exhaustive
def test_a_parameter_that_is_read_again_is_still_there():
    """First for an array of its own shape, then, when the norm of that is known, to be moved."""

    def product_by_its_norm(g, p):
        product = jax.tree.map(jnp.multiply, g, p)
        return gradtx.scale(gradtx.global_norm(product)).update(product, gradtx.EmptyState())[0]

    make = partial(make_matrix_and_vector, jnp.float32)
    tx = by_hand(product_by_its_norm)
    assert_close(trained(tx, make, split_above=0), trained_plainly(tx, make))


@pytest.mark.exhaustive
def test_leaves_of_one_shape_keep_their_own_constants():
    tx = by_hand(lambda g, p: [float(index) * leaf for index, leaf in enumerate(g)])
    ones = [jnp.ones(2)] * 24
    params, _ = Stepper(tx, split_above=0)([jnp.zeros(2) for _ in ones], (), gradients=ones)
    np.testing.assert_array_equal([leaf[0] for leaf in params], np.arange(24.0))


@WHOLE_OR_SPLIT
def test_what_the_state_keeps_of_its_surroundings_is_not_taken_from_them(split_above):
    """Here the last gradient, a constant of the program, one object twice, and a number."""
    constant = jnp.arange(4.0)

    def remember(g, state, params=None):
        return jax.tree.map(jnp.multiply, g, {"w": constant}), (g["w"], g["w"], constant, 3)

    tx = gradtx.GradientTransformation(lambda p: (p["w"], p["w"], constant, 3), remember)
    stepper = Stepper(tx, split_above)
    params, gradients = {"w": jnp.zeros(4)}, [{"w": jnp.full(4, float(index))} for index in range(3)]
    state = stepper.init(params)
    for gradient in gradients:
        params, state = stepper(params, state, gradients=gradient)
    np.testing.assert_array_equal(params["w"], 3 * constant)
    assert [float(gradient["w"][0]) for gradient in gradients] == [0.0, 1.0, 2.0]
    assert all(isinstance(leaf, jax.Array) for leaf in jax.tree.leaves(state))


@WHOLE_OR_SPLIT
def test_one_array_may_be_two_parameters_and_the_gradient_too(split_above):
    tied = jnp.ones(3)
    stepper = Stepper(gradtx.sgd(0.5), split_above)
    params = {"a": tied, "b": tied}
    params, _ = stepper(params, stepper.init(params), gradients=params)
    np.testing.assert_array_equal(params["a"], 0.5)
    np.testing.assert_array_equal(params["b"], 0.5)


@WHOLE_OR_SPLIT
def test_the_context_of_a_trace_is_a_part_of_it(split_above):
    tx = by_hand(lambda g, p: {"w": g["w"] * jnp.zeros((), float).dtype.itemsize})
    stepper = Stepper(tx, split_above)
    moved = []
    for wide in (False, True, False):
        with jax.enable_x64(wide), jax.numpy_dtype_promotion("standard"):
            gradient = {"w": jnp.ones(2, "float32")}
            moved.append(float(stepper({"w": jnp.zeros(2, "float32")}, (), gradients=gradient)[0]["w"][0]))
    assert moved == [4.0, 8.0, 4.0]


@WHOLE_OR_SPLIT
def test_the_form_of_random_numbers_is_a_part_of_it(split_above):
    def draw():
        return jax.random.normal(jax.random.key(0), (2,))

    stepper = Stepper(by_hand(lambda g, p: {"w": draw()}), split_above)
    for partitionable in (True, False):
        with jax.threefry_partitionable(partitionable):
            params, _ = stepper({"w": jnp.zeros(2)}, (), gradients={"w": jnp.zeros(2)})
            np.testing.assert_allclose(params["w"], draw(), rtol=1e-6)


@WHOLE_OR_SPLIT
def test_what_cannot_be_a_part_of_a_program_is_named(split_above):
    with pytest.raises(TypeError, match="extra argument 'table' must be hashable"):
        Stepper(gradtx.sgd(0.1), split_above)({}, (), gradients={}, table={"f": jnp.sin})


def plan_for(tx, leaves, chunk):
    """The plan of a step on that many matrices of two shapes."""
    params = [jax.ShapeDtypeStruct((4, 2 + index % 2), jnp.float32) for index in range(leaves)]

    def step(params, state):
        updates, state = tx.update(params, state, params)
        return gradtx.apply_updates(params, updates), state

    return split(jax.make_jaxpr(step)(params, jax.eval_shape(tx.init, params)), chunk=chunk)


@pytest.mark.parametrize(("leaves", "calls"), [(16, 4), (48, 12), (50, 10)])
def test_leaves_of_one_shape_share_a_program(leaves, calls):
    plan = plan_for(gradtx.adamw(0.1), leaves, chunk=4)
    programs = {call.program for call in plan.calls}
    assert len(plan.calls) == 1 + calls  # what all share, and the chunks
    assert len(programs) == 3  # what all share, and one for each shape


def test_a_norm_cuts_a_group_in_two():
    plan = plan_for(CLIPPED, 16, chunk=8)
    # The sum of squares of each shape, the factor and all other numbers, the kernels of each shape.
    assert len({call.program for call in plan.calls}) == 2 + 1 + 2


def test_leaves_of_one_shape_that_are_treated_differently_do_not_share():
    mask = gradtx.by_path({"[0-3]$": True, ".*": False})
    plan = plan_for(gradtx.adamw(0.1, mask=mask), 8, chunk=1)
    assert len({call.program for call in plan.calls}) == 1 + 4


def test_repr_and_lifting():
    assert repr(Stepper(gradtx.scale(0.5))) == "Stepper(scale(step_size=0.5), split_above=None)"
    with pytest.raises(TypeError, match="Expected a transformation"):
        Stepper(0.1)
    stepper = Stepper(gradtx.scale(0.5))
    with pytest.raises(TypeError, match="Expected a transformation"):
        stepper.tx = 0.1
