"""The Stepper's loops over slices, for states of less than 32 bits."""

import re
from itertools import permutations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import gradtx
from gradtx.stepping import Stepper, memory
from gradtx.stepping._groups import units_of
from gradtx.stepping._loops import looped
from gradtx.stepping._memory import of_jit, of_stepper
from gradtx.stepping._rows import Slice, candidates
from gradtx.stepping._slices import CHUNK
from gradtx.stepping._splitting import split
from gradtx.stepping._stepper import step_of

SHAPES = {
    "rows": (300, 128),
    "rows that do not divide": (331, 192),
    "three axes": (7, 40, 256),
    "long rows": (3, 40_000),
    "vector": (70_000,),
    "blocks in rows that do not divide": (2, 64_000),
    "ones before": (1, 1, 65_536),
    "small": (16, 16),
}


def problem(dtype=jnp.float32, shapes=SHAPES):
    """Parameters and gradients of these shapes."""
    keys = jax.random.split(jax.random.key(0), 2 * len(shapes))
    draw = [jax.random.normal(key, shape) for key, shape in zip(keys, [*shapes.values()] * 2, strict=True)]
    params = dict(zip(shapes, draw, strict=False))
    gradients = dict(zip(shapes, draw[len(shapes) :], strict=True))
    return jax.tree.map(lambda leaf: leaf.astype(dtype), (params, gradients))


def loops_of(tx, params):
    """The programs of the Stepper's plan as text."""
    state = jax.eval_shape(tx.init, params)
    traced = jax.make_jaxpr(lambda *a: step_of((), *a))(params, state, tx, params, {})
    donated = len(jax.tree.leaves((params, state)))
    plan = split(traced, range(donated), slices=CHUNK)
    return [call.program.lower(*[plan.kinds[slot] for slot in call.reads]).compile() for call in plan.calls]


OPTIMIZERS = {
    "adamw8bit": gradtx.adamw8bit(0.1),
    "lion8bit": gradtx.lion8bit(0.1),
    "bfloat16 mu": gradtx.adamw(0.1, mu_dtype="bfloat16"),
    "dynamic8": gradtx.adam8bit(
        0.1, formats={"mu": gradtx.formats.dynamic8(True), "nu": gradtx.formats.dynamic8(False)}
    ),
    "bfloat16 formats": gradtx.adam8bit(0.1, formats={"nu": gradtx.formats.bfloat16()}),
    "clipped": gradtx.chain(gradtx.clip_by_global_norm(1.0), gradtx.adamw8bit(0.1)),
    "nesterov": gradtx.quantized(gradtx.sgd(0.1, momentum=0.9, nesterov=True)),
    "muon": gradtx.quantized(gradtx.muon(0.1)),
    "adafactor": gradtx.quantized(gradtx.adafactor(0.1, momentum=0.9), {"ema": gradtx.formats.int8()}),
    "lars": gradtx.quantized(gradtx.lars(0.1)),
    "novograd": gradtx.quantized(gradtx.novograd(0.1)),
    "lamb": gradtx.quantized(gradtx.lamb(0.1)),
}
IN_ONE_PROGRAM = "bfloat16 mu", "bfloat16 formats", "dynamic8", "muon"

BF16 = gradtx.formats.bfloat16()
IN_BFLOAT16 = {
    "bfloat16 mu": OPTIMIZERS["bfloat16 mu"],
    "two in bfloat16": gradtx.adam8bit(0.1, formats={"mu": BF16, "nu": BF16}),
    "lion": gradtx.lion(0.1, mu_dtype="bfloat16"),
    "momentum": gradtx.sgd(0.1, 0.9, accumulator_dtype="bfloat16"),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_steps_in_slices_are_those_of_one_program(name):
    tx, (params, gradients) = OPTIMIZERS[name], problem()
    stepper = gradtx.Stepper(tx)
    whole = jax.jit(lambda p, s, g: step_of((), p, s, tx, g, {}))
    ours, expected = (jax.tree.map(jnp.copy, params), stepper.init(params)), (params, tx.init(params))
    for _ in range(3):
        ours = stepper(*ours, gradients=gradients)
        expected = whole(*expected, gradients)
    for path, leaf in jax.tree_util.tree_leaves_with_path(ours):
        other = dict(jax.tree_util.tree_leaves_with_path(expected))[path]
        if jnp.issubdtype(leaf.dtype, jnp.integer):
            assert (leaf == other).mean() > 0.99
        else:
            np.testing.assert_allclose(leaf, other, rtol=2e-2, atol=2e-3)
            # A sum that rounds otherwise may change a code, and the next step by the distance of two codes.
            assert (abs(leaf - other) < 1e-5 * abs(other) + 1e-6).mean() > 0.99


@pytest.mark.exhaustive
@pytest.mark.parametrize("bits", [16, 8])
@pytest.mark.parametrize("state", ["float32", "8 bits"])
def test_split_parameters_step_in_slices(bits, state):
    inner = gradtx.adamw(0.01) if state == "float32" else gradtx.adamw8bit(0.01)
    tx, (params, gradients) = gradtx.split_params(inner, bits), problem(jnp.bfloat16)
    stepper = gradtx.Stepper(tx)
    whole = jax.jit(lambda p, s, g: step_of((), p, s, tx, g, {}))
    ours, expected = (jax.tree.map(jnp.copy, params), stepper.init(params)), (params, tx.init(params))
    for _ in range(3):
        ours = stepper(*ours, gradients=gradients)
        expected = whole(*expected, gradients)
    for leaf, other in zip(*map(jax.tree.leaves, (ours[0], expected[0])), strict=True):
        assert leaf.dtype == jnp.bfloat16
        assert (leaf == other).mean() > 0.999


BIG = {f"w{i}": (512, 1024) for i in range(8)} | {"embedding": (1000, 256), "b": (1024,)}
SIZE = sum(int(np.prod(shape)) for shape in BIG.values())


@pytest.mark.parametrize("name", [name for name in OPTIMIZERS if name not in IN_ONE_PROGRAM])
def test_slices_need_no_temporaries_and_no_copies(name):
    params = jax.eval_shape(lambda: problem(shapes=BIG)[0])
    assert of_stepper(OPTIMIZERS[name], params).temporaries <= 4 * 4 * CHUNK  # four slices in float32
    for program in loops_of(OPTIMIZERS[name], params):
        in_memory = re.sub(r"^%fused_computation.*?^}", "", program.as_text(), flags=re.MULTILINE | re.DOTALL)
        for shape in re.findall(r"\[([\d,]+)\]\S* copy\(", in_memory):
            assert np.prod([int(length) for length in shape.split(",")]) <= CHUNK


@pytest.mark.parametrize("tx", [OPTIMIZERS["muon"], gradtx.muon(0.1)], ids=["8 bits", "float32"])
def test_muon_needs_two_copies_of_a_matrix_and_its_gram_matrix(tx):
    params = jax.eval_shape(lambda: problem(shapes=BIG)[0])
    matrix, gram = 4 * 512 * 1024, 4 * 512 * 512
    assert of_stepper(tx, params, split_above=0).temporaries <= 1.01 * (2 * matrix + gram)
    assert of_jit(tx, params).temporaries > 4 * matrix


@pytest.mark.exhaustive
def test_large_parameters_are_split():
    """In one program, an average from which the step of Lion follows is copied."""
    params = {"w": jax.ShapeDtypeStruct((3000, 3000), jnp.float32)}
    assert of_stepper(gradtx.lion(0.1), params).temporaries <= 10_000
    assert of_stepper(gradtx.lion(0.1), params, split_above=1) == of_jit(gradtx.lion(0.1), params)
    assert of_jit(gradtx.lion(0.1), params).temporaries >= 4 * 3000 * 3000


@pytest.mark.parametrize(
    "tx", [gradtx.adam_l2(0.1, 1e-2), gradtx.madgrad(0.1), gradtx.schedule_free_sgd(0.1)]
)
def test_each_array_is_written_over_its_own_old_value(tx):
    """Over another one, XLA copies that one first."""
    params = {"w": jax.ShapeDtypeStruct((512, 512), jnp.float32)}
    assert of_stepper(tx, params, split_above=0).temporaries <= 10_000


def test_a_step_that_follows_from_new_averages_is_one_program():
    assert len(loops_of(gradtx.adamw(0.1), {"w": jax.ShapeDtypeStruct((512, 512), jnp.float32)})) == 2


def test_an_average_that_is_decomposed_is_not_made_by_a_program_of_its_own():
    """A program for the new average would take its matrix products once more."""

    def step(old, g):
        old = old.astype(jnp.float32)
        new = old @ g
        return new.astype(jnp.bfloat16), new * old

    big = jnp.zeros((512, 512))
    traced = jax.make_jaxpr(step)(big.astype(jnp.bfloat16), big)
    assert len(split(traced, [0]).calls) == 1


@pytest.mark.parametrize("name", IN_BFLOAT16)
def test_averages_in_bfloat16_need_no_temporaries(name):
    """The program of one, which reads the old average twice, copies it."""
    params = jax.eval_shape(lambda: problem(shapes=BIG)[0])
    assert of_stepper(IN_BFLOAT16[name], params).temporaries <= 10_000
    assert of_jit(IN_BFLOAT16[name], params).temporaries / SIZE > 1


def test_parameters_in_bfloat16_need_no_temporaries():
    """They follow from the old averages, and are not stored after those."""
    params = {"w": jax.ShapeDtypeStruct((512, 1024), jnp.bfloat16)}
    assert of_stepper(OPTIMIZERS["bfloat16 mu"], params).temporaries <= 10_000


def test_split_parameters_need_copies_of_two_leaves():
    params = {"w": jax.ShapeDtypeStruct((512, 1024), jnp.bfloat16)}
    assert of_stepper(gradtx.split_params(gradtx.adamw(0.1)), params).temporaries <= 4 * 512 * 1024


@pytest.mark.exhaustive
def test_one_program_needs_temporaries():
    """Shows that the test above sees them."""
    params = jax.eval_shape(lambda: problem(shapes=BIG)[0])
    assert of_jit(OPTIMIZERS["adamw8bit"], params).temporaries / SIZE > 4
    assert of_jit(OPTIMIZERS["bfloat16 mu"], params).temporaries / SIZE > 1


@pytest.mark.exhaustive
def test_a_state_of_32_bits_runs_without_loops():
    params = jax.eval_shape(lambda: problem(shapes=BIG)[0])
    assert not [program for program in loops_of(gradtx.adamw(0.1), params) if " while(" in program.as_text()]
    assert of_stepper(gradtx.adamw(0.1), params) == of_jit(gradtx.adamw(0.1), params)


def test_slices_are_of_neighbouring_rows():
    def first(*shapes):
        return next(iter(candidates(shapes, 16_384)))

    assert first((512, 512)) == Slice(512 * 512, 16_384)
    assert first((512, 512), (512, 2)) == Slice(1024, 64)
    assert first((8, 3, 4096), (8, 3, 16)) == Slice(384, 64)
    assert first((100_000,)) == Slice(100_000, 12_500)
    assert first((2, 331, 192), (2, 331, 1)) == Slice(662, 85)  # 331 is prime: the last slice is shorter
    assert first((2**18, 2**14)) == Slice(2**18, 1)  # 2^32 rows of one number have no index in int32
    assert [one.number for one in candidates([(4, 1000, 1000), (4, 1000, 3)], 16_384)] == [4000, 4_000_000]


WHOLE = [
    lambda x: jnp.cumsum(x, 0),
    lambda x: x @ x.T @ x,
    lambda x: x[::-1],
    lambda x: jnp.sort(x, 0),
    lambda x: x.T.reshape(x.shape),
    lambda x: x + jnp.roll(x, 1, 0),
    lambda x: x + jax.lax.full((1, 256), 2.0),
]
SLICED = [
    lambda x: jnp.sin(x) + 1,
    lambda x: x - x.mean(1, keepdims=True),
    lambda x: (x.reshape(256, 8, 32) / x.reshape(256, 8, 32).max(-1, keepdims=True)).reshape(256, 256),
    lambda x: (
        x
        + jax.lax.broadcasted_iota(jnp.float32, x.shape, 0) * 256
        + jax.lax.broadcasted_iota(jnp.float32, x.shape, 1)
    ),
    lambda x: jnp.pad(x, ((0, 0), (0, 44))).reshape(256, 3, 100).max(-1),
    lambda x: jax.nn.relu(x) * jnp.where(x > 0.5, x, 2.0),
]
AFTER_WHOLE = [
    lambda x: x - x.mean(),
    lambda x: x / jnp.sqrt(jnp.square(x - x.mean()).mean()),
    lambda x: x - x.mean(0, keepdims=True),
    lambda x: x / (x.mean(1, keepdims=True) / x.mean()) - x.mean(0)[None],
    lambda x: x + jnp.broadcast_to(x[:1], x.shape),
    lambda x: x + jnp.broadcast_to(x.sum(1)[None], x.shape),
    lambda x: x + jnp.cumsum(x.sum(1))[:, None] + jnp.cumsum(x.sum(1))[None],
    lambda x: x * jax.lax.optimization_barrier((x, jnp.cumsum(x.sum(1)), x.sum()))[1][:, None],
    lambda x: (x * x.sum(), x.sum(0), x.sum(1), x.sum()),
]


def trace(function):
    return jax.make_jaxpr(function)(jnp.zeros((256, 256))).jaxpr


@pytest.mark.parametrize("function", WHOLE, ids=range(len(WHOLE)))
def test_a_program_that_sees_whole_arrays_is_not_sliced(function):
    assert looped(trace(function), {}, 1024) is None


def assert_equal_in_slices(loop, function):
    x = jax.random.uniform(jax.random.key(0), (256, 256))
    for ours, expected in zip(jax.jit(loop)(x), jax.tree.leaves(function(x)), strict=True):
        np.testing.assert_allclose(ours, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("function", SLICED, ids=range(len(SLICED)))
def test_one_that_is_the_same_on_each_slice_is(function):
    loop = looped(trace(function), {}, 1024)
    assert not loop.parts.first.eqns or not loop.parts.first.invars
    assert_equal_in_slices(loop, function)


@pytest.mark.parametrize("function", AFTER_WHOLE, ids=range(len(AFTER_WHOLE)))
def test_one_that_is_the_same_on_each_slice_after_a_sum_is(function):
    loop = looped(trace(function), {}, 1024)
    assert loop.parts.first.invars
    assert_equal_in_slices(loop, function)


def test_an_effect_happens_once():
    seen = []

    def update(updates, state, params=None):
        new = 0.9 * state.astype(jnp.float32) + updates
        jax.debug.callback(lambda new: seen.append(new[0]), new)
        return -new, new.astype(jnp.bfloat16)

    tx = gradtx.GradientTransformation(lambda params: jnp.zeros_like(params, jnp.bfloat16), update)
    params = jnp.ones(2**16)
    jax.block_until_ready(Stepper(tx)(params, tx.init(params), gradients=jnp.ones(2**16)))
    jax.effects_barrier()
    assert seen == [1.0]


def test_memory_of_shapes_allocates_nothing():
    table = memory(gradtx.adamw8bit(1e-3), {"w": jax.ShapeDtypeStruct((2**20, 2**12), jnp.float32)})
    assert "17.18 GB" in str(table)


def test_arrays_that_meet_in_any_order_are_one_group():
    pairs = [(i, i + 1) for i in range(5)]
    for order in permutations(pairs):
        traced = jax.make_jaxpr(lambda x, order=order: [x[i] + x[j] for i, j in order])([jnp.zeros(2)] * 6)
        assert len(set(units_of(traced.jaxpr, traced.jaxpr.eqns))) == 1
