"""A state that does not fit: the error says how to keep the parts that do."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import gradtx
from gradtx import GradientTransformation, StateMismatchError, accumulate, chain, clip_by_global_norm
from tests.messages.models import dictionary, network

ADAM = gradtx.adam(0.1)
CLIPPED = chain(clip_by_global_norm(1.0), *ADAM.transformations)  # pyright: ignore

CHANGES = {
    "clipping came": (ADAM, CLIPPED, ["mu", "nu", "count"]),
    "clipping left": (CLIPPED, ADAM, ["mu", "nu", "count"]),
    "a chain around": (ADAM, chain(clip_by_global_norm(1.0), ADAM), ["mu", "nu", "count"]),
    "out of a chain": (ADAM, gradtx.scale_by_adam(), ["mu", "nu", "count"]),
    "accumulation came": (ADAM, accumulate(ADAM, 2), ["mu", "nu"]),
    "a variant": (ADAM, gradtx.amsgrad(0.1), ["mu", "nu", "count"]),
    "the decay came": (ADAM, gradtx.adamw(0.1), ["mu", "nu", "count"]),
    "a schedule came": (
        gradtx.sgd(0.1, momentum=0.9),
        gradtx.sgd(gradtx.linear_schedule(0.1, 0.0, 9), momentum=0.9),
        ["trace"],
    ),
    "another name": (gradtx.named_chain(("a", ADAM)), gradtx.named_chain(("b", ADAM)), ["mu", "nu", "count"]),
}


def suggested(message: str, tx: GradientTransformation, state: Any, params: Any) -> Any:
    """The state that the code in an error makes."""
    if "fits: pass it as the state" in message:
        place = message.splitlines()[-1].partition(" fits")[0]
        return eval(place, {"state": state})
    code = "".join(line.strip() + " " for line in message.partition("To keep what fits:\n")[2].splitlines())
    found: dict[str, Any] = {"gradtx": gradtx, "tx": tx, "state": state, "params": params}
    exec(code, found)
    return found["state"]


@pytest.mark.parametrize("model", [dictionary, network])
@pytest.mark.parametrize("change", CHANGES)
def test_the_code_in_the_error_keeps_what_fits(change: str, model: Any) -> None:
    old, new, names = CHANGES[change]
    params = model()
    _, state = old.update(params, old.init(params), params)
    with pytest.raises(StateMismatchError) as error:
        new.update(params, state, params)
    kept = suggested(str(error.value), new, state, params)
    new.update(params, kept, params)
    for name in names:
        jax.tree.map(np.testing.assert_array_equal, gradtx.tree.get(kept, name), gradtx.tree.get(state, name))


@pytest.mark.parametrize("leaves", [2, 120])
def test_the_size_of_the_model_does_not_change_the_length(leaves: int) -> None:
    params = {
        f"layer{index}": {"kernel": jnp.ones((2, 2)), "bias": jnp.ones(2)} for index in range(leaves // 2)
    }
    for state, gradients in ((gradtx.sgd(0.1).init(params), params), (ADAM.init(params), jnp.ones(()))):
        with pytest.raises(ValueError, match="got") as error:
            ADAM.update(gradients, state, params)
        lines = str(error.value).splitlines()
        assert len(lines) <= 10
        assert max(map(len, lines)) <= 200


def test_a_part_is_kept_once() -> None:
    twice = chain(gradtx.scale_by_adam(), gradtx.scale_by_adam())
    state = ADAM.init({"w": jnp.ones(2)})
    with pytest.raises(StateMismatchError) as error:
        chain(clip_by_global_norm(1.0), twice).update({"w": jnp.ones(2)}, state)
    assert str(error.value).count("state[0]") == 1


def test_a_transformation_without_a_state_refuses_one() -> None:
    for tx in (gradtx.scale(0.1), gradtx.clip(1.0)):
        with pytest.raises(StateMismatchError, match=r"must be empty, got ScaleByAdamState\(count, mu, nu\)"):
            tx.update(jnp.ones(2), gradtx.scale_by_adam().init(jnp.ones(2)))
        tx.update(jnp.ones(2), ())


def test_arrays_of_other_shapes_are_not_kept() -> None:
    with pytest.raises(StateMismatchError) as error:
        CLIPPED.update({"w": jnp.ones(2)}, ADAM.init({"w": jnp.ones(3)}))
    kept = str(error.value).partition("To keep")[2]
    assert "'[1].count': state[0].count" in kept
    assert "mu" not in kept
