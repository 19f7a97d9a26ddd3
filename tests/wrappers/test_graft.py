"""Grafting against Agarwal et al. (2020), in double precision."""

from collections.abc import Iterator

import jax.numpy as jnp
import numpy as np
import pytest

import gradtx
from gradtx import graft, sgd, sign_sgd, tree
from tests.moments import B1, B2, EPS, adam_directions
from tests.trajectories import DTYPES, TOLERANCE, Tree, distance, rate

MU = 0.7


@DTYPES
@pytest.mark.parametrize("layerwise", [True, False])
def test_grafting(dtype, layerwise):
    """Agarwal et al. (2020), algorithm 1: momentum's length, Adam's direction."""

    def rule(params: Tree, gradients: list[Tree]) -> Iterator[Tree]:
        velocity = dict.fromkeys(params, 0.0)
        directions = {name: adam_directions([g[name] for g in gradients]) for name in params}
        for t, g in enumerate(gradients):
            velocity = {name: MU * velocity[name] + leaf for name, leaf in g.items()}
            steps = {name: -3.0 * next(direction)[2] for name, direction in directions.items()}
            squares = [
                {name: np.sum(np.abs(leaf) ** 2) for name, leaf in tree.items()}
                for tree in ({name: rate(t) * leaf for name, leaf in velocity.items()}, steps)
            ]
            if not layerwise:
                squares = [dict.fromkeys(params, sum(square.values())) for square in squares]
            wanted, length = squares
            params = {
                name: theta + np.sqrt(wanted[name] / length[name]) * steps[name]
                for name, theta in params.items()
            }
            yield params

    tx = graft(sgd(rate, MU), gradtx.adam(3.0, B1, B2, EPS), layerwise=layerwise)
    assert distance(tx, rule, dtype) < TOLERANCE[dtype]


def test_grafting_onto_no_direction_and_of_no_finite_length():
    g = {"a": jnp.array([3.0, 4.0]), "b": jnp.zeros(2)}
    tx = graft(sign_sgd(1.0), sgd(1.0))
    np.testing.assert_array_equal(tx.update(g, tx.init(g))[0]["b"], [0.0, 0.0])
    infinite = graft(sgd(1.0), sign_sgd(1.0))
    g = {"a": jnp.array([jnp.inf, 4.0]), "b": jnp.ones(2)}
    update, _ = infinite.update(g, infinite.init(g))
    assert np.isnan(update["a"]).all()
    assert np.isfinite(update["b"]).all()


def test_grafting_wants_two_updates_for_a_leaf():
    g = {"a": jnp.ones(2), "b": jnp.ones(2)}
    nothing = gradtx.stateless(lambda updates, params: {**updates, "b": None})
    for pair in ((sgd(1.0), nothing), (nothing, sgd(1.0))):
        for layerwise in (True, False):
            tx = graft(*pair, layerwise=layerwise)
            with pytest.raises(tree.TreeMismatchError, match=r"\['b'\]"):
                tx.update(g, tx.init(g))


def test_a_global_graft_in_a_group_is_remarked_on():
    params = {"a": jnp.ones(2)}
    for layerwise in (True, False):
        tx = gradtx.partition({"all": graft(sgd(1.0), sgd(2.0), layerwise=layerwise)}, "all")
        assert ("graft in 'all' sees the leaves" in gradtx.summary(tx, params)) is not layerwise
