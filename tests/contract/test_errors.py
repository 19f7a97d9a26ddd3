"""What every public transformation says when something is missing, misshapen, or out of range."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import gradtx
from gradtx import GradientTransformation
from gradtx.tree import TreeMismatchError
from tests.cases import CASES, as_taken, extra_arguments, make_gradients, make_params, takes_examples

every_case = pytest.mark.parametrize("name", CASES)


def parts_of(tx: GradientTransformation) -> list[GradientTransformation]:
    """A transformation and all that it holds."""
    return [tx, *(inner for part in tx.nested for inner in parts_of(part))]


@every_case
def test_a_missing_need_is_named_before_any_arithmetic(name: str) -> None:
    tx, params = CASES[name], make_params(jnp.float32)
    gradients, state = as_taken(tx, make_gradients(params, 0)), tx.init(params)
    extra = extra_arguments(tx, params)
    for need in tx.needs:
        given = {"params": params, **extra, need: None}
        with pytest.raises(ValueError, match=f"needs {need!r}: call update"):
            tx.update(gradients, state, **given)
    if not tx.needs:
        with jax.disable_jit():
            tx.update(gradients, state)


@every_case
def test_a_wrong_gradient_is_refused_with_the_leaf(name: str) -> None:
    tx, params = CASES[name], {"layer": {"kernel": jnp.ones((8, 2)), "bias": jnp.ones(8)}}
    # Per-example gradients have another shape by declaration, and what is behind them in a chain sees a mean.
    checking = not takes_examples(tx) and any(
        part._check == "shapes" and not part.nested for part in parts_of(tx)
    )
    wrong = {"layer": {"kernel": jnp.ones(8), "bias": jnp.ones(8)}}
    missing = {"layer": {"kernel": jnp.ones((8, 2))}}
    for gradients, message in (
        (wrong, r"\['layer'\]\['kernel'\]: got shape \(8,\), expected shape \(8, 2\)"),
        (missing, r"\['layer'\]\['bias'\]"),
    ):
        if checking:
            with jax.disable_jit(), pytest.raises(TreeMismatchError, match=message):
                tx.update(gradients, tx.init(params), params, **extra_arguments(tx, params))


@every_case
@pytest.mark.parametrize(
    "value", ["1e-3", True, float("nan"), 1j, np.ones(2), None, (1.0, 2.0), [0.1]], ids=repr
)
def test_what_is_no_number_is_refused_as_a_hyperparameter(name: str, value: Any) -> None:
    for part in parts_of(CASES[name]):
        optional = {field.name for field in part._fields if field.metadata.get("optional")}
        for field in part.hyperparameters().keys() - (optional if value is None else set()):
            with pytest.raises((TypeError, ValueError), match=rf"{type(part).__name__}: {field} must be"):
                part.converted(field, value)


@every_case
def test_a_state_of_another_kind_is_refused(name: str) -> None:
    params = {"kernel": jnp.ones((8, 2))}  # a matrix, which every part can take by itself
    scheduled = [part for part in parts_of(CASES[name]) if part.scheduled]
    for part in scheduled:
        (field, *_) = part.scheduled
        plain = part.with_fields(**{field: 0.5})
        gradients, state = as_taken(part, make_gradients(params, 0)), part.init(params)
        with pytest.raises(ValueError, match="constant_schedule"):
            plain.update(gradients, state, params, **extra_arguments(part, params))
        constant = gradtx.replace(part, **{f".{field}": gradtx.constant_schedule(0.5)})
        assert gradtx.replace(part, **{f".{field}": 0.5}) == constant
        constant.update(gradients, state, params, **extra_arguments(part, params))
        with pytest.raises(TypeError, match=r"needs a count of updates.*constant_schedule\(0\.5\)"):
            gradtx.replace(plain, **{f".{field}": part.__dict__[field]})


@every_case
def test_a_traced_hyperparameter_can_be_neither_compared_nor_hashed(name: str) -> None:
    tx = CASES[name]
    if not jax.tree.leaves(tx):
        return

    @jax.jit
    def inside(tx: GradientTransformation) -> None:
        with pytest.raises(TypeError, match="traced hyperparameter"):
            hash(tx)

    inside(tx)
