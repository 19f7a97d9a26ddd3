"""What the compiled step costs beside the arithmetic: temporary memory, and scalars computed again."""

import re
from collections import Counter
from typing import Any

import jax
import jax.numpy as jnp
import optax
import pytest

import gradtx
from tests.peers.comparison import permissive

TRANSCENDENTAL = r"\b(cosine|sine|power|exponential|exponential-minus-one|log|log-plus-one|tanh)\("


def build(library: Any, clipped: bool, scheduled: bool = True) -> Any:
    """AdamW, with a schedule and clipping on request, by the names that both libraries have."""
    rate = library.warmup_cosine_decay_schedule(0.0, 1e-3, 10, 100, 1e-4) if scheduled else 1e-3
    tx = library.adamw(rate, weight_decay=0.1)
    return library.chain(library.clip_by_global_norm(1.0), tx) if clipped else tx


def compiled(tx: Any, params: Any) -> Any:
    """A whole step with parameters and state donated, compiled."""

    def step(params: Any, state: Any, gradients: Any) -> Any:
        updates, state = tx.update(gradients, state, params)
        return gradtx.apply_updates(params, updates), state

    shapes = jax.eval_shape(lambda: params)
    with permissive():
        state = jax.eval_shape(tx.init, shapes)
        return jax.jit(step, donate_argnums=(0, 1)).lower(shapes, state, shapes).compile()


def temporaries(tx: Any, dtype: Any = jnp.float32) -> float:
    """The temporary memory of a step, as a fraction of 4.2 MB of float32 parameters in 32 leaves."""
    params = {
        f"layer {i}": {"kernel": jnp.zeros((256, 256), dtype), "bias": jnp.zeros(256, dtype)}
        for i in range(16)
    }
    size = sum(leaf.nbytes for leaf in jax.tree.leaves(params))
    return compiled(tx, params).memory_analysis().temp_size_in_bytes / size


@pytest.mark.parametrize("scheduled", [False, True])
@pytest.mark.parametrize("clipped", [False, True])
def test_adamw_keeps_no_copy_of_the_gradients(clipped, scheduled):
    """Scalars, and partial sums of the norm: 0.003% and 0.8% here, and less the larger the leaves are."""
    assert temporaries(build(gradtx, clipped, scheduled)) < 0.01


@pytest.mark.parametrize(
    "tx",
    [
        build(gradtx, clipped=False),
        build(gradtx, clipped=True),
        gradtx.chain(gradtx.scale(0.5), gradtx.adamw(1e-3)),
        gradtx.chain(gradtx.clip_by_global_norm(1.0), gradtx.lion(1e-4)),
        gradtx.sgd(0.1),
    ],
    ids=["adamw", "clipped adamw", "scaled adamw", "clipped lion", "sgd"],
)
def test_bfloat16_keeps_no_copy_of_the_gradients_either(tx):
    """Wide from the first part on: rounded between two parts, the gradients would be stored.

    The partial sums of the norm, which are float64, are 1.6% of parameters of 2 bytes.
    """
    assert temporaries(tx, jnp.bfloat16) < 0.02


def test_optax_keeps_one_whole_copy_when_it_clips():
    """Shows what the test above would see: `where` on whole arrays."""
    assert temporaries(build(optax, clipped=True)) > 0.99
    assert temporaries(build(optax, clipped=False)) < 0.01


@pytest.mark.parametrize(
    ("tx", "loops"),
    [
        (gradtx.sgd(0.1, momentum=0.9), 2),
        (gradtx.lion(0.1, weight_decay=0.1), 2),
        (build(gradtx, clipped=False), 3),
        (build(gradtx, clipped=True), 5),
    ],
    ids=["momentum", "lion", "adamw", "clipped adamw"],
)
def test_a_leaf_more_is_one_loop_more_for_each_array_that_is_written(tx, loops):
    """For the parameter and each array of state; for the norm one, and a number; and nothing is copied."""
    texts = []
    for leaves in (8, 24):
        params = {f"leaf {i}": jnp.zeros((64, 64 + i)) for i in range(leaves)}
        texts.append(entry(compiled(tx, params)))
    few, many = (text.count(" fusion(") + text.count(" reduce(") for text in texts)
    assert many - few <= 16 * loops
    assert not re.search(r"= f32\[\d[\d,]*\]\S* copy\(", texts[1])


def entry(program: Any) -> str:
    """What a compiled program runs, without the bodies of its loops."""
    text = program.as_text()
    return text[text.index("\nENTRY") :]


def test_optax_copies_every_average_of_lion():
    """Shows what the test above would see."""
    params = {f"leaf {i}": jnp.zeros((64, 64 + i)) for i in range(8)}
    text = entry(compiled(optax.lion(0.1, weight_decay=0.1), params))
    assert len(re.findall(r"= f32\[\d[\d,]*\]\S* copy\(", text)) == 8


def transcendentals(tx: Any, leaves: int) -> Counter[str]:
    """How many of each transcendental function the compiled step has, for leaves of different shapes."""
    params = {f"leaf {i}": jnp.zeros((8, 8 + i)) for i in range(leaves)}
    return Counter(re.findall(TRANSCENDENTAL, compiled(tx, params).as_text()))


@pytest.mark.parametrize(
    "tx",
    [
        build(gradtx, clipped=True),
        gradtx.sgd(lambda count: 0.1 * jnp.cos(count.astype(float)), momentum=0.9),
        gradtx.adam(
            gradtx.exponential_decay(0.1, 10, 0.9), b2=lambda count: 1 - 1 / jnp.exp(count.astype(float))
        ),
        gradtx.chain(gradtx.clip(lambda count: jnp.cos(count.astype(float))), gradtx.sgd(0.1)),
    ],
    ids=["adamw", "sgd", "adam", "clip"],
)
def test_schedules_and_bias_corrections_are_computed_once_a_step(tx):
    one = transcendentals(tx, leaves=1)
    assert one.total() > 0
    assert transcendentals(tx, leaves=12) == one


def test_a_norm_is_summed_once_a_step():
    """Summed again for every leaf, the program would grow with the square of their number."""
    tx = gradtx.chain(gradtx.clip_by_global_norm(1.0), gradtx.sgd(0.1))
    sizes = []
    for leaves in (20, 40):
        params = {f"leaf {i}": jnp.zeros((8, 8 + i)) for i in range(leaves)}
        sizes.append(len(compiled(tx, params).as_text()))
    assert sizes[1] < 2.5 * sizes[0]


def test_optax_computes_its_schedule_once_a_leaf():
    """Shows what the test above would see."""
    assert transcendentals(build(optax, clipped=True), leaves=12)["cosine"] == 12
