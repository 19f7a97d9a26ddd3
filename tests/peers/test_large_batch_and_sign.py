"""Lion, LAMB, LARS and the trust ratio beside Optax, and what their compiled steps cost."""

import re
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import gradtx
from tests.peers.comparison import disagreement, permissive
from tests.trajectories import parameters, rate

MASK = {"matrix": True, "scalar": False}
CASES: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = [
    ("lion", (rate,), {}),
    ("lion", (rate, 0.8, 0.95), {"weight_decay": 0.2, "mask": MASK}),
    ("lion", (rate, 0.95, 0.8), {"weight_decay": 0.2}),
    ("scale_by_lion", (0.8, 0.95), {}),
    ("lamb", (rate,), {}),
    ("lamb", (rate, 0.85, 0.97, 1e-2, 2e-2, 0.2), {}),
    ("lamb", (rate, 0.85, 0.97, 1e-2, 2e-2, 0.2, MASK), {}),
    ("scale_by_trust_ratio", (), {}),
    ("scale_by_trust_ratio", (2.0, 0.3, 1e-2), {}),
    ("lars", (rate,), {}),
    ("lars", (rate,), {"trust_coefficient": 0.3, "eps": 1e-2, "momentum": 0.8, "nesterov": True}),
]


@pytest.mark.parametrize(
    ("name", "args", "kwargs"), CASES, ids=[f"{name}-{i}" for i, (name, *_) in enumerate(CASES)]
)
def test_trajectory(name, args, kwargs):
    """Within 3e-5 over 20 steps, as far as Optax's Adam is from float64."""
    ours, theirs = getattr(gradtx, name)(*args, **kwargs), getattr(optax, name)(*args, **kwargs)
    assert disagreement(ours, theirs) < 3e-5


def test_lars_divides_by_the_sum_of_norms():
    """The paper's equation 6; Optax divides by the norm of the sum, as the chain of the two concepts does."""
    arguments = {"weight_decay": 0.2, "trust_coefficient": 0.3}
    theirs = optax.lars(rate, **arguments)
    assert disagreement(gradtx.lars(rate, **arguments), theirs) > 0.01
    of_sum = gradtx.chain(
        gradtx.add_decayed_weights(0.2),
        gradtx.scale_by_trust_ratio(trust_coefficient=0.3),
        gradtx.scale_by_learning_rate(rate),
        gradtx.trace(0.9),
    )
    assert disagreement(of_sum, theirs) < 3e-5
    theta, g = jnp.array([3.0, 4.0]), jnp.array([4.0, -3.0])
    for tx, norm in ((gradtx.lars(1.0, 1.0, None, 1.0), 10.0), (optax.lars(1.0, 1.0, True, 1.0), 50**0.5)):
        with permissive():
            update, _ = tx.update(g, tx.init(theta), theta)
        np.testing.assert_allclose(update, -5 / norm * (g + theta), rtol=1e-6)


@pytest.mark.parametrize(("ours", "theirs"), [(gradtx.lion(0.1), optax.lion(0.1))])
def test_state_of_lion(ours, theirs):
    assert repr(ours.init(parameters())) == repr(theirs.init(parameters()))


def test_state_of_lamb():
    """One transformation where Optax chains three: the same arrays under the same names."""
    ours, theirs = gradtx.lamb(rate).init(parameters()), optax.lamb(rate).init(parameters())
    assert repr(ours[0]) == repr(theirs[0])
    assert [x.shape for x in jax.tree.leaves(ours)] == [x.shape for x in jax.tree.leaves(theirs)]


def compiled(tx: Any, dtype: Any = jnp.float32) -> tuple[float, int]:
    """Temporaries as a fraction of 4.2 MB of parameters, and how many whole matrices the step copies."""
    layer = {"kernel": jnp.zeros((256, 256), dtype), "bias": jnp.zeros(256, dtype)}
    shapes = jax.eval_shape(lambda: {f"layer {i}": layer for i in range(16)})

    def step(params: Any, state: Any, gradients: Any) -> Any:
        updates, state = tx.update(gradients, state, params)
        return gradtx.apply_updates(params, updates), state

    with permissive():
        state = jax.eval_shape(tx.init, shapes)
        program = jax.jit(step, donate_argnums=(0, 1)).lower(shapes, state, shapes).compile()
    size = sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(shapes))
    copies = re.findall(r"= \w+\[256,256\]\S* copy\(", program.as_text())
    return program.memory_analysis().temp_size_in_bytes / size, len(copies)


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.bfloat16])
@pytest.mark.parametrize("learning_rate", [1e-3, rate], ids=["constant", "scheduled"])
def test_lion_copies_nothing(learning_rate, dtype):
    temporaries, copies = compiled(gradtx.lion(learning_rate, weight_decay=0.1), dtype)
    assert copies == 0
    assert temporaries < 0.01


def test_the_old_average_in_two_loops_is_copied():
    """Shows what the test above would see: Optax's Lion, and ours where b1 and b2 may be anything."""
    for tx in (optax.lion(1e-3), gradtx.lion(1e-3, b2=gradtx.constant_schedule(0.99))):
        temporaries, copies = compiled(tx)
        assert copies == 16
        assert temporaries > 0.9


def test_lamb_keeps_no_whole_direction():
    """Partial sums for a norm, of three ranges of magnitude: 3/16 of them. Optax keeps two whole arrays."""
    temporaries, copies = compiled(gradtx.lamb(rate, weight_decay=0.1))
    assert (copies, temporaries < 0.2) == (0, True)
    assert compiled(optax.lamb(rate, weight_decay=0.1))[0] > 0.9
