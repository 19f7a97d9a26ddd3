"""The shape of a hanging chain of springs, which has the least energy, by L-BFGS."""

import jax
import jax.numpy as jnp
import optax

STEPS = 100
LINKS = 12
SETTLED = 40  # the searches of the two libraries choose other steps on the way to the same shape
ends = jnp.array([[0.0, 0.0], [1.0, 0.0]])
params = jnp.linspace(ends[0], ends[1], LINKS + 1)[1:-1]


def energy(inner):
    points = jnp.concatenate([ends[:1], inner, ends[1:]])
    lengths = jnp.linalg.norm(jnp.diff(points, axis=0), axis=1)
    return jnp.sum(20.0 * (lengths - 0.12) ** 2) + 0.5 * jnp.sum(inner[:, 1])


tx = optax.lbfgs(memory_size=8)
opt_state = tx.init(params)
value_and_grad = optax.value_and_grad_from_state(energy)


@jax.jit
def step(params, opt_state):
    value, gradient = value_and_grad(params, state=opt_state)
    updates, opt_state = tx.update(gradient, opt_state, params, value=value, grad=gradient, value_fn=energy)
    return optax.apply_updates(params, updates), opt_state, value


losses = []
for _ in range(STEPS):
    params, opt_state, value = step(params, opt_state)
    losses.append(float(value))
