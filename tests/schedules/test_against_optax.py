"""Equal to Optax's schedules of the same names, edge cases included."""

import inspect

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

import gradtx

optax = pytest.importorskip("optax")

COUNTS = np.arange(101)

values = st.floats(0.0625, 2.0, width=32)
fractions = st.floats(0.0, 1.0, width=32)
steps = st.integers(0, 30)
some_steps = st.integers(1, 30)
exponents = st.sampled_from([0.5, 1.0, 2.0, 3.7])
rates = st.floats(0.25, 1.5, width=32)
scales = st.dictionaries(st.integers(0, 60), st.floats(0.0, 2.0, width=32), max_size=5)
cycle = st.tuples(values, values, st.integers(0, 10), st.integers(11, 25), values).map(
    lambda drawn: dict(
        zip(("init_value", "peak_value", "warmup_steps", "decay_steps", "end_value"), drawn, strict=True)
    )
)
one_cycle = {
    "transition_steps": st.integers(2, 60),
    "peak_value": values,
    "pct_start": st.floats(0.0, 0.6),
    "div_factor": st.floats(2.0, 30.0),
    "final_div_factor": st.floats(2.0, 100.0),
}
warmup = {"init_value": values, "peak_value": values, "warmup_steps": steps}
decay = {
    "transition_steps": steps,
    "decay_rate": rates,
    "transition_begin": steps,
    "staircase": st.booleans(),
}

ARGUMENTS = {
    "constant_schedule": {"value": values},
    "linear_schedule": {
        "init_value": values,
        "end_value": values,
        "transition_steps": steps,
        "transition_begin": steps,
    },
    "polynomial_schedule": {
        "init_value": values,
        "end_value": values,
        "power": exponents,
        "transition_steps": steps,
        "transition_begin": steps,
    },
    "exponential_decay": {"init_value": values, **decay, "end_value": st.none()},
    "cosine_decay_schedule": {
        "init_value": values,
        "decay_steps": some_steps,
        "alpha": fractions,
        "exponent": exponents,
    },
    "piecewise_constant_schedule": {"init_value": values, "boundaries_and_scales": st.none() | scales},
    "piecewise_interpolate_schedule": {
        "interpolate_type": st.sampled_from(["linear", "cosine"]),
        "init_value": values,
        "boundaries_and_scales": st.none() | scales,
    },
    "warmup_constant_schedule": warmup,
    "warmup_cosine_decay_schedule": {
        **warmup,
        "decay_steps": st.integers(31, 60),
        "end_value": values,
        "exponent": exponents,
    },
    "warmup_exponential_decay_schedule": {**warmup, **decay, "end_value": st.none()},
    "cosine_onecycle_schedule": one_cycle,
    "linear_onecycle_schedule": {
        **one_cycle,
        "transition_steps": st.integers(20, 60),  # no phase is empty
        "pct_final": st.floats(0.7, 0.95),
    },
    "sgdr_schedule": {"cosine_kwargs": st.lists(cycle, min_size=1, max_size=3)},
}


def curve(schedule):
    """The values of an Optax schedule, which is made for one count and for ordinary promotion."""
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        return np.asarray(jax.vmap(lambda count: jnp.asarray(schedule(count), float))(jnp.asarray(COUNTS)))


def same(name, arguments):
    theirs = curve(getattr(optax, name)(**arguments))
    ours = getattr(gradtx, name)(**arguments)(COUNTS)
    # Optax's own roundings: it takes 1 - p and 1 + cos in float32, and powers of a rounded rate.
    np.testing.assert_allclose(ours, theirs, rtol=3e-6, atol=1e-6 * np.abs(theirs).max())


@pytest.mark.parametrize("name", ARGUMENTS)
def test_it_has_optax_s_signature(name):
    ours, theirs = inspect.signature(getattr(gradtx, name)), inspect.signature(getattr(optax, name))
    assert list(ours.parameters) == list(theirs.parameters)
    for parameter, optax_s in zip(ours.parameters.values(), theirs.parameters.values(), strict=True):
        assert parameter.default == optax_s.default
        assert parameter.kind == optax_s.kind


@pytest.mark.parametrize("name", ARGUMENTS)
@settings(max_examples=12, deadline=None, derandomize=True)
@given(data=st.data())
def test_it_has_optax_s_values(name, data):
    same(name, data.draw(st.fixed_dictionaries(ARGUMENTS[name])))


EDGES = {
    "no transition": ("linear_schedule", (1.0, 0.5, 0)),
    "no transition, later": ("polynomial_schedule", (1.0, 0.5, 2.0, 0, 10)),
    "power 0": ("polynomial_schedule", (1.0, 0.5, 0.0, 10)),
    "no exponential": ("exponential_decay", (1.0, 0, 0.5)),
    "lower bound": ("exponential_decay", (1.0, 7, 0.5, 3, False, 0.125)),
    "lower bound, stairs": ("exponential_decay", (1.0, 7, 0.5, 3, True, 0.125)),
    "upper bound": ("exponential_decay", (1.0, 7, 1.5, 3, False, 4.0)),
    "bound beyond the start": ("exponential_decay", (1.0, 7, 0.5, 3, False, 2.0)),
    "rate 1": ("exponential_decay", (1.0, 7, 1.0, 0, False, 0.5)),
    "bounded after warmup": ("warmup_exponential_decay_schedule", (0.0, 1.0, 5, 4, 0.5, 2, True, 0.125)),
    "no warmup, held at the start": ("warmup_constant_schedule", (0.0, 1.0, 0)),
    "no warmup, cosine": ("warmup_cosine_decay_schedule", (0.0, 1.0, 0, 20, 0.1)),
    "no warmup, exponential": ("warmup_exponential_decay_schedule", (0.0, 1.0, 0, 20, 0.5)),
    "warmup in a part of a step": ("warmup_cosine_decay_schedule", (0.0, 1.0, 2.5, 20.5, 0.1)),
    "negative values": ("linear_schedule", (-1.0, 1.0, 10)),
    "boundary 0": ("piecewise_constant_schedule", (1.0, {0: 0.5, 5: 0.5})),
    "boundary 0, interpolated": ("piecewise_interpolate_schedule", ("linear", 1.0, {0: 0.5, 5: 0.5})),
    "scale 0": ("piecewise_interpolate_schedule", ("cosine", 1.0, {5: 0.0, 10: 2.0})),
    "no peak": ("warmup_cosine_decay_schedule", (0.0, 0.0, 5, 20)),
    "one-cycle by default": ("cosine_onecycle_schedule", (50, 1.0)),
    "linear one-cycle by default": ("linear_onecycle_schedule", (50, 1.0)),
    "short one-cycle": ("cosine_onecycle_schedule", (2, 1.0)),
}


@pytest.mark.parametrize("edge", EDGES)
def test_it_has_optax_s_values_at_the_edge(edge):
    name, arguments = EDGES[edge]
    bound = inspect.signature(getattr(optax, name)).bind(*arguments).arguments
    same(name, bound)


@pytest.mark.exhaustive
@settings(max_examples=12, deadline=None, derandomize=True)
@given(
    st.lists(st.tuples(values, values, steps), min_size=1, max_size=4),
    st.lists(steps, min_size=3, max_size=3),
)
def test_join_schedules_takes_either_s_schedules(lines, lengths):
    boundaries = [int(end) for end in np.cumsum(lengths[: len(lines) - 1])]
    theirs = curve(optax.join_schedules([optax.linear_schedule(*line) for line in lines], boundaries))
    ours = gradtx.join_schedules([gradtx.linear_schedule(*line) for line in lines], boundaries)
    np.testing.assert_allclose(ours(COUNTS), theirs, rtol=1e-6)
    np.testing.assert_allclose(curve(optax.join_schedules(ours.schedules, boundaries)), theirs, rtol=1e-6)
    mixed = gradtx.join_schedules([optax.linear_schedule(*line) for line in lines], boundaries)
    np.testing.assert_allclose(curve(mixed), theirs, rtol=1e-6)


def test_join_schedules_has_optax_s_signature():
    ours, theirs = inspect.signature(gradtx.join_schedules), inspect.signature(optax.join_schedules)
    assert list(ours.parameters) == list(theirs.parameters)
