"""Fine-tuning: a frozen body, a slow middle and a fast head, with an average of the parameters."""

import jax
import jax.numpy as jnp
import optax

STEPS = 100
x = jax.random.normal(jax.random.key(0), (96, 6))
y = jnp.sin(x @ jnp.arange(6.0)[:, None])
keys = jax.random.split(jax.random.key(1), 3)
params = {
    "body": {"kernel": 0.4 * jax.random.normal(keys[0], (6, 32)), "bias": jnp.zeros(32)},
    "middle": {"kernel": 0.2 * jax.random.normal(keys[1], (32, 32)), "bias": jnp.zeros(32)},
    "head": {"kernel": 0.2 * jax.random.normal(keys[2], (32, 1)), "bias": jnp.zeros(1)},
}


def groups(params):
    return {name: jax.tree.map(lambda _, name=name: name, layer) for name, layer in params.items()}


middle = optax.inject_hyperparams(optax.adamw)(learning_rate=1e-3, weight_decay=1e-2)
head = optax.adamw(
    optax.join_schedules([optax.linear_schedule(0.0, 1e-2, 10), optax.constant_schedule(1e-2)], [10])
)
tx = optax.chain(
    optax.apply_if_finite(
        optax.multi_transform({"body": optax.set_to_zero(), "middle": middle, "head": head}, groups),
        max_consecutive_errors=5,
    ),
)


def model(params, x):
    for name in ("body", "middle"):
        x = jnp.tanh(x @ params[name]["kernel"] + params[name]["bias"])
    return x @ params["head"]["kernel"] + params["head"]["bias"]


@jax.jit
def step(params, average, opt_state):
    loss, gradients = jax.value_and_grad(lambda params: optax.l2_loss(model(params, x), y).mean())(params)
    updates, opt_state = tx.update(gradients, opt_state, params)
    params = optax.apply_updates(params, updates)
    return params, optax.incremental_update(params, average, step_size=0.05), opt_state, loss


average, opt_state, losses = params, tx.init(params), []
for number in range(STEPS):
    if number == STEPS // 2:
        opt_state = optax.tree.set(opt_state, learning_rate=jnp.asarray(2e-4))
    params, average, opt_state, loss = step(params, average, opt_state)
    losses.append(float(loss))
norms = {name: float(optax.tree.norm(layer)) for name, layer in average.items()}
