"""The precision of updates: that of each parameter, or, without parameters, of each gradient.

Nothing is computed here: a traced program has all dtypes.
"""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import optax
import pytest

import gradtx
from gradtx import GradientTransformation
from gradtx.tree import widened
from tests.cases import CASES, as_taken, extra_arguments, make_gradients, make_params

MIXED = "mixed"
PRECISIONS = ("float32", "bfloat16", "float16", MIXED)
OTHER = {"float32": "bfloat16", "bfloat16": "float32", "float16": "float32", MIXED: "float32"}

every_case = pytest.mark.parametrize("name", CASES)
every_precision = pytest.mark.parametrize("precision", PRECISIONS)


def parameters(precision: str) -> Any:
    """Parameters of several ranks in this precision; of every precision where they are mixed."""
    if precision != MIXED:
        return make_params(precision)
    leaves, treedef = jax.tree.flatten(make_params(jnp.float32))
    dtypes = ("bfloat16", "float16", "float32")
    kept = [
        leaf.astype(dtypes[i % 3]) if jnp.issubdtype(leaf.dtype, jnp.floating) else leaf
        for i, leaf in enumerate(leaves)
    ]
    return treedef.unflatten(kept)


def gradients(params: Any, step: int = 0) -> Any:
    return make_gradients(params, step)


def dtypes(tree: Any) -> list[Any]:
    return [leaf.dtype for leaf in jax.tree.leaves(tree) if jnp.issubdtype(leaf.dtype, jnp.floating)]


def traced(function: Callable[..., Any], *arguments: Any) -> Any:
    return jax.eval_shape(function, *arguments)


@every_precision
@every_case
def test_updates_have_the_precision_of_the_parameters(name: str, precision: str) -> None:
    tx, params = CASES[name], parameters(precision)
    if not {str(dtype) for dtype in dtypes(params)}.isdisjoint(tx.refused_dtypes):
        with pytest.raises(TypeError, match="float16"):
            tx.init(params)
        return
    state = traced(tx.init, params)

    def update(gradients: Any, state: Any, params: Any) -> Any:
        return tx.update(as_taken(tx, gradients), state, params, **extra_arguments(tx, params))[0]

    for kind in (precision, OTHER[precision]):  # of the gradients
        updates = traced(update, gradients(parameters(kind)), state, params)
        assert dtypes(updates) == [widened(dtype) if tx.wide else dtype for dtype in dtypes(params)]


@every_precision
@every_case
def test_without_parameters_updates_have_the_precision_of_the_gradients(name: str, precision: str) -> None:
    tx, params = CASES[name], parameters(precision)
    if "params" in tx.needs:
        pytest.skip("needs parameters")
    incoming = gradients(params)

    def update(gradients: Any, state: Any) -> Any:
        return tx.update(as_taken(tx, gradients), state, **extra_arguments(tx, params))[0]

    assert dtypes(traced(update, incoming, traced(tx.init, params))) == dtypes(incoming)


@every_case
def test_wide_updates_are_in_float32_or_wider(name: str) -> None:
    tx, params = CASES[name], make_params(jnp.bfloat16)

    def update(gradients: Any, state: Any, params: Any) -> Any:
        return tx.wide_update(as_taken(tx, gradients), state, params, **extra_arguments(tx, params))[0]

    updates = traced(update, gradients(params), traced(tx.init, params), params)
    assert set(dtypes(updates)) <= {jnp.dtype(jnp.float32), jnp.dtype(jnp.bfloat16)}
    if not (
        passes(tx) or isinstance(tx, gradtx.stateless | gradtx.stateless_with_tree_map)
    ):  # users' functions
        assert set(dtypes(updates)) == {jnp.dtype(jnp.float32)}


def passes(tx: GradientTransformation) -> bool:
    """Whether `tx` returns a leaf as it came: then it has the dtype in which it came."""
    kernel = jnp.ones((8, 2), jnp.bfloat16)
    params = {"kernel": kernel, "bias": jnp.ones(8, jnp.bfloat16), "w": jnp.ones((), jnp.bfloat16)}
    jaxpr = jax.make_jaxpr(
        lambda g: tx.wide_update(
            as_taken(tx, g), jax.tree.map(jnp.asarray, tx.init(params)), params, **extra_arguments(tx, params)
        )[0]
    )(params)
    return any(out in jaxpr.jaxpr.invars for out in jaxpr.jaxpr.outvars)


def programs(tx: Any, extra: Callable[[Any], dict[str, Any]]) -> dict[str, Callable[..., Any]]:
    """Three programs of users, which hold only where updates have the dtypes of the parameters."""

    def equinox_step(params: Any, state: Any, gradients: Any) -> Any:
        updates, state = tx.update(gradients, state, params, **extra(params))
        return eqx.apply_updates(params, updates), state

    def scanned(params: Any, state: Any, gradients: Any) -> Any:
        def body(carry: Any, _: None) -> Any:
            params, state = carry
            updates, state = tx.update(gradients, state, params, **extra(params))
            return (jax.tree.map(jnp.add, params, updates), state), None

        return jax.lax.scan(body, (params, state), None, length=2)[0]

    def skipped(params: Any, state: Any, gradients: Any) -> Any:
        return jax.lax.cond(
            jnp.bool_(True),
            lambda: tx.update(gradients, state, params, **extra(params)),
            lambda: (jax.tree.map(jnp.zeros_like, gradients), state),
        )

    return {"equinox": equinox_step, "scan": scanned, "cond": skipped}


MATRIX_AND_VECTOR = {"kernel": jnp.ones((4, 3), jnp.bfloat16), "bias": jnp.ones(3, jnp.bfloat16)}


def assert_programs_hold(tx: Any, extra: Callable[[Any], dict[str, Any]] = lambda params: {}) -> None:
    params = MATRIX_AND_VECTOR
    state = traced(tx.init, params)
    for run in programs(tx, extra).values():
        first, new_state = traced(run, params, state, params)
        assert dtypes(first) == dtypes(params)
        assert jax.tree.map(str, new_state) == jax.tree.map(str, state)


@every_case
def test_a_bfloat16_model_stays_one_in_programs_of_users(name: str) -> None:
    tx = CASES[name]
    if tx.check != "shapes" or tx.wide:
        pytest.skip("takes gradients of another shape, or is wide by declaration")
    assert_programs_hold(tx, lambda params: extra_arguments(tx, params))


@pytest.mark.parametrize(
    "tx",
    [
        optax.apply_if_finite(gradtx.adam(1e-3), 5),
        optax.conditionally_transform(gradtx.scale_by_adam(), lambda step: step > 1),
        optax.MultiSteps(gradtx.adam(1e-3), 2),
        optax.masked(gradtx.adam(1e-3), True),
        optax.chain(gradtx.clip_by_global_norm(1.0), gradtx.adam(1e-3)),
        optax.inject_hyperparams(gradtx.adam)(1e-3),
        gradtx.MultiSteps(optax.adam(1e-3), 2),
        gradtx.chain(gradtx.scale_by_adam(), optax.trace(0.9)),
        gradtx.add(optax.trace(0.9), gradtx.scale_by_adam()),
        gradtx.chain(gradtx.clip_by_global_norm(1.0), optax.adam(1e-3)),
    ],
    ids=[
        "optax.apply_if_finite",
        "optax.conditionally_transform",
        "optax.MultiSteps",
        "optax.masked",
        "optax.chain",
        "optax.inject_hyperparams",
        "MultiSteps(optax.adam)",
        "chain(..., optax.trace)",
        "add(optax.trace, ...)",
        "chain(..., optax.adam)",
    ],
)
def test_together_with_optax_too(tx: Any) -> None:
    with jax.numpy_dtype_promotion("standard"):
        assert_programs_hold(tx)


def test_complex_stays_complex_and_real_stays_real() -> None:
    params = {"z": jnp.ones(2, jnp.complex64), "h": jnp.ones(2, jnp.bfloat16)}
    updates, _ = gradtx.sgd(0.1).update(
        {"z": params["z"], "h": jnp.ones(2, jnp.complex64)}, (None,) * 2, params
    )
    assert {name: leaf.dtype.name for name, leaf in updates.items()} == {"z": "complex64", "h": "complex64"}


class stays_wide(GradientTransformation, wide=True):
    """Returns float32, as stochastic rounding would."""

    def apply(self, updates: Any, state: Any, params: Any = None, **extra: Any) -> Any:
        return jax.tree.map(lambda g: g.astype(jnp.float32), updates), state


def test_a_declared_transformation_stays_wide() -> None:
    params = jnp.ones(2, jnp.bfloat16)
    for tx in (stays_wide(), gradtx.chain(gradtx.scale(2.0), stays_wide())):
        assert tx.update(params, tx.init(params), params)[0].dtype == jnp.float32


@pytest.mark.parametrize(
    "sequence", [gradtx.chain, lambda *parts: gradtx.named_chain(*zip("ab", parts, strict=True))]
)
def test_no_part_may_follow_one_that_stays_wide(sequence: Any) -> None:
    with pytest.raises(ValueError, match=r"stays_wide stay in float32 or wider .*ut it last, after scale"):
        sequence(stays_wide(), gradtx.scale(2.0))


@every_case
def test_64_bits_and_strict_promotion(name: str) -> None:
    """Parameters in float32 stay so, where Python numbers are float64 and nothing is promoted in silence."""
    tx = CASES[name]
    with jax.enable_x64(True), jax.numpy_dtype_promotion("strict"):
        params = make_params(jnp.float32)

        def two_steps(params: Any, sequence: Any) -> Any:
            state = tx.init(params)
            for gradients in sequence:
                extra = extra_arguments(tx, params)
                updates, state = tx.update(as_taken(tx, gradients), state, params, **extra)
            return updates

        updates = traced(two_steps, params, [make_gradients(params, step) for step in range(2)])
        assert dtypes(updates) == dtypes(params)
