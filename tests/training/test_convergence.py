"""What the papers prove or measure about the rules, each a claim that another rule fails."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import gradtx


def falling(count):
    """1 / sqrt(t), with t from 1."""
    return jax.lax.rsqrt(count.astype(float) + 1.0)


def iterates(tx, gradient, start, steps):
    """Every parameter value from the first update on; `gradient` is a function of it and of the step."""

    def body(carry, step):
        params, state = carry
        updates, state = tx.update(gradient(params, step), state, params)
        params = gradtx.apply_updates(params, updates)
        return (params, state), params

    def run(start):
        return jax.lax.scan(body, (start, tx.init(start)), jnp.arange(steps))[1]

    return jax.jit(run)(start)


class TestDecoupledWeightDecay:
    r"""Where only noise moves the weights, decay holds them at an equilibrium.

    Each step of Adam has the size of the learning rate whatever the noise $\sigma$, so with decoupled
    decay $\mathrm E\,\theta^2 = \eta / 2\lambda$; coupled decay passes the same division, which weakens it to
    $\lambda / \sigma$, and $\mathrm E\,\theta^2 = \eta\sigma / 2\lambda$. Kosson, Messmer and Jaggi (2023),
    *Rotational Equilibrium*, arXiv:2305.17212, table 1.
    """

    RATE, DECAY, WEIGHTS, STEPS = 0.02, 0.5, 4000, 2000

    def equilibrium(self, optimizer, noise):
        def gradient(weights, step):
            return noise * jax.random.normal(jax.random.fold_in(jax.random.key(0), step), weights.shape)

        tx = optimizer(self.RATE, b1=0.0, b2=0.99, weight_decay=self.DECAY)
        weights = iterates(tx, gradient, jnp.zeros(self.WEIGHTS), self.STEPS)[-1]
        return float(jnp.sqrt(jnp.mean(weights**2)))

    @pytest.mark.parametrize("noise", [1.0, 5.0])
    @pytest.mark.parametrize(
        ("optimizer", "growth"), [(gradtx.adamw, lambda noise: 1.0), (gradtx.adam_l2, math.sqrt)]
    )
    def test_the_weights_settle_where_predicted(self, optimizer, growth, noise):
        expected = math.sqrt(self.RATE / (2 * self.DECAY)) * growth(noise)
        # The root mean square of 4000 weights has a standard error of 1.1%.
        assert self.equilibrium(optimizer, noise) == pytest.approx(expected, rel=0.03)


class TestReddiCounterExample:
    """The online problem on which Adam goes to the worst point of the interval and AMSGrad to the best.

    Each third loss is C x, the others are -x, over [-1, 1]; the best point is -1. Reddi, Kale and Kumar
    (2018), *On the Convergence of Adam and Beyond*, arXiv:1904.09237, theorem 1: b1 = 0, b2 = 1 / (1 + C²),
    and a rate that falls with the root of the step.
    """

    C, STEPS = 4.0, 3000

    def last_points(self, optimizer):
        tx = optimizer(0.5 * gradtx.schedule_from(falling), b1=0.0, b2=1 / (1 + self.C**2), eps=0.0)

        def body(carry, step):
            x, state = carry
            gradient = jnp.where(step % 3 == 0, self.C, -1.0)
            update, state = tx.update(gradient, state, x)
            x = jnp.clip(gradtx.apply_updates(x, update), -1.0, 1.0)
            return (x, state), x

        start = jnp.asarray(0.0)
        _, points = jax.lax.scan(body, (start, tx.init(start)), jnp.arange(self.STEPS))
        return points[-100:]

    def test_adam_goes_to_the_worst_point(self):
        assert float(self.last_points(gradtx.adam).min()) > 0.95

    def test_amsgrad_goes_to_the_best_point(self):
        assert float(self.last_points(gradtx.amsgrad).max()) < -0.95


KAPPA = 25.0
ROOT = math.sqrt(KAPPA)
# At its best setting momentum has a double root: after t steps t r^t is left, not r^t.
DOUBLE_ROOT = (150 / 50) ** (1 / 100)
SETTINGS = {
    "gradient descent": (gradtx.sgd(2 / (KAPPA + 1)), (KAPPA - 1) / (KAPPA + 1)),
    "heavy ball": (
        gradtx.momentum((2 / (ROOT + 1)) ** 2, decay=((ROOT - 1) / (ROOT + 1)) ** 2),
        (ROOT - 1) / (ROOT + 1) * DOUBLE_ROOT,
    ),
    "nesterov": (gradtx.nesterov(1 / KAPPA, decay=(ROOT - 1) / (ROOT + 1)), (1 - 1 / ROOT) * DOUBLE_ROOT),
}


@pytest.mark.parametrize(("tx", "factor"), SETTINGS.values(), ids=SETTINGS)
def test_each_step_down_a_ravine_shortens_the_distance_by_the_predicted_factor(tx, factor):
    """How fast each rule, at its best setting, goes down a quadratic with curvatures from 1 to 25.

    Polyak (1964), *Some methods of speeding up the convergence of iteration methods*; the settings and
    rates are those of Lessard, Recht and Packard (2016), arXiv:1408.3595, proposition 1.
    """
    curvatures = np.geomspace(1.0, KAPPA, 7).astype(np.float32)
    points = iterates(tx, lambda x, _: curvatures * x, jnp.ones(7), 150)
    distances = np.linalg.norm(np.asarray(points, np.float64), axis=1)
    measured = (distances[149] / distances[49]) ** (1 / 100)
    assert measured == pytest.approx(factor, rel=2e-3)


class TestAdagradOnSparseGradients:
    """Feature j is there in a fraction 1/j of the examples only; all weights are to be learnt equally.

    A rate that falls with the number of steps is spent before a rare feature was seen often; AdaGrad's
    falls with the number of times that the feature was seen. Duchi, Hazan and Singer (2011), section 1.3.
    """

    FEATURES, STEPS = 64, 500
    RATES = jnp.array([0.1, 0.2, 0.5, 1.0])

    def least_distance(self, optimizer):
        """How far the rarer half of the weights stays from the truth, all ones, at the best rate."""

        def gradient(weights, step):
            uniform = jax.random.uniform(jax.random.fold_in(jax.random.key(0), step), weights.shape)
            features = (uniform * jnp.arange(1.0, self.FEATURES + 1) < 1.0).astype(float)
            return features * jnp.sum(features * (weights - 1.0))

        def distance(tx):
            weights = iterates(tx, gradient, jnp.zeros(self.FEATURES), self.STEPS)[-1]
            rare = weights[self.FEATURES // 2 :]
            return jnp.sqrt(jnp.mean((rare - 1.0) ** 2))

        return float(jax.vmap(distance)(jax.vmap(optimizer)(self.RATES)).min())

    def test_learns_rare_features_where_a_falling_rate_does_not(self):
        adagrad = self.least_distance(lambda rate: gradtx.adagrad(rate, initial_accumulator_value=0.0))
        plain = self.least_distance(lambda rate: gradtx.sgd(rate * gradtx.schedule_from(falling)))
        assert adagrad < plain / 4
