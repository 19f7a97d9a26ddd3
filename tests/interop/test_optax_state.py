"""A run that began with Optax goes on with gradtx, and back."""

from collections.abc import Callable
from functools import partial
from typing import Any

import flax.serialization
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from optax import contrib

import gradtx
from gradtx.interop import from_optax, to_optax_state

SHAPES = {"matrix": (4, 6), "convolution": (3, 3, 2, 4), "bias": (6,)}
GROUPS = {"matrix": "a", "convolution": "a", "bias": "z"}
STEPS = 10
STORED = (lambda state: state, flax.serialization.to_state_dict)


def cosine(library: Any) -> Any:
    return library.warmup_cosine_decay_schedule(0.0, 0.01, 5, 30)


def matrices(params: Any) -> Any:
    return jax.tree.map(lambda param: param.ndim > 1, params)


def groups(library: Any, rate: Any) -> Any:
    parts = {"a": library.adam(rate(library)), "z": library.sgd(rate(library), momentum=0.9)}
    return library.partition(parts, GROUPS)


NAMED = (
    *("adabelief", "adadelta", "adagrad", "adam", "adamax", "adamaxw", "adamw", "amsgrad", "lamb", "lion"),
    *("fromage", "novograd", "optimistic_adam_v2", "optimistic_gradient_descent", "radam", "rmsprop", "sgd"),
    *("sign_sgd", "signum", "sm3", "yogi"),
)
CONTRIB = (
    *("ademamix", "adopt", "cocob", "dog", "dowg", "schedule_free_adamw", "schedule_free_sgd"),
    "simplified_ademamix",
)
# The calls that agree with Optax are those of docs/differences.md.
AS_OPTAX = {
    "nadam": (optax.nadam, partial(gradtx.nadam, momentum_decay=None)),
    "noisy_sgd": (partial(optax.noisy_sgd, key=1), partial(gradtx.noisy_sgd, key=1)),
    "dadapt_adamw": (contrib.dadapt_adamw, partial(gradtx.dadapt_adamw, bias_correction=True)),
    "galore": (contrib.galore, partial(gradtx.galore, longer_side=True)),
    "madgrad": (partial(contrib.madgrad, eps=1e-9), partial(gradtx.madgrad, eps=1e-9)),
    "prodigy": (contrib.prodigy, partial(gradtx.prodigy, bias_correction=True)),
    "muon": (
        contrib.muon,
        partial(gradtx.muon, debias=True, param_labels=gradtx.by_path({"matrix": "muon", "": "adam"})),
    ),
}
MAKERS: dict[str, Callable[[Any], Any]] = {
    **{name: lambda lib, name=name: getattr(lib, name)(0.01) for name in NAMED},
    **{
        f"{name}, schedule": lambda lib, name=name: getattr(lib, name)(cosine(lib))
        for name in NAMED
        if name != "sm3"
    },
    "lars": lambda lib: lib.lars(cosine(lib)),
    "rmsprop, centered": lambda lib: lib.rmsprop(0.01, momentum=0.9, centered=True),
    "adafactor": lambda lib: lib.adafactor(0.01, min_dim_size_to_factor=4),
    "adafactor, all": lambda lib: lib.adafactor(
        cosine(lib), min_dim_size_to_factor=4, momentum=0.9, weight_decay_rate=1e-3
    ),
    "clipped": lambda lib: lib.chain(lib.clip_by_global_norm(1.0), lib.adamw(cosine(lib), mask=matrices)),
    "averaged": lambda lib: lib.chain(lib.adam(0.01), lib.ema(0.9)),
    "MultiSteps": lambda lib: lib.MultiSteps(lib.adamw(cosine(lib)), 3),
    "inject_hyperparams": lambda lib: lib.inject_hyperparams(lib.adamw)(0.01),
    "inject_hyperparams, schedule": lambda lib: lib.inject_hyperparams(lib.adamw)(cosine(lib)),
    "flatten": lambda lib: lib.flatten(lib.adam(cosine(lib))),
    "snapshot": lambda lib: lib.chain(lib.snapshot("norm", lib.tree.norm), lib.adam(0.01)),
    "apply_if_finite": lambda lib: lib.apply_if_finite(lib.adam(cosine(lib)), 3),
    "masked": lambda lib: lib.masked(lib.adam(cosine(lib)), matrices),
    "partition": lambda lib: groups(lib, lambda lib: 0.01),
    "partition, schedules": lambda lib: groups(lib, cosine),
    "two of one kind": lambda lib: lib.partition(
        {"a": lib.adam(0.01), "z": lib.adam(cosine(lib), b1=0.8)}, GROUPS
    ),
    **{
        name: lambda lib, name=name: getattr(contrib if lib is optax else lib, name)(0.01) for name in CONTRIB
    },
    **{name: lambda lib, both=both: both[lib is gradtx](0.01) for name, both in AS_OPTAX.items()},
}


def tree(seed: int) -> Any:
    generator = np.random.default_rng(seed)
    return {
        name: jnp.asarray(generator.standard_normal(shape), jnp.float32) for name, shape in SHAPES.items()
    }


def run(tx: Any, params: Any, state: Any, begin: int) -> tuple[Any, Any]:
    update = jax.jit(tx.update)
    with jax.numpy_dtype_promotion("standard"):
        for step in range(begin, begin + STEPS):
            updates, state = update(tree(100 + step), state, params)
            params = jax.tree.map(jnp.add, params, updates)
    return params, state


def begun(tx: Any) -> tuple[Any, Any]:
    with jax.numpy_dtype_promotion("standard"):
        return run(tx, tree(0), tx.init(tree(0)), 0)


def numbers(leaf: Any) -> Any:
    is_key = jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key)
    return np.float64(jax.random.key_data(leaf) if is_key else leaf)


def assert_close(one: Any, other: Any) -> None:
    assert jax.tree.structure(one) == jax.tree.structure(other)
    for got, expected in zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True):
        largest = np.max(np.abs(numbers(expected)), initial=0.0)
        np.testing.assert_allclose(numbers(got), numbers(expected), rtol=1e-5, atol=1e-5 * largest)


@pytest.mark.exhaustive
@pytest.mark.parametrize(
    "stored", [lambda state: state, flax.serialization.to_state_dict], ids=["live", "flax"]
)
@pytest.mark.parametrize("name", MAKERS)
def test_ten_steps_of_each_library_are_twenty_of_optax(name: str, stored: Any) -> None:
    theirs, ours = MAKERS[name](optax), MAKERS[name](gradtx)
    params, state = begun(theirs)
    expected, expected_state = run(theirs, params, state, STEPS)
    carried = from_optax(stored(state), ours, params)
    assert jax.tree.map(jnp.shape, carried) == jax.tree.map(jnp.shape, ours.init(params))
    got, got_state = run(ours, params, carried, STEPS)
    assert_close(got, expected)
    with jax.numpy_dtype_promotion("standard"):
        assert_close(to_optax_state(got_state, ours, theirs, got), expected_state)


@pytest.mark.exhaustive
def test_a_state_of_adam_goes_there_and_back() -> None:
    theirs, ours = optax.adam(cosine(optax)), gradtx.adam(cosine(gradtx))
    params = tree(0)
    state = jax.tree.map(lambda leaf: leaf + 3, theirs.init(params))
    carried = from_optax(flax.serialization.to_state_dict(state), ours, params)
    assert carried[0].count == carried[1].count == 3
    np.testing.assert_array_equal(carried[0].mu["bias"], 3.0)
    jax.tree.map(np.testing.assert_array_equal, to_optax_state(carried, ours, theirs, params), state)


def test_a_state_of_another_optimizer_is_refused_with_a_list() -> None:
    params = tree(0)
    with pytest.raises(gradtx.StateMismatchError) as raised:
        from_optax(optax.adam(0.1).init(params), gradtx.momentum(0.1), params)
    assert "trace/trace has no array in Optax's state" in str(raised.value)
    assert "0/mu/bias of Optax's state has no place" in str(raised.value)
    assert len(str(raised.value).splitlines()) <= 10


def test_other_shapes_are_refused() -> None:
    params = tree(0)
    with pytest.raises(gradtx.StateMismatchError, match=r"trace/trace/bias: expected .*6.* got .*7"):
        from_optax(optax.sgd(0.1, 0.9).init(params | {"bias": jnp.ones(7)}), gradtx.momentum(0.1), params)


def test_a_schedule_without_a_count_is_refused() -> None:
    params = tree(0)
    with pytest.raises(gradtx.StateMismatchError, match="scale_by_learning_rate/schedule_count has no array"):
        from_optax(optax.sgd(0.1, 0.9).init(params), gradtx.momentum(cosine(gradtx)), params)


def test_a_placeholder_is_no_parameter_of_one_number() -> None:
    """Optax has an array of one number where a leaf has no state; a parameter may be such an array."""
    params, tx = {"w": jnp.ones(1)}, gradtx.adam(0.1)
    _, state = optax.adam(0.1).update(params, optax.adam(0.1).init(params))
    carried = from_optax(state, tx, params)
    assert carried[0].mu["w"].shape == (1,)
    with pytest.raises(gradtx.StateMismatchError, match="0/mu/w of Optax's state has no place"):
        from_optax(state, gradtx.sgd(0.1), params)
    with pytest.raises(gradtx.StateMismatchError, match="scale_by_adam/mu has no place in Optax's state"):
        to_optax_state(carried, tx, optax.sgd(0.1), params)


def test_two_of_a_kind_have_a_state_each() -> None:
    both = {"w": jnp.ones(2)}, {"w": jnp.full(2, 2.0)}
    state = optax.chain(optax.trace(0.9), optax.trace(0.5)).init(both[0])
    state = tuple(one._replace(trace=trace) for one, trace in zip(state, both, strict=True))
    carried = from_optax(state, gradtx.chain(gradtx.trace(0.9), gradtx.trace(0.5)), both[0])
    jax.tree.map(np.testing.assert_array_equal, tuple(one.trace for one in carried), both)


def test_the_placeholders_of_a_parameter_of_one_number() -> None:
    params = {"w": jnp.ones(1), "b": jnp.ones(())}
    state = optax.adafactor(0.1).init(params)
    carried = from_optax(state, gradtx.adafactor(0.1), params)
    back = to_optax_state(carried, gradtx.adafactor(0.1), optax.adafactor(0.1), params)
    jax.tree.map(np.testing.assert_array_equal, back, state)


@pytest.mark.exhaustive
def test_the_sum_of_updates_that_optax_recovers_from_the_parameters() -> None:
    theirs, ours = contrib.mechanize(optax.adam(0.1)), gradtx.mechanize(gradtx.adam(0.1))
    params, state = begun(theirs)
    carried = from_optax(state, ours, params)
    total = jnp.sum(carried.s)
    jax.tree.map(
        lambda start, delta, param: np.testing.assert_allclose(start + total * delta, param, rtol=1e-6),
        carried.x0,
        carried.delta,
        params,
    )
