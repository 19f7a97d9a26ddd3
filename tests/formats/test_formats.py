"""Each format against its formula, and the laws that all of them keep."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import AxisType, NamedSharding, PartitionSpec as P

from gradtx import formats
from gradtx.formats import Stored, bfloat16, dynamic8, float32, int8, random_bits, salt_of_shard, salts, uint8

BF16 = jnp.bfloat16
EIGHT_BITS = [int8(), uint8(), uint8(stochastic=False), dynamic8(signed=True), dynamic8(signed=False)]
FORMATS = [*EIGHT_BITS, bfloat16(), bfloat16(stochastic=False), float32()]


def numbers(form, shape=(16, 512), seed=0):
    """Numbers of many sizes, of both signs where the format has them."""
    rng = np.random.default_rng(seed)
    x = np.exp(rng.normal(0, 3, shape))
    return (x * rng.choice([-1, 1], shape) if form.signed else x).astype(np.float32)


SALT = jnp.uint32(7)


def softsign(x, block=256):
    """The codes and the decoded numbers, from the formula in float64."""
    y, scale = in_blocks(x, block)
    codes = np.round(127 * 2 * y / (1 + abs(y)))
    z = codes / 127
    return codes.reshape(x.shape), (z / (2 - abs(z)) * scale).reshape(x.shape)


def fourth_root(x, block=256):
    y, scale = in_blocks(x, block)
    codes = np.where(y > 0, np.maximum(np.round(255 * y**0.25), 1), 0)
    return codes.reshape(x.shape), ((codes / 255) ** 4 * scale).reshape(x.shape)


def dynamic_map(signed):
    """All numbers of the map between -1 and 1, from the formula."""
    found = [0.0, 1.0]
    for decade in range(7):
        n = 2 ** (decade + (not signed))
        own = [10.0 ** (decade - 6) * (0.1 + 0.9 * (k + 0.5) / n) for k in range(n)]
        found += own + [-y for y in own] * signed
    return np.array(sorted(found))


def in_blocks(x, block):
    blocks = np.asarray(x, np.float64).reshape(*x.shape[:-1], -1, block)
    scale = abs(blocks).max(-1, keepdims=True)
    return blocks / scale, scale


@pytest.mark.parametrize(
    ("form", "reference"), [(int8(), softsign), (uint8(stochastic=False), fourth_root)], ids=["int8", "uint8"]
)
def test_codes_and_numbers_are_those_of_the_formula(form, reference):
    x = numbers(form)
    codes, values = reference(x)
    stored = form.encode(jnp.asarray(x))
    near = abs(np.asarray(stored.codes, float) - codes)
    assert near.max() <= 1  # a midpoint may round either way in float32
    assert (near == 0).mean() > 0.999
    same = near == 0
    np.testing.assert_allclose(np.asarray(stored.decode())[same], values[same], rtol=2e-6)


@pytest.mark.parametrize("signed", [True, False])
def test_the_dynamic_map_is_its_table(signed):
    form, table = dynamic8(signed), dynamic_map(signed)
    codes = jnp.arange(256, dtype=jnp.uint8)
    decoded = form.decode(Stored(codes, jnp.ones(1), form, jnp.float32))
    assert len(table) == 256
    np.testing.assert_allclose(np.sort(decoded), table, rtol=2e-7)
    np.testing.assert_array_equal(np.diff(decoded) > 0, True)


@pytest.mark.parametrize("signed", [True, False])
def test_the_dynamic_map_takes_the_nearest_number(signed):
    form, table = dynamic8(signed), dynamic_map(signed)
    x = numbers(form, (32, 256))
    decoded = np.asarray(form.encode(jnp.asarray(x)).decode(), np.float64)
    y, scale = in_blocks(x, 256)
    nearest = abs(y[..., None] - table).min(-1)
    if not signed:  # a positive number is never stored as 0
        nearest = np.maximum(nearest, abs(y - table[1]) * (y < table[1] / 2))
    np.testing.assert_allclose(abs(decoded.reshape(y.shape) / scale - y), nearest, atol=3e-7)


@pytest.mark.parametrize("form", FORMATS, ids=repr)
def test_a_decoded_number_is_stored_as_itself(form):
    stored = form.encode(jnp.asarray(numbers(form)), SALT)
    again = stored.encode(stored.decode(), SALT + 1)
    assert (again.codes != stored.codes).mean() < 1e-3
    np.testing.assert_allclose(again.decode(), stored.decode(), rtol=3e-2)


@pytest.mark.parametrize("form", FORMATS, ids=repr)
def test_zeros_are_stored_as_themselves(form):
    np.testing.assert_array_equal(form.encode(jnp.zeros((2, 512)), SALT).decode(), 0)
    stored = form.encode(jnp.ones((2, 512)))
    np.testing.assert_array_equal(stored.encode(jnp.zeros((2, 512))).decode(), 0)


@pytest.mark.exhaustive
@pytest.mark.parametrize("form", [uint8(), uint8(stochastic=False), dynamic8(signed=False)], ids=repr)
def test_a_positive_number_is_never_stored_as_zero(form):
    x = jnp.full((4, 256), 1e-20).at[:, 0].set(1.0)
    assert (form.encode(x, SALT).decode() > 0).all()


@pytest.mark.parametrize("bad", [jnp.inf, -jnp.inf, jnp.nan])
@pytest.mark.parametrize("form", EIGHT_BITS, ids=repr)
def test_a_number_that_is_not_finite_makes_its_block_nan(form, bad):
    x = jnp.ones((2, 512)).at[1, 300].set(bad)
    decoded = form.encode(x, SALT).decode()
    assert jnp.isnan(decoded[1, 256:]).all()
    np.testing.assert_allclose(decoded[0], 1, rtol=1e-6)
    np.testing.assert_allclose(decoded[1, :256], 1, rtol=1e-6)


@pytest.mark.exhaustive
def test_a_negative_number_in_an_unsigned_format_makes_its_block_nan():
    decoded = uint8().encode(jnp.ones((1, 512)).at[0, 0].set(-0.1)).decode()
    assert jnp.isnan(decoded[0, :256]).all()
    assert not jnp.isnan(decoded[0, 256:]).any()


@pytest.mark.parametrize("form", [uint8(), bfloat16()], ids=repr)
def test_the_mean_of_stochastic_codes_is_the_number(form):
    x = jnp.asarray(np.random.default_rng(0).uniform(0.01, 1, 256), jnp.float32).at[0].set(1.0)
    draws = jax.vmap(lambda salt: form.encode(x, salt).decode())(jnp.arange(4000, dtype=jnp.uint32))
    error = draws.std(0) / 4000**0.5
    z = (draws.mean(0) - x) / jnp.maximum(error, 4e-6)  # the distance of two codes, in one of the draws
    assert jnp.abs(z).max() < 4.5
    assert jnp.mean(z**2) < 1.4


@pytest.mark.exhaustive
def test_nearest_codes_have_another_mean():
    """Shows that the test above sees a bias."""
    x = jnp.asarray(np.random.default_rng(0).uniform(0.01, 1, 256), jnp.float32)
    assert jnp.abs(uint8().encode(x).decode() / x - 1).max() > 1e-3


@pytest.mark.parametrize("last", [16, 96, 100, 256, 300, 1000])
@pytest.mark.parametrize("form", FORMATS, ids=repr)
def test_every_length_of_the_last_axis_is_stored(form, last):
    x = jnp.asarray(numbers(form, (3, last)))
    stored = form.encode(x)
    assert stored.shape == x.shape
    assert stored.codes.dtype == form.code_dtype
    assert stored.nbytes == form.nbytes(x.shape)
    largest = jnp.argmax(jnp.abs(x), -1, keepdims=True)
    found, true = (jnp.take_along_axis(a, largest, -1) for a in (stored.decode(), x))
    np.testing.assert_allclose(found, true, rtol=2e-2)


@pytest.mark.parametrize("length", [256, 96, 33, 7])
def test_the_largest_number_is_found_in_every_place(length):
    assert (uint8().encode(jnp.eye(length)).scales == 1).all()


@pytest.mark.parametrize("form", [int8(), uint8(), dynamic8(True), dynamic8(False)], ids=repr)
def test_the_largest_floats_are_stored(form):
    x = jnp.array([[3.4e38, 1e38, 0.0, 0.0]])
    np.testing.assert_allclose(form.encode(x).decode(), x, rtol=4e-2)


@pytest.mark.exhaustive
def test_a_block_that_does_not_divide_the_axis_becomes_shorter():
    assert int8().encode(jnp.ones((2, 96))).scales.shape == (2, 1)
    assert int8().encode(jnp.ones((2, 480))).scales.shape == (2, 15)  # of 32
    assert int8().encode(jnp.ones((2, 300))).scales.shape == (2, 2)  # of 256 and 44
    assert int8(block=64).encode(jnp.ones((2, 256))).scales.shape == (2, 4)


@pytest.mark.exhaustive
@pytest.mark.parametrize("form", FORMATS, ids=repr)
@pytest.mark.parametrize("dtype", [jnp.float32, jnp.bfloat16, jnp.float16])
def test_the_array_keeps_its_dtype(form, dtype):
    assert form.encode(jnp.ones((1, 32), dtype)).decode().dtype == dtype


@pytest.mark.parametrize("spec", [P("a", None), P(None, "b"), P("a", "b"), P(None, "a")], ids=str)
@pytest.mark.parametrize("kind", [AxisType.Auto, AxisType.Explicit], ids=str)
@pytest.mark.parametrize("form", [*EIGHT_BITS, bfloat16()], ids=repr)
def test_codes_are_those_of_one_device_on_every_mesh_without_communication(form, kind, spec):
    mesh = jax.make_mesh((4, 2), ("a", "b"), axis_types=(kind, kind))
    x = jnp.asarray(numbers(form, (16, 1024)))

    @jax.jit
    def encode(x):
        return form.encode(x, SALT)

    expected = encode(x)
    with jax.set_mesh(mesh):
        split = jax.device_put(x, NamedSharding(mesh, spec))
        stored = encode(split)
        text = encode.lower(split).compile().as_text()
        decoded = jax.jit(lambda stored: stored.decode())(stored)
    np.testing.assert_array_equal(stored.codes, expected.codes)
    np.testing.assert_array_equal(decoded, expected.decode())
    assert stored.codes.sharding.is_equivalent_to(split.sharding, 2)
    assert not [word for word in ("all-reduce", "all-gather", "all-to-all", "permute") if word in text]


@pytest.mark.parametrize("kind", [AxisType.Auto, AxisType.Explicit], ids=str)
@pytest.mark.parametrize("form", EIGHT_BITS, ids=repr)
def test_a_block_may_lie_on_several_devices(form, kind):
    mesh = jax.make_mesh((8,), ("a",), axis_types=(kind,))
    x = jnp.asarray(numbers(form, (4, 2000)))
    expected = jax.jit(form.encode)(x, SALT)
    with jax.set_mesh(mesh):
        split = jax.device_put(x, NamedSharding(mesh, P(None, "a")))
        stored = jax.jit(form.encode)(split, SALT)
        decoded = jax.jit(lambda stored: stored.decode())(stored)
    np.testing.assert_array_equal(stored.codes, expected.codes)
    np.testing.assert_array_equal(decoded, expected.decode())
    if kind == AxisType.Explicit:
        assert stored.codes.sharding.is_equivalent_to(split.sharding, 2)
        assert decoded.sharding.is_equivalent_to(split.sharding, 2)


@pytest.mark.exhaustive
def test_random_bits_are_independent_of_place_and_salt():
    bits = jnp.stack([random_bits(jnp.zeros((64, 64)), jnp.uint32(salt)) for salt in range(8)])
    uniform = np.asarray(bits, np.float64).reshape(8, -1) / 2**32
    assert abs(uniform.mean() - 0.5) < 4 / (12 * uniform.size) ** 0.5
    correlation = np.corrcoef(uniform) - np.eye(8)
    assert abs(correlation).max() < 4.5 / 64
    neighbours = np.corrcoef(uniform[:, 1:].ravel(), uniform[:, :-1].ravel())[0, 1]
    assert abs(neighbours) < 4.5 / uniform.size**0.5


def test_successive_salts_draw_equal_bits_as_often_as_chance_does():
    bits = np.stack([random_bits(jnp.zeros(2**16), jnp.uint32(12345 + salt)) for salt in range(16)])
    expected = bits.size**2 / 2 / 2**32
    assert abs(bits.size - np.unique(bits).size - expected) < 5 * expected**0.5


def test_no_shard_has_the_salt_of_the_next_array():
    def of_shards(salt):
        return jax.vmap(lambda salt: salt_of_shard(salt, ("i",)), None, axis_size=4, axis_name="i")(salt)

    assert (
        np.unique([of_shards(salt) for salt in salts(jnp.int32(0), jnp.array([0, 1], jnp.uint32), 8)]).size
        == 4 * 8
    )


@pytest.mark.parametrize("last", [512, 300], ids=["whole", "padded"])
def test_random_bits_go_by_the_place_in_the_array(last):
    block = jnp.asarray(np.random.default_rng(0).uniform(0.01, 1, 64), jnp.float32).at[0].set(1.0)
    x = jnp.tile(block, (4, 8))[:, :last]
    codes = [uint8(block=block).encode(x, SALT).codes for block in (64, 256)]
    np.testing.assert_array_equal(*codes)
    assert (codes[0][:, :64] != codes[0][:, 64:128]).mean() > 0.1
    assert (codes[0][0] != codes[0][1]).mean() > 0.1


def test_a_format_prints_as_its_constructor_and_hashes():
    for form in FORMATS:
        assert eval(repr(form), {"formats": formats}) == form
        assert hash(form) == hash(eval(repr(form), {"formats": formats}))
    assert int8() != int8(block=64)


def test_an_illegal_block_is_refused():
    with pytest.raises(ValueError, match="block must be at least 1, got 0"):
        int8(block=0)
    with pytest.raises(ValueError, match="at least one axis"):
        int8().encode(jnp.float32(1.0))


def test_codes_that_were_cast_are_refused_by_name():
    stored = jax.tree.map(lambda leaf: leaf.astype(jnp.bfloat16), int8().encode(jnp.ones((1, 32))))
    with pytest.raises(TypeError, match=r"codes are bfloat16.*are int8"):
        stored.decode()


@pytest.mark.exhaustive
def test_bfloat16_keeps_numbers_that_are_not_finite_and_saturates():
    ones = np.array([0x7FFFFFFF], np.uint32).view(np.float32)[0]  # a NaN that carries into the sign
    x = jnp.array([jnp.inf, -jnp.inf, ones, 3.4e38])
    decoded = bfloat16().encode(x, SALT).decode()
    np.testing.assert_array_equal(decoded[:3], x[:3])
    assert decoded[3] == float(jnp.finfo(BF16).max)
