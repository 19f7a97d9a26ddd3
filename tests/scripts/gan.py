"""A generative adversarial network: two players, each with an optimizer of its own."""

import jax
import jax.numpy as jnp
import optax

STEPS = 100


def layer(key, inputs, outputs):
    return {"w": jax.random.normal(key, (inputs, outputs)) / jnp.sqrt(inputs), "b": jnp.zeros(outputs)}


keys = jax.random.split(jax.random.key(0), 4)
params = {
    "generator": [layer(keys[0], 2, 16), layer(keys[1], 16, 1)],
    "discriminator": [layer(keys[2], 1, 16), layer(keys[3], 16, 1)],
}
optimizers = {
    "generator": optax.adam(1e-2, b1=0.5),
    "discriminator": optax.chain(optax.add_decayed_weights(1e-3), optax.rmsprop(5e-3, decay=0.95)),
}
states = {name: optimizers[name].init(params[name]) for name in optimizers}


def network(layers, x):
    hidden = jax.nn.leaky_relu(x @ layers[0]["w"] + layers[0]["b"])
    return hidden @ layers[1]["w"] + layers[1]["b"]


def discriminator_loss(discriminator, generator, real, noise):
    fake = network(generator, noise)
    on_real, on_fake = network(discriminator, real), network(discriminator, fake)
    losses = optax.sigmoid_binary_cross_entropy(on_real, jnp.ones_like(on_real))
    return jnp.mean(losses + optax.sigmoid_binary_cross_entropy(on_fake, jnp.zeros_like(on_fake)))


def generator_loss(generator, discriminator, noise):
    logits = network(discriminator, network(generator, noise))
    return jnp.mean(optax.sigmoid_binary_cross_entropy(logits, jnp.ones_like(logits)))


@jax.jit
def step(params, states, key):
    params, states = dict(params), dict(states)
    real = 2.0 + 0.5 * jax.random.normal(key, (64, 1))
    noise = jax.random.normal(jax.random.fold_in(key, 1), (64, 2))
    rounds = (
        ("discriminator", discriminator_loss, ("generator",), (real, noise)),
        ("generator", generator_loss, ("discriminator",), (noise,)),
    )
    values = []
    for name, loss_fn, others, data in rounds:
        arguments = [params[name], *(params[other] for other in others), *data]
        value, gradients = jax.value_and_grad(loss_fn)(*arguments)
        updates, states[name] = optimizers[name].update(gradients, states[name], params[name])
        params[name] = optax.apply_updates(params[name], updates)
        values.append(value)
    return params, states, values


losses = []
for key in jax.random.split(jax.random.key(5), STEPS):
    params, states, values = step(params, states, key)
    losses.append([float(value) for value in values])
