"""A classifier in Flax Linen, trained with a warmup, clipping and weight decay on its kernels."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import optax
from flax.training.train_state import TrainState

STEPS = 100
x = jax.random.normal(jax.random.key(0), (128, 8))
labels = jnp.argmax(x @ jax.random.normal(jax.random.key(1), (8, 4)), axis=1)


class Classifier(nn.Module):
    """Two dense layers."""

    @nn.compact
    def __call__(self, x):
        x = nn.LayerNorm()(nn.relu(nn.Dense(32)(x)))
        return nn.Dense(4)(x)


def decays(params):
    return jax.tree.map(lambda param: param.ndim > 1, params)


model = Classifier()
schedule = optax.warmup_cosine_decay_schedule(
    init_value=0.0, peak_value=3e-2, warmup_steps=10, decay_steps=STEPS, end_value=1e-4
)
tx = optax.chain(
    optax.clip_by_global_norm(1.0), optax.adamw(learning_rate=schedule, weight_decay=1e-2, mask=decays)
)
state = TrainState.create(apply_fn=model.apply, params=model.init(jax.random.key(2), x), tx=tx)


@jax.jit
def step(state):
    def loss_fn(params):
        logits = state.apply_fn(params, x)
        targets = optax.smooth_labels(jax.nn.one_hot(labels, 4), alpha=0.1)
        return optax.softmax_cross_entropy(logits, targets).mean()

    loss, gradients = jax.value_and_grad(loss_fn)(state.params)
    return state.apply_gradients(grads=gradients), loss


losses = []
for _ in range(STEPS):
    state, loss = step(state)
    losses.append(float(loss))
params = state.params
