"""Tables of parameter groups, and the warnings of `summary`."""

import jax
import jax.numpy as jnp
import pytest

import gradtx
from gradtx import by_path, chain, leaf_table, masked, partition, summary


def shape(*axes: int) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct(axes, jnp.float32)


PARAMS = {"embed": shape(10**6, 10**6), "block": [{"kernel": shape(3, 2), "bias": shape(2)}], "off": None}


def test_every_leaf_stands_beside_its_groups_and_masks() -> None:
    inner = partition(
        {1: gradtx.sgd(0.1), 2: gradtx.adamw(0.1, mask=lambda params: True)}, by_path({"bias": 1, "": 2})
    )
    tx = chain(
        partition({"in": gradtx.sgd(0.1), "deep": inner}, by_path({"embed": "in", "": "deep"})),
        masked(gradtx.scale(1.0), by_path({"kernel": True, "": False})),
    )
    assert leaf_table(tx, PARAMS).splitlines() == [
        "leaf            shape               dtype    group   group  add_decayed_weights  scale",
        "block/0/bias    (2,)                float32  'deep'  1      -                    -",
        "block/0/kernel  (3, 2)              float32  'deep'  2      yes                  yes",
        "embed           (1000000, 1000000)  float32  'in'    -      -                    -",
    ]


def test_real_parameters_and_optimizers_without_groups_have_a_table_too() -> None:
    assert leaf_table(gradtx.adam(0.1), {"w": jnp.ones(2), "n": 1.0}).splitlines() == [
        "leaf  shape  dtype",
        "n     ()     float32",
        "w     (2,)   float32",
    ]


def test_a_leaf_without_a_group_is_an_error_there_too() -> None:
    with pytest.raises(ValueError, match="no pattern covers the leaf 'embed'"):
        leaf_table(partition({"a": gradtx.sgd(0.1)}, by_path({"block": "a"})), PARAMS)


def test_groups_without_leaves_and_norms_of_a_group_have_a_warning() -> None:
    inner = partition({"x": gradtx.trace(0.9), "y": gradtx.sign()}, "x")
    tx = chain(
        gradtx.clip_by_global_norm(2.0),
        partition(
            {"embd": gradtx.sgd(0.1), "rest": chain(gradtx.clip_by_global_norm(1.0), inner)},
            by_path({"embd": "embd", "": "rest"}),
        ),
        masked(gradtx.scale(0.5), False),
    )
    warnings = [
        "empty-group at [1]['embd']: no leaf has the label 'embd'. Remove the group, or correct the labels.",
        "one-group-alone at [1]['rest']: clip_by_global_norm in 'rest' sees the leaves of this group alone. "
        "For one of all leaves, put it outside of the partition.",
        "empty-group at [1]['rest'][1]['y']: no leaf has the label 'y'. "
        "Remove the group, or correct the labels.",
        "empty-mask at [2]: the mask of scale selects no leaf. leaf_table shows the paths of all.",
    ]
    assert summary(tx, PARAMS).splitlines()[-4:] == warnings
    assert leaf_table(tx, PARAMS).splitlines()[-4:] == warnings


@pytest.mark.parametrize("skips", [None, gradtx.skip_not_finite])
def test_skipping_in_a_group_alone_has_a_warning(skips: object) -> None:
    tx = partition({"all": gradtx.accumulate(gradtx.sgd(0.1), 2, should_skip_update_fn=skips)}, "all")
    warning = "accumulate in 'all' sees the leaves of this group alone."
    assert (warning in summary(tx, PARAMS)) == (skips is not None)


def test_the_summary_names_each_group() -> None:
    tx = partition(
        {"fast": gradtx.momentum(0.1), "slow": masked(gradtx.trace(0.5), {"embed": True, "block": False})},
        {"embed": "slow", "block": "fast"},
    )
    assert summary(tx, PARAMS).splitlines() == [
        "transformation                                 state  arrays  dtype      bytes",
        "partition()                                    -",
        "  ['fast']",
        "    trace(decay=0.9)                           trace       2  float32     32 B",
        "    scale_by_learning_rate(learning_rate=0.1)  -",
        "  ['slow']",
        "    masked()                                   -",
        "      trace(decay=0.5)                         trace       1  float32  4.00 TB",
        "all                                                        3           4.00 TB",
    ]
