"""LAMB, LARS and the trust ratio against their papers, in double precision."""

from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gradtx import (
    add_decayed_weights,
    chain,
    lamb,
    lars,
    scale_by_lamb,
    scale_by_lars,
    scale_by_learning_rate,
    scale_by_trust_ratio,
)
from tests.trajectories import DTYPES, TOLERANCE, distance, gradients, leafwise, parameters, rate, trajectory

B1, B2, EPS, EPS_ROOT, DECAY, ETA, MU = 0.8, 0.95, 1e-2, 2e-2, 0.2, 0.3, 0.7
# LAMB sums its norms by 16 slices along the first axis that has a multiple of 16 elements, if there is one.
SHAPES = {"matrix": (3, 4), "scalar": (), "kernel": (3, 32, 2), "vector": (48,)}
MASK = {"matrix": True, "scalar": False, "kernel": True, "vector": False}
OTHER = {"matrix": True, "scalar": True, "kernel": False, "vector": False}
EVERY = dict.fromkeys(SHAPES, True)


def norm(x: Any) -> Any:
    return np.sqrt(np.sum(np.abs(x) ** 2))


@leafwise
def you_lamb(
    theta: Any,
    gradients: list[Any],
    low: float = 0.0,
    high: float = np.inf,
    decay: float = DECAY,
    scaled: bool = True,
) -> Iterator[Any]:
    """You et al. (2020), algorithm 2, with phi(z) = min(max(z, low), high) and an epsilon in the root too."""
    m = v = 0.0
    for t, g in enumerate(gradients, start=1):
        m = B1 * m + (1 - B1) * g
        v = B2 * v + (1 - B2) * np.abs(g) ** 2
        r = (m / (1 - B1**t)) / (np.sqrt(v / (1 - B2**t) + EPS_ROOT) + EPS) + decay * theta
        ratio = min(max(norm(theta), low), high) / norm(r) if scaled else 1.0
        theta = theta - rate(t - 1) * ratio * r
        yield theta


@leafwise
def you_lars(
    theta: Any,
    gradients: list[Any],
    nesterov: bool = False,
    decay: float = DECAY,
    scaled: bool = True,
) -> Iterator[Any]:
    """You, Gitman and Ginsburg (2017), algorithm 1, with an epsilon, and momentum of Nesterov's kind too."""
    v = 0.0
    for t, w in enumerate(gradients):
        ratio = ETA * norm(theta) / (norm(w) + decay * norm(theta) + EPS) if scaled else 1.0
        step = rate(t) * ratio * (w + decay * theta)
        v = MU * v + step
        theta = theta - (MU * v + step if nesterov else v)
        yield theta


def kinds(rule: Any, decays: Any, scaled: Any) -> Any:
    """The rule, with each leaf of its own kind."""

    def of_trees(params: Any, steps: Any) -> Iterator[Any]:
        paths = [
            rule(decay=DECAY * decays[name], scaled=scaled[name])(
                {name: params[name]}, [{name: g[name]} for g in steps]
            )
            for name in params
        ]
        return ({k: v for leaf in leaves for k, v in leaf.items()} for leaves in zip(*paths, strict=True))

    return of_trees


@DTYPES
@pytest.mark.parametrize("bounds", [(0.0, np.inf), (2.0, np.inf), (0.0, 1.5)])
def test_lamb(dtype, bounds):
    tx = lamb(rate, B1, B2, EPS, EPS_ROOT, DECAY, norm_bounds=bounds)
    assert distance(tx, you_lamb(*bounds), dtype, shapes=SHAPES) < 3 * TOLERANCE[dtype]


@DTYPES
@pytest.mark.parametrize("nesterov", [False, True])
def test_lars(dtype, nesterov):
    tx = lars(rate, DECAY, None, ETA, EPS, None, MU, nesterov)
    assert distance(tx, you_lars(nesterov), dtype, shapes=SHAPES) < TOLERANCE[dtype]


@pytest.mark.parametrize("scaled", [None, OTHER])
@pytest.mark.parametrize("decays", [None, MASK])
def test_masks(decays, scaled):
    by_leaf = decays or EVERY, scaled or EVERY
    tx = lamb(rate, B1, B2, EPS, EPS_ROOT, DECAY, decays, trust_ratio_mask=scaled)
    assert distance(tx, kinds(you_lamb, *by_leaf), "float64", shapes=SHAPES) < TOLERANCE["float64"]
    tx = lars(rate, DECAY, decays, ETA, EPS, scaled, MU)
    assert distance(tx, kinds(you_lars, *by_leaf), "float64", shapes=SHAPES) < TOLERANCE["float64"]


@DTYPES
@pytest.mark.parametrize("min_norm", [0.0, 2.0])
def test_the_trust_ratio_alone(dtype, min_norm):
    """With everything off its default, and the least norm for both."""

    @leafwise
    def rule(theta: Any, gradients: list[Any]) -> Iterator[Any]:
        for t, g in enumerate(gradients):
            size, length = max(norm(theta), min_norm), max(norm(g), min_norm)
            theta = theta - rate(t) * ETA * min(max(size, 1.0), 2.5) / (length + EPS) * g
            yield theta

    tx = scale_by_trust_ratio(min_norm, ETA, EPS, norm_bounds=(1.0, 2.5))
    tx = chain(tx, scale_by_learning_rate(rate))
    assert distance(tx, rule(), dtype, shapes=SHAPES) < TOLERANCE[dtype]


def test_a_mask_passes_leaves_unchanged():
    params, steps = parameters(shapes=SHAPES), gradients(shapes=SHAPES)
    tx = scale_by_trust_ratio(mask=MASK)
    updates, _ = tx.update(steps[0], tx.init(params), params)
    for name, scaled in MASK.items():
        assert np.array_equal(updates[name], steps[0][name]) != scaled


@pytest.mark.parametrize("size", [1e-4, 1e4])
def test_lamb_does_not_see_the_size_of_the_gradients(size):
    params, steps = parameters(shapes=SHAPES), gradients(shapes=SHAPES)
    tx = lamb(rate, B1, B2, 0.0, weight_decay=DECAY)
    updates, _, _ = trajectory(tx, params, steps)
    scaled, _, _ = trajectory(tx, params, jax.tree.map(lambda g: np.float32(size) * g, steps))
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6), scaled, updates)


@pytest.mark.parametrize(
    "tx", [scale_by_trust_ratio(), scale_by_lamb(eps=0.0), scale_by_lars(trust_coefficient=1.0)], ids=repr
)
class TestEdges:
    def update(self, tx: Any, g: Any, param: Any) -> Any:
        return jax.jit(tx.update)(g, tx.init(param), param)[0]

    def test_parameters_of_zero_move_by_the_update_itself(self, tx):
        g = jnp.array([1.0, -1.0])
        np.testing.assert_allclose(self.update(tx, g, jnp.zeros(2)), g, rtol=1e-6)

    def test_no_gradient_is_no_step(self, tx):
        np.testing.assert_array_equal(self.update(tx, jnp.zeros(2), jnp.ones(2)), jnp.zeros(2))

    def test_an_empty_leaf_and_a_scalar(self, tx):
        empty = jnp.zeros((0, 3))
        assert self.update(tx, empty, empty).shape == (0, 3)
        np.testing.assert_allclose(self.update(tx, jnp.float32(-0.1), jnp.float32(3.0)), -3.0, rtol=1e-6)

    @pytest.mark.parametrize("bad", [np.inf, np.nan])
    def test_a_norm_that_is_not_finite_shows_in_the_whole_leaf(self, tx, bad):
        good, bad = jnp.ones(2), jnp.array([bad, 1.0])
        shown = np.isnan(self.update(tx, bad, good))
        # A rule that squares the gradient bounds an infinite element, and shows it in its place alone.
        assert shown[0] if tx._squares and np.isinf(bad[0]) else shown.all()
        assert np.all(np.isnan(self.update(tx, good, bad)))

    def test_norms_of_bfloat16_are_summed_in_float32(self, tx):
        """4096 ones have the norm 64; summed in bfloat16 they would stop at 256, with the norm 16."""
        ones = jnp.ones(4096, jnp.bfloat16)
        np.testing.assert_allclose(self.update(tx, 0.5 * ones, ones), np.ones(4096), rtol=1e-6)

    def test_it_can_be_differentiated_where_a_norm_is_zero(self, tx):
        def length(g: Any, param: Any) -> Any:
            return jnp.sum(tx.update(g, tx.init(param), param)[0])

        gradient = jax.grad(length, argnums=(0, 1))
        assert np.all(np.isfinite(gradient(jnp.ones(2), jnp.zeros(2))))


def test_the_bound_lets_parameters_of_zero_move_by_it():
    tx = scale_by_trust_ratio(norm_bounds=(0.5, 1.0))
    update, _ = tx.update(jnp.array([3.0, 4.0]), tx.init(jnp.zeros(2)), jnp.zeros(2))
    np.testing.assert_allclose(update, [0.3, 0.4], rtol=1e-6)


@pytest.mark.parametrize("bounds", [(2.0, 1.0), (-1.0, 1.0), (1.0,), 3.0, "no", (0.0, np.nan)])
def test_bounds_that_are_none_are_refused(bounds):
    with pytest.raises(ValueError, match="two numbers"):
        scale_by_trust_ratio(norm_bounds=bounds)


def test_the_storage_dtype_reaches_the_state():
    state = lamb(0.1, mu_dtype="bfloat16").init(jnp.ones(2))[0]
    assert (state.mu.dtype, state.nu.dtype) == (jnp.bfloat16, jnp.float32)


@pytest.mark.parametrize(
    "make",
    [
        lambda axis: scale_by_trust_ratio(norm_bounds=(1.0, 3.0), axis_name=axis),
        lambda axis: lamb(0.1, weight_decay=DECAY, axis_name=axis),
        lambda axis: lars(0.1, DECAY, axis_name=axis),
    ],
    ids=["trust ratio", "lamb", "lars"],
)
def test_inside_shard_map_the_named_axis_makes_the_norm_that_of_the_whole(make):
    """Without the name each shard takes the norm of its own part, and the updates differ."""
    mesh = jax.make_mesh((8,), ("data",), axis_types=(jax.sharding.AxisType.Auto,))
    split = jax.sharding.PartitionSpec("data")
    params, g = jnp.linspace(-1.0, 2.0, 64).reshape(16, 4), jnp.cos(jnp.arange(64.0)).reshape(16, 4)

    def update(tx: Any) -> Any:
        return lambda g, p: tx.update(g, tx.init(p), p)[0]

    def on_mesh(tx: Any) -> Any:
        sharded = jax.shard_map(update(tx), mesh=mesh, in_specs=(split, split), out_specs=split)
        return jax.jit(sharded)(g, params)

    whole = update(make(None))(g, params)
    np.testing.assert_allclose(on_mesh(make("data")), whole, rtol=1e-5)


def test_a_decay_before_the_ratio_is_what_optax_calls_lars():
    """The norm of the sum, where the paper has the sum of the norms."""
    theta, g = jnp.array([3.0, 4.0]), jnp.array([4.0, -3.0])
    of_sum = chain(add_decayed_weights(1.0), scale_by_trust_ratio(trust_coefficient=ETA))
    update, _ = of_sum.update(g, of_sum.init(theta), theta)
    np.testing.assert_allclose(update, ETA * 5 / np.sqrt(50) * (g + theta), rtol=1e-6)
    paper = scale_by_lars(1.0, trust_coefficient=ETA)
    update, _ = paper.update(g, paper.init(theta), theta)
    np.testing.assert_allclose(update, ETA * 5 / 10 * (g + theta), rtol=1e-6)
