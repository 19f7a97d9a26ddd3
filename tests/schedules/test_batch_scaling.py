"""The learning rate for a batch size: Goyal et al. (2017) and Malladi et al. (2022)."""

import jax.numpy as jnp
import numpy as np
import pytest

import gradtx
from gradtx import scaled_learning_rate


def test_the_linear_rule_is_that_of_goyal_et_al():
    # ResNet-50, section 5.1: 0.1 for 256 images, hence 3.2 for 8192.
    assert scaled_learning_rate(0.1, 8192) == pytest.approx(3.2, rel=1e-15)


def test_the_square_root_rule_squares_to_the_linear_one():
    root = scaled_learning_rate(1.0, 4096, 512, rule="sqrt")
    assert root**2 == pytest.approx(scaled_learning_rate(1.0, 4096, 512), rel=1e-15)
    assert root == pytest.approx(8**0.5, rel=1e-15)


@pytest.mark.parametrize("rule", ["linear", "sqrt"])
def test_the_base_batch_size_keeps_the_base_rate(rule):
    assert scaled_learning_rate(0.3, 64, 64, rule=rule) == 0.3


def test_a_smaller_batch_gets_a_smaller_rate():
    assert scaled_learning_rate(0.4, 64) == pytest.approx(0.1, rel=1e-15)


def test_gradual_warmup_rises_from_the_base_rate_to_the_scaled_one():
    rates = scaled_learning_rate(0.1, 1024, warmup_steps=3)(jnp.arange(6))
    np.testing.assert_allclose(rates, [0.1, 0.2, 0.3, 0.4, 0.4, 0.4], rtol=3e-7)


def test_without_warmup_it_is_a_number_and_with_warmup_a_schedule():
    assert isinstance(scaled_learning_rate(0.1, 512), float)
    assert isinstance(scaled_learning_rate(0.1, 512, warmup_steps=1), gradtx.Schedule)
