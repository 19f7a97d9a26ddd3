"""Conditionals: the condition reads extra arguments, and is one boolean."""

import jax
import pytest

import gradtx
from gradtx import conditionally_mask, conditionally_transform
from tests.faults import PARAMS, assert_same, clean_gradients


class TestConditionals:
    """A transformation that works at some steps."""

    def test_the_condition_may_read_extra_arguments(self) -> None:
        tx = conditionally_mask(gradtx.identity(), lambda step, value: value > 1.0, forward_extra_args=True)
        g = clean_gradients()[0]
        for value, size in ((2.0, 1.0), (0.5, 0.0)):
            updates, _ = tx.update(g, tx.init(PARAMS), PARAMS, value=value)
            assert_same(updates, jax.tree.map(lambda x, size=size: size * x, g))

    def test_it_must_be_one_boolean(self) -> None:
        tx = conditionally_transform(gradtx.identity(), lambda step: step + 1)
        with pytest.raises(TypeError, match=r"should_transform_fn must return one boolean, got .* int32"):
            tx.update(PARAMS, tx.init(PARAMS))
