"""What users of Optax suffer from, each shown on Optax 0.2.8 and, beside it, what gradtx does instead."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import gradtx
from gradtx.tree import NameLookupError, TreeMismatchError
from tests.peers.comparison import optax_trajectory, permissive
from tests.rules.test_adam import kingma_ba
from tests.trajectories import gradients, parameters, rate, reference_updates, relative_error, trajectory

BF16 = jnp.bfloat16


def test_the_second_moment_of_bfloat16_gradients_stalls():
    """2000 gradients of 1, then 2000 of 0: nu is 1 - 0.999^2000 = 0.865, then 0.117. 0.999 rounds to 1."""

    def second_moments(tx):
        def after(state, gradient):
            return jax.lax.fori_loop(0, 2000, lambda _, s: tx.update(gradient, s)[1], state)

        risen = after(tx.init(jnp.zeros((), BF16)), jnp.ones((), BF16))
        return float(risen.nu), float(after(risen, jnp.zeros((), BF16)).nu)

    with permissive():
        assert second_moments(optax.scale_by_adam()) == (0.5, 0.5)
    exact = 1 - 0.999**2000, (1 - 0.999**2000) * 0.999**2000
    # 2000 steps round 2000 times; their errors of 6e-8 add up at worst.
    np.testing.assert_allclose(second_moments(gradtx.scale_by_adam()), exact, rtol=1.2e-4)


def test_the_norm_of_many_bfloat16_leaves_stops_growing():
    """256 + 0.64 is 256 in bfloat16, so that the norm stays at 16."""
    leaves = [jnp.array(0.8, BF16)] * 2000
    assert float(optax.tree.norm(leaves)) == 16.0
    assert round(float(gradtx.tree.norm(leaves)), 1) == 35.8


def test_an_infinite_norm_gives_a_silent_zero_update():
    """Gradients of 1e20 are finite, and their squares are not: Optax drops the step without a word."""
    huge = {"w": jnp.array([1e20, 1.0])}
    theirs, ours = optax.clip_by_global_norm(1.0), gradtx.clip_by_global_norm(1.0)
    np.testing.assert_array_equal(theirs.update(huge, theirs.init(huge))[0]["w"], [0.0, 0.0])
    np.testing.assert_allclose(ours.update(huge, ours.init(huge))[0]["w"], [1.0, 1e-20], rtol=1e-6)
    infinite = {"w": jnp.array([jnp.inf, 1.0])}
    np.testing.assert_array_equal(ours.update(infinite, ours.init(infinite))[0]["w"], [np.nan, np.nan])
    declared = gradtx.clip_by_global_norm(1.0, nonfinite="zero")
    np.testing.assert_array_equal(declared.update(infinite, declared.init(infinite))[0]["w"], [0.0, 0.0])


def test_an_infinite_gradient_spoils_a_part_of_the_update():
    """Optax makes zeros of the sound elements; a guard that looks at one leaf may see only those."""
    infinite = {"bad": jnp.array(jnp.inf), "good": jnp.array(1.0)}
    theirs, ours = optax.clip_by_global_norm(1.0), gradtx.clip_by_global_norm(1.0)
    assert float(theirs.update(infinite, theirs.init(infinite))[0]["good"]) == 0.0
    assert np.isnan(ours.update(infinite, ours.init(infinite))[0]["good"])


def test_a_gradient_of_the_wrong_shape_broadcasts():
    params, wrong = {"w": jnp.ones((2, 2))}, {"w": jnp.ones(2)}
    with permissive():
        theirs = optax.adam(0.1)
        assert theirs.update(wrong, theirs.init(params), params)[0]["w"].shape == (2, 2)
        ours = gradtx.adam(0.1)
        with pytest.raises(TreeMismatchError, match=r"\['w'\]: got shape \(2,\), expected shape \(2, 2\)"):
            ours.update(wrong, ours.init(params), params)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda lib: lib.adam(0.1, b1=1.5), "b1 must be at least 0 and below 1, got 1.5"),
        (lambda lib: lib.adam("1e-3"), "learning_rate must be a number or a schedule, got '1e-3'"),
        (lambda lib: lib.clip_by_global_norm(-1.0), "max_norm must be above 0, got -1.0"),
        (lambda lib: lib.adamw(0.1, weight_decay=float("nan")), "weight_decay must be at least 0, got nan"),
        (lambda lib: lib.adam(0.1, eps=True), "eps must be a number or a schedule, got True"),
    ],
)
def test_an_impossible_hyperparameter_is_accepted(build, message):
    build(optax)
    with pytest.raises((TypeError, ValueError), match=message):
        build(gradtx)


def test_adam_is_off_by_1e_5():
    """Over 20 steps with the default decays, from float64: decay and complement round apart in Optax."""
    params, steps = parameters(), gradients(steps=20)
    defaults = kingma_ba(b1=0.9, b2=0.999, eps=1e-8, eps_root=0.0)
    exact = reference_updates(defaults, params, steps)
    theirs, *_ = optax_trajectory(optax.adam(rate), params, steps)
    ours, *_ = trajectory(gradtx.adam(rate), params, steps)
    assert 5e-6 < relative_error(theirs, exact) < 2e-5
    assert relative_error(ours, exact) < 3e-7


def test_weight_decay_by_name_needs_a_hand_written_mask():
    """Path patterns choose; one that is forgotten is an error that names the leaf, not a default."""
    params = {"dense": {"kernel": jnp.ones((2, 2)), "bias": jnp.ones(2)}, "norm": {"scale": jnp.ones(2)}}
    zeros = jax.tree.map(jnp.zeros_like, params)
    tx = gradtx.add_decayed_weights(0.5, gradtx.by_path({"bias|norm": False, "kernel": True}))
    decayed, _ = tx.update(zeros, tx.init(params), params)
    assert jax.tree.map(lambda u: float(u.max()), decayed) == {
        "dense": {"kernel": 0.5, "bias": 0.0},
        "norm": {"scale": 0.0},
    }
    forgotten = gradtx.add_decayed_weights(0.5, gradtx.by_path({"bias": False, "kernel": True}))
    with pytest.raises(ValueError, match="'norm/scale'"):
        forgotten.update(zeros, forgotten.init(params), params)


def test_a_mask_function_sees_other_trees_at_init_and_at_update():
    """Of bfloat16 gradients Optax asks again: decay is off. Here the answer stands for the parameters."""

    def float32_only(tree):
        return jax.tree.map(lambda leaf: leaf.dtype == jnp.float32, tree)

    params, zero = jnp.ones(2), jnp.zeros(2, BF16)
    with permissive():
        theirs = optax.add_decayed_weights(0.5, mask=float32_only)
        assert float(theirs.update(zero, theirs.init(params), params)[0].max()) == 0.0
    ours = gradtx.add_decayed_weights(0.5, mask=float32_only)
    assert float(ours.update(zero, ours.init(params), params)[0].max()) == 0.5


def test_the_state_is_read_by_index():
    """`tree.get` finds a field by name wherever it stands, and `hyperparams` what the next update uses."""
    tx = gradtx.chain(gradtx.clip_by_global_norm(1.0), gradtx.adamw(rate))
    params = {"w": jnp.ones(2)}
    _, state = tx.update(params, tx.init(params), params)
    assert gradtx.tree.get(state, "mu")["w"] is state[1][0].mu["w"]
    np.testing.assert_allclose(gradtx.hyperparams(tx, state)["learning_rate"], rate(1), rtol=1e-6)
    with pytest.raises(NameLookupError, match=r"'count' is ambiguous: it fits .*\[1\]\[0\].*\[1\]\[2\]"):
        gradtx.tree.get(state, "count")
    reset = gradtx.tree.set(state, **{"[0].count": 7})
    assert reset[1][0].count == 7
    assert reset[1][2].count == 1


def test_a_new_learning_rate_compiles_again():
    """The optimizer is an argument of the step; in Optax another rate is another closure."""
    traces = 0

    @jax.jit
    def step(tx, gradient, state):
        nonlocal traces
        traces += 1
        return tx.update(gradient, state)

    tx, gradient = gradtx.adam(0.1), jnp.ones(2)
    first, _ = step(tx, gradient, tx.init(gradient))
    second, _ = step(gradtx.replace(tx, learning_rate=0.3), gradient, tx.init(gradient))
    assert traces == 1
    np.testing.assert_allclose(second, 3 * first, rtol=1e-6)


def test_a_sweep_rebuilds_the_optimizer_inside_vmap():
    rates, gradient = jnp.array([0.1, 0.2, 0.4]), jnp.array([1.0, -2.0])
    sweep = jax.vmap(gradtx.momentum)(rates)
    updates = jax.vmap(lambda tx: tx.update(gradient, tx.init(gradient))[0])(sweep)
    np.testing.assert_allclose(updates, -jnp.outer(rates, gradient), rtol=1e-6)


def test_an_optimizer_prints_as_function_addresses():
    assert "<function" in repr(optax.adam(1e-3))
    assert eval(repr(gradtx.adam(1e-3)), vars(gradtx)) == gradtx.adam(1e-3)
