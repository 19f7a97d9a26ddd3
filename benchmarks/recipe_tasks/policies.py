"""Policies by their gradient: a bandit with a context, and a controller."""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

from benchmarks.range_test import network
from benchmarks.recipe_tasks.task import Task, keys, layers


def bandit() -> Task:
    """The reward of one of six actions in a state of 8 numbers, by the gradient of the policy."""
    reward = layers((8, 16, 6), jax.random.key(20))

    def loss_fn(params: Any, key: Any) -> Any:
        states, actions = jax.random.split(key)
        x = jax.random.normal(states, (64, 8))
        log_policy = jax.nn.log_softmax(network(params, x))
        drawn = jax.random.categorical(actions, log_policy)[:, None]
        gained = jnp.take_along_axis(network(reward, x), drawn, 1)
        score = jnp.take_along_axis(log_policy, drawn, 1)
        return -jnp.mean(score * jax.lax.stop_gradient(gained - gained.mean()))

    x = jax.random.normal(jax.random.key(21), (2048, 8))

    def regret(params: Any) -> Any:
        found = network(reward, x)
        return jnp.mean(found.max(1) - jnp.sum(jax.nn.softmax(network(params, x)) * found, 1))

    return Task(loss_fn, partial(layers, (8, 32, 32, 6)), keys(22), regret)


def controller() -> Task:
    """Eight steps of a point with a velocity towards the origin, by a Gaussian policy."""

    def episode(params: Any, key: Any, noise: float) -> tuple[Any, Any]:
        begin, draws = jax.random.split(key)
        state = jax.random.normal(begin, (64, 4))

        def step(state: Any, key: Any) -> Any:
            mean = network(params, state)
            action = jax.lax.stop_gradient(mean + noise * jax.random.normal(key, mean.shape))
            place, velocity = state[:, :2], state[:, 2:] + 0.5 * jnp.clip(action, -2, 2)
            state = jnp.concatenate([place + 0.5 * velocity, velocity], 1)
            cost = jnp.sum(state**2, 1) / 4 + 0.05 * jnp.sum(action**2, 1)
            return state, (cost, -jnp.sum((action - mean) ** 2, 1) / 2)

        _, (cost, score) = jax.lax.scan(step, state, jax.random.split(draws, 8))
        return cost, score

    def loss_fn(params: Any, key: Any) -> Any:
        cost, score = episode(params, key, 0.5)
        to_go = jnp.cumsum(cost[::-1], 0)[::-1]
        advantage = (to_go - to_go.mean(1, keepdims=True)) / (to_go.std(1, keepdims=True) + 1e-6)
        return jnp.mean(score / 0.25 * jax.lax.stop_gradient(advantage))

    def cost_of_mean(params: Any) -> Any:
        keys = jax.random.split(jax.random.key(24), 8)
        return jnp.mean(jax.vmap(lambda key: episode(params, key, 0.0)[0])(keys))

    return Task(loss_fn, partial(layers, (4, 32, 32, 2)), keys(25), cost_of_mean)
