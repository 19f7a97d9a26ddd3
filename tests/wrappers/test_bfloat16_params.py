"""`split_params` and `round_stochastically`: parameters in bfloat16 that lose no update."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import nnx

import gradtx
from gradtx.arithmetic import joined, remainder, upper_half
from tests.peers.comparison import permissive

BF16 = jnp.bfloat16


def run(tx, params, gradients, apply=gradtx.apply_updates):
    """Parameters and state after all steps."""

    def step(carry, g):
        params, state = carry
        updates, state = tx.update(g, state, params)
        return (apply(params, updates), state), None

    (params, state), _ = jax.lax.scan(step, (params, tx.init(params)), gradients)
    return params, state


def patterns(number, seed=0):
    return np.random.default_rng(seed).integers(0, 2**32, number, dtype=np.uint32).view(np.float32)


def differ(patterns):
    """How many numbers are not their upper half and its remainder; a NaN must stay one."""
    x = jnp.asarray(patterns)
    half = upper_half(x)
    back = joined(half, remainder(x, half, jnp.int16))
    exact = jax.lax.bitcast_convert_type(back, jnp.uint32) == jax.lax.bitcast_convert_type(x, jnp.uint32)
    return int(jnp.sum(jnp.where(jnp.isnan(x), ~jnp.isnan(back), ~exact)))


@pytest.mark.exhaustive
def test_two_halves_are_the_number():
    edges = np.array([0, 0x7FFF, 0x8000, 0x7F7FFFFF, 0x7F800000, 0x80000000, 0xFF7FFFFF, 1], np.uint32)
    assert differ(edges.view(np.float32)) == 0
    assert differ(patterns(2**20)) == 0


@pytest.mark.exhaustive
def test_two_halves_are_the_number_for_every_pattern():
    check = jax.jit(_differ_from)
    assert sum(int(check(jnp.uint32(block << 24))) for block in range(256)) == 0


def _differ_from(first):
    x = jax.lax.bitcast_convert_type(first + jnp.arange(2**24, dtype=jnp.uint32), jnp.float32)
    half = upper_half(x)
    back = joined(half, remainder(x, half, jnp.int16))
    exact = jax.lax.bitcast_convert_type(back, jnp.uint32) == jax.lax.bitcast_convert_type(x, jnp.uint32)
    return jnp.sum(jnp.where(jnp.isnan(x), ~jnp.isnan(back), ~exact))


def test_the_upper_half_is_the_nearest_number():
    x = patterns(2**16)
    x = x[np.isfinite(x) & (abs(x) < 3e38)]
    nearest = jnp.asarray(x).astype(BF16).astype(jnp.float32)
    half = upper_half(jnp.asarray(x)).astype(jnp.float32)
    # Ties are rounded away from zero; both numbers are then as near.
    np.testing.assert_array_equal(abs(half - x), abs(nearest - x))


@pytest.mark.parametrize(
    "tx",
    [
        gradtx.adamw(1e-3),
        gradtx.lion(1e-4),
        gradtx.muon(1e-3),
    ],
    ids=["adamw", "lion", "muon"],
)
@pytest.mark.parametrize("apply", [gradtx.apply_updates, optax.apply_updates], ids=["gradtx", "optax"])
def test_masters_are_those_of_float32_training_bit_for_bit(tx, apply):
    """The gradients depend on the parameters in bfloat16 in both runs."""
    start = jax.random.normal(jax.random.key(0), (16, 32)).astype(BF16)
    noise = jax.random.normal(jax.random.key(1), (2000, 16, 32))

    def gradient(rounded, noise):
        return rounded.astype(jnp.float32) + 0.3 * noise

    def split(carry, noise):
        params, state = carry
        updates, state = tx_split.update(gradient(params, noise), state, params)
        return (apply(params, updates), state), None

    def whole(carry, noise):
        master, state = carry
        updates, state = tx.update(gradient(upper_half(master), noise), state, master)
        return (gradtx.apply_updates(master, updates), state), None

    tx_split = gradtx.split_params(tx)
    with permissive():
        (params, state), _ = jax.lax.scan(split, (start, tx_split.init(start)), noise)
    master = start.astype(jnp.float32)
    (master, _), _ = jax.lax.scan(whole, (master, tx.init(master)), noise)
    assert params.dtype == BF16
    np.testing.assert_array_equal(joined(params, state.remainder), master)


@pytest.mark.exhaustive
def test_ten_thousand_tiny_updates_move_a_parameter_with_eight_bits():
    n = 4096
    params = jnp.ones(n, BF16)
    gradients = jnp.broadcast_to(jnp.float32(1e-6), (10_000, n))
    params, state = run(gradtx.split_params(gradtx.sgd(1.0), bits=8), params, gradients)
    master = joined(params, state.remainder)
    exact, _ = run(gradtx.sgd(1.0), jnp.ones(()), gradients[:, 0])
    assert abs(master.mean() - exact) < 3e-5


def test_stochastic_rounding_has_the_right_mean():
    n = 4096
    gradients = jnp.broadcast_to(jnp.float32(1e-3), (1000, n))
    params, _ = run(gradtx.round_stochastically(gradtx.sgd(1.0)), jnp.ones(n, BF16), gradients)
    params = np.asarray(params, np.float64)
    assert abs(params.mean()) < 3 * params.std() / n**0.5


def test_rounded_to_nearest_a_parameter_stands_still():
    """Shows that the tests above see lost updates."""
    params, _ = run(gradtx.sgd(1.0), jnp.ones(4, BF16), jnp.full((1000, 4), 1e-3))
    np.testing.assert_array_equal(params, 1.0)


@pytest.mark.exhaustive
def test_a_parameter_that_lands_beside_its_goal_has_the_nearest_remainder():
    """A step to less than 2^-16 of the parameter is rounded."""
    params, rest = jnp.array([0.03125], BF16), jnp.array([-17337], jnp.int16)
    tx = gradtx.split_params(gradtx.scale(1.0))
    whole = joined(params, rest)
    update = -jnp.float32(1.3e-8) - whole
    updates, state = tx.update(update, tx.init(params)._replace(remainder=rest), params)
    landed = gradtx.apply_updates(params, updates)
    goal = whole + update
    assert landed != upper_half(goal)
    assert jnp.abs(joined(landed, state.remainder) - goal) < jnp.abs(landed.astype(jnp.float32) - goal)


@pytest.mark.parametrize("bits", [16, 8])
def test_crossing_zero_is_finite_and_describes_one_number(bits):
    """Below a power of two the update is finer than the step, which may land at 0, before its goal."""
    rng = np.random.default_rng(0)
    sizes = np.concatenate([np.exp(rng.normal(0, 8, 4096)), np.exp2(rng.integers(-12, 12, 4096))])
    p = jnp.asarray(rng.choice([-1, 1], 8192) * sizes, BF16)
    limits = jnp.iinfo(f"int{bits}")
    rest = jnp.asarray(rng.integers(limits.min, limits.max, 8192, endpoint=True), limits.dtype)
    whole = joined(p, rest)
    goal = -whole * jnp.asarray(np.exp(rng.uniform(-30, 2, 8192)), jnp.float32)
    tx = gradtx.split_params(gradtx.identity(), bits)
    updates, state = tx.update(goal - whole, tx.init(p)._replace(remainder=rest), p)
    landed = gradtx.apply_updates(p, updates)
    master = joined(landed, state.remainder)
    assert jnp.isfinite(master).all()
    wide = abs(np.asarray(p, np.float64))
    allowed = np.maximum(wide * 2.0**-24, abs(np.asarray(goal)) * (2.0**-23 if bits == 16 else 2.0**-15))
    assert (abs(np.asarray(master, np.float64) - np.asarray(goal)) <= 2 * allowed).all()


@pytest.mark.exhaustive
def test_other_leaves_pass():
    params = {"w": jnp.ones((4, 4), BF16), "scale": jnp.ones(4), "n": 3}
    for tx in (gradtx.split_params(gradtx.adamw(0.1)), gradtx.round_stochastically(gradtx.adamw(0.1))):
        g = {"w": jnp.ones((4, 4), BF16), "scale": jnp.ones(4), "n": None}
        updates, _ = tx.update(g, tx.init(params), params)
        moved = gradtx.apply_updates(params, updates)
        assert (moved["w"].dtype, moved["scale"].dtype, moved["n"]) == (BF16, jnp.float32, 3)
        plain = gradtx.adamw(0.1)
        expected, _ = plain.update(g, plain.init(params), params)
        np.testing.assert_allclose(updates["scale"], expected["scale"], rtol=1e-6)


def test_float16_is_refused_by_name():
    for wrap in (gradtx.split_params, gradtx.round_stochastically):
        with pytest.raises(TypeError, match=r"\['w'\] is float16"):
            wrap(gradtx.sgd(0.1)).init({"w": jnp.ones(4, jnp.float16)})


def test_parameters_that_became_float32_are_refused_by_name():
    tx, params = gradtx.split_params(gradtx.sgd(0.1)), {"w": jnp.ones(4, BF16)}
    updates, state = tx.update(params, tx.init(params), params)
    widened = jax.tree.map(lambda p, u: p.astype(u.dtype) + u, params, updates)
    with pytest.raises(TypeError, match=r"\['w'\] was bfloat16 at init and is float32.*apply_updates"):
        tx.update(params, state, widened)


@pytest.mark.exhaustive
def test_optax_multisteps_around_and_nnx_land_on_the_same_parameters():
    start = jax.random.normal(jax.random.key(0), (8, 8)).astype(BF16)
    gradients = jax.random.normal(jax.random.key(1), (6, 8, 8))
    tx = gradtx.split_params(gradtx.adamw(1e-2))
    expected, _ = run(tx, start, gradients)

    model = nnx.Linear(8, 8, use_bias=False, rngs=nnx.Rngs(0), param_dtype=BF16)
    model.kernel[...] = start
    optimizer = nnx.Optimizer(model, tx, wrt=nnx.Param)
    with permissive():
        for g in gradients:
            state = nnx.state(model, nnx.Param)
            optimizer.update(model, jax.tree.map(lambda leaf, g=g: g, state))
    np.testing.assert_array_equal(model.kernel[...], expected)
    assert model.kernel[...].dtype == BF16

    every = optax.MultiSteps(tx, every_k_schedule=1)
    params, state = start, every.init(start)
    with permissive():
        for g in gradients:
            updates, state = every.update(g, state, params)
            params = optax.apply_updates(params, updates)
    np.testing.assert_array_equal(params, expected)


def test_evaluation_is_at_the_averages_of_the_masters():
    params = jnp.ones(4, BF16)
    tx = gradtx.split_params(gradtx.average_params(gradtx.sgd(1e-3), 0.5))
    state = tx.init(params)
    for _ in range(3):
        updates, state = tx.update(jnp.ones(4), state, params)
        params = gradtx.apply_updates(params, updates)
    evaluated = gradtx.eval_params(tx, state, params)
    assert evaluated.dtype == BF16
    assert (evaluated > params).all() or (evaluated >= params).all()
