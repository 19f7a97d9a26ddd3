"""A training script written for Optax runs with `import gradtx as optax` and learns the same."""

from typing import Any

import jax
import numpy as np

from tests.peers.comparison import permissive

SCRIPT = """
import jax
import jax.numpy as jnp
import {library} as optax

x = jax.random.normal(jax.random.key(0), (32, 3))
y = x @ jnp.array([1.0, -2.0, 0.5]) + 3.0
params = {{"weights": jnp.zeros(3), "bias": jnp.zeros(())}}

schedule = optax.warmup_cosine_decay_schedule(
    init_value=0.0, peak_value=0.3, warmup_steps=5, decay_steps=30, end_value=0.03
)
optimizer = optax.chain(
    optax.clip_by_global_norm(1.0),
    optax.adamw(
        learning_rate=schedule,
        b1=0.85,
        b2=0.97,
        weight_decay=0.05,
        mask=lambda params: jax.tree.map(lambda p: p.ndim > 0, params),
    ),
)
opt_state: optax.OptState = optimizer.init(params)


def loss(params):
    return jnp.mean((x @ params["weights"] + params["bias"] - y) ** 2)


@jax.jit
def step(params, opt_state):
    value, gradients = jax.value_and_grad(loss)(params)
    updates, opt_state = optimizer.update(gradients, opt_state, params)
    return optax.apply_updates(params, updates), opt_state, value


average = params
for _ in range(30):
    params, opt_state, value = step(params, opt_state)
    average = optax.incremental_update(params, average, step_size=0.1)
adam_state = opt_state[1][0]
assert isinstance(adam_state, optax.ScaleByAdamState)
"""


def run(library: str) -> dict[str, Any]:
    """What the script leaves behind."""
    left: dict[str, Any] = {}
    with permissive():
        exec(SCRIPT.format(library=library), left)
    return left


def test_the_same_script_learns_the_same():
    """Within 3e-5 of the parameters, to which Optax's own rounding leads in 20 steps and more."""
    ours, theirs = run("gradtx"), run("optax")
    assert ours["value"] < 0.1 * ours["loss"](jax.tree.map(np.zeros_like, ours["params"]))
    for name in ("params", "average"):
        jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=3e-5), ours[name], theirs[name])
    assert int(ours["adam_state"].count) == int(theirs["adam_state"].count) == 30
    for a, b in zip(
        jax.tree.leaves(ours["adam_state"].nu), jax.tree.leaves(theirs["adam_state"].nu), strict=True
    ):
        np.testing.assert_allclose(a, b, rtol=1e-4)
