"""Proximal policy optimization of a one-step task, all of it inside of `jax.lax.scan`."""

import jax
import jax.numpy as jnp
import optax

STEPS = 100
ACTIONS = 5
key = jax.random.key(0)
states = jax.random.normal(jax.random.key(1), (64, 3))
best = jnp.argmax(states @ jax.random.normal(jax.random.key(2), (3, ACTIONS)), axis=1)
params = {
    "policy": {"w": jnp.zeros((3, ACTIONS)), "b": jnp.zeros(ACTIONS)},
    "value": {"w": jnp.zeros((3, 1)), "b": jnp.zeros(1)},
}
tx = optax.chain(
    optax.clip_by_global_norm(0.5),
    optax.adam(learning_rate=optax.linear_schedule(2e-2, 0.0, STEPS), eps=1e-5),
)


def dense(layer, x):
    return x @ layer["w"] + layer["b"]


def loss_fn(params, actions, rewards, old_log_probs):
    log_probs = jax.nn.log_softmax(dense(params["policy"], states))
    chosen = jnp.take_along_axis(log_probs, actions[:, None], axis=1)[:, 0]
    values = dense(params["value"], states)[:, 0]
    advantages = rewards - jax.lax.stop_gradient(values)
    ratio = jnp.exp(chosen - old_log_probs)
    clipped = jnp.minimum(ratio * advantages, jnp.clip(ratio, 0.8, 1.2) * advantages)
    entropy = -jnp.sum(jnp.exp(log_probs) * log_probs, axis=1)
    return jnp.mean(optax.huber_loss(values, rewards, delta=1.0) - clipped - 0.01 * entropy)


def step(carry, key):
    params, opt_state = carry
    logits = dense(params["policy"], states)
    actions = jax.random.categorical(key, logits)
    old = jnp.take_along_axis(jax.nn.log_softmax(logits), actions[:, None], axis=1)[:, 0]
    rewards = (actions == best).astype(jnp.float32)
    loss, gradients = jax.value_and_grad(loss_fn)(params, actions, rewards, old)
    updates, opt_state = tx.update(gradients, opt_state, params)
    return (optax.apply_updates(params, updates), opt_state), loss


(params, opt_state), losses = jax.lax.scan(step, (params, tx.init(params)), jax.random.split(key, STEPS))
