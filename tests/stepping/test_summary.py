"""The summary of an optimizer."""

import jax
import jax.numpy as jnp
import pytest

import gradtx
from gradtx.stepping._memory import of_jit


def test_the_summary_counts_bytes_and_allocates_nothing() -> None:
    huge = {"w": jax.ShapeDtypeStruct((10**6, 10**6), jnp.float32)}
    table = gradtx.summary(gradtx.chain(gradtx.clip_by_global_norm(1.0), gradtx.adam(1e-3)), huge)
    assert table.splitlines()[0].split() == ["transformation", "state", "arrays", "dtype", "bytes"]
    assert "clip_by_global_norm(max_norm=1.0)" in table
    assert [line.split()[-5:] for line in table.splitlines() if " mu " in line] == [
        ["mu", "1", "float32", "4.00", "TB"]
    ]
    assert table.splitlines()[-1].split() == ["all", "3", "8.00", "TB"]


def test_the_summary_cuts_what_is_too_long_for_a_line() -> None:
    rate = gradtx.warmup_cosine_decay_schedule(0.0, 1.0, 10, 100)
    rows = gradtx.summary(gradtx.sgd(rate), {"w": jax.ShapeDtypeStruct((2,), jnp.float32)}).splitlines()
    assert max(map(len, rows)) < 130
    assert any("..." in row and row.startswith("scale_by_learning_rate(") for row in rows)


@pytest.mark.exhaustive
def test_the_peak_of_a_step_follows_where_it_is_asked_for() -> None:
    params = {"w": jax.ShapeDtypeStruct((512, 512), jnp.float32)}
    tx = gradtx.adamw8bit(1e-3)
    table = gradtx.summary(tx, params, peak=True)
    assert table.below == (gradtx.memory(tx, params),)
    assert str(table).startswith(str(gradtx.summary(tx, params)))
    assert not gradtx.summary(tx, params).below


def test_a_typed_key_has_its_bytes() -> None:
    tx = gradtx.GradientTransformation(lambda params: jax.random.key(0), lambda u, key, params=None: (u, key))
    assert of_jit(tx, {"w": jax.ShapeDtypeStruct((2,), jnp.float32)}).state == 8
