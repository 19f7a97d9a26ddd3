"""`quantized`: the state of any transformation in fewer bits."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import serialization

import gradtx
from gradtx import formats, tree
from gradtx.formats import Stored, bfloat16, dynamic8, float32, int8, uint8
from tests.peers.comparison import permissive


class Unguarded(dynamic8):
    """The dynamic map as the paper has it, in which a positive number may get the code of 0."""

    def to_codes(self, y, bits):
        codes = super().to_codes(y, bits)
        return jnp.where(y < 1e-6 * (0.05 + 0.225 / 2), 0, codes).astype(jnp.uint8)


def trained(tx, gradients, params):
    """The updates of all steps, and the last state."""

    def step(state, g):
        updates, state = tx.update(g, state, params)
        return state, updates

    state, updates = jax.lax.scan(step, tx.init(params), gradients)
    return updates, state


def stalled(form):
    """nu after gradients fell tenfold but for one in each block, over the right value."""
    x = jnp.asarray(np.random.default_rng(0).uniform(0.02, 1, (16, 256)), jnp.float32).at[:, 0].set(1.0)
    tx = gradtx.quantized(gradtx.scale_by_adam(b2=0.999), {"nu": form}, min_size=0)
    state = tx.init(x)
    state = state._replace(
        inner_state=state.inner_state._replace(nu=form.encode(x**2), count=jnp.int32(100_000))
    )
    small = jnp.where(jnp.arange(256) == 0, x, x / 10)
    state, _ = jax.lax.scan(lambda s, _: (tx.update(small, s)[1], None), state, None, length=5000)
    expected = small**2 + (x**2 - small**2) * 0.999**5000
    return (tree.get(state, "nu") / expected)[:, 1:]


@pytest.mark.exhaustive
def test_an_average_in_a_stochastic_format_falls():
    assert 0.97 <= stalled(uint8()).mean() <= 1.03
    assert 0.97 <= stalled(bfloat16()).mean() <= 1.03


@pytest.mark.parametrize(
    "form", [uint8(stochastic=False), dynamic8(signed=False), bfloat16(stochastic=False)]
)
def test_one_that_is_rounded_to_nearest_stands_still(form):
    """Shows that the test above sees a stall."""
    assert stalled(form).mean() > 10


def largest_direction(chosen, ratio, normal=False):
    """The largest step of Adam for one large gradient among small ones that come now and then."""
    rng = np.random.default_rng(0)
    g = rng.normal(size=(60, 256)) if normal else rng.choice([-1.0, 1.0], (60, 256))
    g = ratio * g * (rng.random((60, 256)) < 0.3)
    g[:, 0] = 1.0
    g = jnp.asarray(g, jnp.float32)
    updates, _ = trained(gradtx.quantized(gradtx.scale_by_adam(), chosen, min_size=0), g, g[0])
    return float(jnp.abs(updates).max())


@pytest.mark.parametrize("normal", [False, True])
@pytest.mark.parametrize("ratio", [1e-2, 1e-3, 1e-5])
def test_a_large_gradient_among_small_ones_makes_no_large_step(ratio, normal):
    assert largest_direction({"nu": uint8()}, ratio, normal) <= 1.2
    # Rounded to nearest, a small average may be half as large again as its code.
    assert largest_direction({"nu": dynamic8(signed=False)}, ratio, normal) <= 1.5**0.5
    assert largest_direction({"mu": int8(), "nu": uint8()}, ratio, normal) <= 6


@pytest.mark.exhaustive
def test_it_does_where_a_positive_number_is_stored_as_zero():
    """Shows that the test above sees an explosion."""
    assert largest_direction({"nu": Unguarded(signed=False)}, 1e-3) > 1000


@pytest.mark.exhaustive
def test_a_lossy_step_is_that_of_the_decoded_state():
    """The update reads the decoded averages, and the new state is their encoded successors."""
    rng = np.random.default_rng(0)
    tx = gradtx.quantized(gradtx.adam(0.1), {"mu": int8(), "nu": uint8(stochastic=False)}, min_size=0)
    params = jnp.zeros((4, 64))
    state, mu, nu = tx.init(params), np.zeros((4, 64)), np.zeros((4, 64))
    for step in range(1, 6):
        g = rng.normal(size=(4, 64))
        update, state = tx.update(jnp.asarray(g, jnp.float32), state)
        mu, nu = 0.9 * mu + 0.1 * g, 0.999 * nu + 0.001 * g**2
        expected = -0.1 * mu / (1 - 0.9**step) / (np.sqrt(nu / (1 - 0.999**step)) + 1e-8)
        np.testing.assert_allclose(update, expected, rtol=1e-4)
        kept = tree.get(state, "mu"), tree.get(state, "nu")
        np.testing.assert_allclose(kept[0], mu, atol=abs(mu).max() / 120)
        np.testing.assert_allclose(np.sqrt(kept[1]), np.sqrt(nu), atol=np.sqrt(nu.max()) / 200, rtol=0.02)
        mu, nu = (np.asarray(x, np.float64) for x in kept)


def test_small_arrays_short_rows_and_integers_stay_as_they_are():
    params = {"small": jnp.zeros(100), "short": jnp.zeros((4096, 8)), "large": jnp.zeros((64, 64)), "n": 3}
    mu = gradtx.quantized(gradtx.adam(0.1)).init(params).inner_state[0].mu
    assert isinstance(mu["large"], Stored)
    assert not any(isinstance(mu[name], Stored) for name in ("small", "short"))
    assert not jax.tree.leaves(mu["n"])


def test_complex_averages_stay_and_their_squares_are_stored():
    state = gradtx.quantized(gradtx.adam(0.1), min_size=0).init(jnp.zeros((4, 64), jnp.complex64))
    adam = state.inner_state[0]
    assert not isinstance(adam.mu, Stored)
    assert adam.mu.dtype == jnp.complex64
    assert isinstance(adam.nu, Stored)


def test_a_mask_chooses_parameters():
    params = {"embedding": jnp.zeros((64, 64)), "kernel": jnp.zeros((64, 64))}
    tx = gradtx.quantized(gradtx.adam(0.1), mask=gradtx.by_path({"embedding": False, ".*": True}))
    mu = tx.init(params).inner_state[0].mu
    assert not isinstance(mu["embedding"], Stored)
    assert isinstance(mu["kernel"], Stored)


def test_a_parameter_called_as_a_field_is_not_mistaken_for_it():
    state = gradtx.quantized(gradtx.trace(0.9), {"trace": float32()}, min_size=0).init({"nu": jnp.zeros(64)})
    assert state.inner_state.trace["nu"].format == float32()


def test_averages_of_parameters_are_not_stored():
    tx = gradtx.quantized(gradtx.average_params(gradtx.adam(0.1), 0.9), min_size=0)
    state = tx.init({"w": jnp.ones((4, 64))})
    kinds = {type(leaf) for leaf in jax.tree.leaves(state.inner_state, is_leaf=formats.is_stored)}
    assert Stored in kinds
    assert not any(
        map(formats.is_stored, jax.tree.leaves(tree.get(state, "average"), is_leaf=formats.is_stored))
    )


@pytest.mark.parametrize(
    ("chosen", "message"),
    [
        ({"nuu": uint8()}, "no field 'nuu'"),
        ({"mu": uint8()}, "mu has negative numbers"),
        ({"mu": "int8"}, r"dictionary such as"),
        ([int8()], r"dictionary such as"),
    ],
)
def test_formats_that_do_not_fit_are_refused_by_name(chosen, message):
    with pytest.raises((ValueError, TypeError), match=message):
        gradtx.quantized(gradtx.adam(0.1), chosen).init(jnp.zeros((64, 64)))


def test_a_state_of_64_bits_stays():
    with jax.enable_x64(True):
        state = gradtx.adam8bit(0.1).init(jnp.zeros((64, 64), jnp.float64))
    assert not isinstance(state.inner_state[0].mu, Stored)
    assert state.inner_state[0].mu.dtype == jnp.float64


def test_a_cast_of_the_state_is_refused_by_name():
    tx, params = gradtx.quantized(gradtx.adam(0.1)), jnp.zeros((64, 64))
    state = jax.tree.map(lambda leaf: leaf.astype(jnp.bfloat16), tx.init(params))
    with pytest.raises(TypeError, match=r"codes at \[0\]\.mu are bfloat16"):
        tx.update(params, state)


@pytest.mark.exhaustive
def test_a_skipped_update_stores_nothing():
    tx = gradtx.guard(gradtx.quantized(gradtx.adam(0.1), min_size=0))
    params = jnp.zeros((4, 64))
    _, state = tx.update(jnp.ones((4, 64)), tx.init(params), params)
    _, after = tx.update(jnp.full((4, 64), jnp.nan), state, params)
    same = tree.get(state, "QuantizedState"), tree.get(after, "QuantizedState")
    assert jax.tree.all(jax.tree.map(lambda a, b: bool((a == b).all()), *same))


@pytest.mark.exhaustive
def test_members_with_other_keys_draw_otherwise():
    tx, params = gradtx.quantized(gradtx.adam(0.1), min_size=0), jnp.zeros((16, 256))
    g = jax.random.normal(jax.random.key(0), (16, 256))
    first = tx.init(params)
    codes = [
        tx.update(g, tree.set(first, rng_key=jnp.array([0, seed], jnp.uint32)))[1].inner_state[0].nu.codes
        for seed in (1, 1, 2)
    ]
    np.testing.assert_array_equal(codes[0], codes[1])
    assert (codes[0] != codes[2]).mean() > 0.2


def test_each_update_draws_anew():
    tx = gradtx.quantized(gradtx.scale_by_adam(b2=0.0), {"nu": uint8()}, min_size=0)
    g = jax.random.normal(jax.random.key(0), (16, 256))
    _, once = tx.update(g, tx.init(g))
    _, twice = tx.update(g, once)
    assert (once.inner_state.nu.codes != twice.inner_state.nu.codes).mean() > 0.2


@pytest.mark.exhaustive
def test_reading_decodes():
    params = {"w": jnp.zeros((64, 64))}
    tx = gradtx.quantized(gradtx.schedule_free(gradtx.adam(0.1), 0.1), {"nu": uint8()})
    _, state = tx.update({"w": jnp.ones((64, 64))}, tx.init(params), params)
    assert isinstance(tree.get(state, "nu")["w"], jax.Array)
    assert gradtx.eval_params(tx, state, params)["w"].shape == (64, 64)
    state = tree.set(state, nu={"w": jnp.full((64, 64), 0.25)})
    assert jax.tree.structure(state) == jax.tree.structure(tx.init(params))
    np.testing.assert_allclose(tree.get(state, "nu")["w"], 0.25, rtol=1e-6)
    assert "uint8" in str(gradtx.summary(tx, params))


@pytest.mark.parametrize(
    ("inner", "field"),
    [(gradtx.schedule_free_sgd(0.1), "z"), (gradtx.lookahead(gradtx.sgd(0.1), 5, 0.5), "slow")],
    ids=["schedule_free_sgd", "lookahead"],
)
def test_evaluation_decodes(inner, field):
    tx = gradtx.quantized(inner, formats={field: int8()}, min_size=0)
    params = {"w": jnp.linspace(0.1, 1.0, 64)}
    updates, state = tx.update(params, tx.init(params), params)
    params = gradtx.apply_updates(params, updates)
    expected = gradtx.eval_params(inner, gradtx.unquantized(state), params)
    np.testing.assert_array_equal(gradtx.eval_params(tx, state, params)["w"], expected["w"])


def test_a_state_goes_to_and_from_the_optimizer_without_formats():
    plain, params = gradtx.adamw(0.1), {"w": jnp.zeros((64, 64)), "b": jnp.zeros(64)}
    tx = gradtx.quantized(plain)
    g = {"w": jax.random.normal(jax.random.key(0), (64, 64)), "b": jnp.ones(64)}
    _, state = tx.update(g, tx.init(params), params)
    bare = gradtx.unquantized(state)
    assert jax.tree.structure(bare) == jax.tree.structure(plain.init(params))
    back, carried = gradtx.carry(bare, plain, tx, params)
    np.testing.assert_allclose(tree.get(back, "mu")["w"], tree.get(state, "mu")["w"], rtol=1e-6)
    assert back.inner_state[0].nu["w"].format == uint8()
    out, _ = gradtx.carry(state, tx, plain, params)
    np.testing.assert_array_equal(tree.get(out, "mu")["w"], tree.get(bare, "mu")["w"])
    assert not carried.dropped


def test_flax_serializes_the_state():
    tx, params = gradtx.quantized(gradtx.adam(0.1)), {"w": jnp.zeros((64, 64))}
    _, state = tx.update({"w": jnp.ones((64, 64))}, tx.init(params))
    back = serialization.from_bytes(tx.init(params), serialization.to_bytes(state))
    assert jax.tree.structure(back) == jax.tree.structure(state)
    jax.tree.map(np.testing.assert_array_equal, back, state)


def test_a_dictionary_by_names_keeps_the_state():
    tx, params = gradtx.quantized(gradtx.adam(0.1)), {"w": jnp.zeros((64, 64))}
    _, state = tx.update({"w": jnp.ones((64, 64))}, tx.init(params))
    named = gradtx.to_state_dict(tx, state)
    assert {"scale_by_adam/mu/w/codes", "scale_by_adam/mu/w/scales"} <= set(named)
    back = gradtx.from_state_dict(tx, params, named)
    jax.tree.map(np.testing.assert_array_equal, back, state)


def test_an_optax_optimizer_is_stored_too():
    tx, params = gradtx.quantized(optax.adam(0.1)), jnp.zeros((64, 64))
    state = tx.init(params)
    assert isinstance(state.inner_state[0].mu, Stored)
    g = jax.random.normal(jax.random.key(0), (64, 64))
    ours = gradtx.adam8bit(0.1)
    with permissive():
        updates, _ = tx.update(g, state)
    np.testing.assert_allclose(updates, ours.update(g, ours.init(params))[0], rtol=1e-5)


def test_shardings_are_mapped_over_codes_and_scales():
    tx, params = gradtx.quantized(gradtx.adam(0.1)), {"w": jnp.zeros((64, 64))}
    mapped = tree.map_params(tx, lambda leaf, name: name, tx.init(params), {"w": "split"})
    assert mapped.inner_state[0].mu["w"].codes == "split"
    assert mapped.inner_state[0].mu["w"].scales == "split"
