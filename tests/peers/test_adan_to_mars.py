"""Adan, ADOPT, AdEMAMix and MARS beside Optax and PyTorch, their disagreements, and what a step costs."""

import inspect
import re
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from optax import contrib

import gradtx
from tests.peers.comparison import disagreement, permissive
from tests.peers.test_compiled import compiled
from tests.trajectories import (
    parameters,
    rate,
)

MATRIX = {"matrix": (3, 4)}
ADOPT = {"b1": 0.8, "b2": 0.95, "eps": 0.5}
ADEMAMIX = {"b1": 0.85, "b2": 0.97, "b3": 0.99, "alpha": 3.0, "eps": 1e-2, "eps_root": 2e-2}
SIMPLIFIED = {"b1": 0.85, "b2": 0.97, "alpha": 0.6, "eps": 1e-2, "eps_root": 2e-2}
DECAY = {"weight_decay": 0.2, "mask": {"matrix": False, "scalar": True}}
CASES: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = [
    ("adopt", (rate,), ADOPT),
    ("adopt", (rate,), ADOPT | {"nesterov": True, "use_clipping": False}),
    ("scale_by_adopt", (), ADOPT | {"clip_value_fn": lambda count: 0.3 * count}),
    ("ademamix", (rate,), ADEMAMIX | DECAY),
    ("scale_by_ademamix", (), ADEMAMIX),
    ("simplified_ademamix", (rate,), SIMPLIFIED | DECAY),
    ("scale_by_simplified_ademamix", (), SIMPLIFIED),
]


@pytest.mark.parametrize(
    ("name", "args", "kwargs"), CASES, ids=[f"{name}-{i}" for i, (name, *_) in enumerate(CASES)]
)
def test_trajectory(name, args, kwargs):
    """Within 3e-5 over 20 steps, as `test_optax.py` has it."""
    ours, theirs = getattr(gradtx, name)(*args, **kwargs), getattr(contrib, name)(*args, **kwargs)
    assert disagreement(ours, theirs) < 3e-5


def test_adan_weighs_the_change_by_b2():
    """The paper's beta_2 is 1 - b2, and its factor 1 - beta_2 is b2; Optax has 1 - b2. At 1/2 they agree."""
    arguments = {"b1": 0.85, "b3": 0.95, "eps": 1e-2, "eps_root": 2e-2}
    ours, theirs = gradtx.adan(rate, b2=0.5, **arguments), optax.adan(rate, b2=0.5, **arguments)
    assert disagreement(ours, theirs) < 3e-5
    # Without averages, n is the square of the second gradient with a part of its change from 4 to 3.
    squares = []
    for scaling in (gradtx.scale_by_adan, optax.scale_by_adan):
        tx = scaling(b1=0.0, b2=0.75, b3=0.0)
        with permissive():
            _, state = tx.update(jnp.array(4.0), tx.init(jnp.array(0.0)))
            _, state = tx.update(jnp.array(3.0), state)
        squares.append(float(state.n))
    np.testing.assert_allclose(squares, [(3 - 0.75) ** 2, (3 - 0.25) ** 2], rtol=1e-6)


def test_ademamix_warms_up_one_step_sooner_than_a_count_from_0():
    """The paper counts from 1; Optax calls its schedules from 0 on, and leaves their shape to the user."""
    ours = gradtx.ademamix(rate, **ADEMAMIX | {"alpha": gradtx.ademamix_alpha_schedule(3.0, 5)})

    def theirs(begin: int) -> Any:
        return contrib.ademamix(
            rate, **ADEMAMIX | {"alpha": lambda count: 3.0 * jnp.minimum((count + begin) / 5, 1.0)}
        )

    assert disagreement(ours, theirs(1)) < 3e-5
    assert disagreement(ours, theirs(0)) > 0.01


@pytest.mark.parametrize(
    ("name", "library", "unlike"),
    [
        ("adan", optax, {"eps_root"}),
        ("scale_by_adan", optax, set()),
        ("adopt", contrib, {"clip_value_fn"}),
        ("scale_by_adopt", contrib, {"clip_value_fn"}),
        ("ademamix", contrib, set()),
        ("scale_by_ademamix", contrib, {"alpha"}),
        ("simplified_ademamix", contrib, set()),
        ("scale_by_simplified_ademamix", contrib, set()),
    ],
)
def test_signature_and_state(name, library, unlike):
    """Optax's parameters, in its order and with its defaults; its state, under the same names."""
    ours, theirs = (inspect.signature(getattr(source, name)).parameters for source in (gradtx, library))
    assert list(ours) == list(theirs)
    assert {key for key in theirs if ours[key].default != theirs[key].default} == unlike
    rates = (0.1,) if "learning_rate" in theirs else ()
    states = (getattr(source, name)(*rates).init(parameters()) for source in (gradtx, library))
    left, right = (jax.tree_util.tree_leaves_with_path(state) for state in states)
    assert [path for path, _ in left] == [path for path, _ in right]


TREE = {f"leaf {i}": jnp.zeros((64, 64 + i)) for i in range(8)}
SIZE = sum(leaf.nbytes for leaf in TREE.values())


def cost(tx: Any) -> tuple[float, int]:
    """Temporaries as a fraction of the parameters, and how many whole arrays a step copies."""
    program = compiled(tx, TREE)
    copies = re.findall(r"= f32\[\d[\d,]*\]\S* copy\(", program.as_text())
    return program.memory_analysis().temp_size_in_bytes / SIZE, len(copies)


@pytest.mark.parametrize(
    "tx",
    [
        gradtx.adan(rate, weight_decay=0.1),
        gradtx.adopt(rate),
        gradtx.ademamix(1e-3, weight_decay=0.1),
        gradtx.simplified_ademamix(1e-3, alpha=1.0),
        gradtx.mars(rate, weight_decay=0.1),
    ],
    ids=["adan", "adopt", "ademamix", "simplified", "mars"],
)
def test_a_step_copies_nothing(tx):
    """Scalars, and the partial sums of norms."""
    temporaries, copies = cost(tx)
    assert copies == 0
    assert temporaries < 0.05


def test_state_arrays_with_two_readers_are_copied():
    """Shows what the test above would see."""
    for tx in (optax.adan(1e-3), contrib.adopt(1e-3)):
        temporaries, copies = cost(tx)
        assert copies >= 8
        assert temporaries > 0.9
