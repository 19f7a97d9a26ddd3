"""Gradient centralization against Yong et al. (2020), in double precision."""

from collections.abc import Iterator

import jax.numpy as jnp
import pytest

from gradtx import centralize, chain, sgd
from tests.trajectories import TOLERANCE, Tree, distance, rate


@pytest.mark.parametrize(
    ("axis", "outputs"),
    [(-1, {2: (1,), 3: (2,)}), (0, {2: (0,), 3: (0,)}), ((-2, -1), {2: (0, 1), 3: (1, 2)})],
)
def test_centralization(axis, outputs):
    """Yong et al. (2020), equation 1."""

    def rule(params: Tree, gradients: list[Tree]) -> Iterator[Tree]:
        for t, g in enumerate(gradients):
            centred = {
                name: leaf - leaf.mean(tuple(set(range(leaf.ndim)) - set(outputs[leaf.ndim])), keepdims=True)
                if leaf.ndim > 1
                else leaf
                for name, leaf in g.items()
            }
            params = {name: theta - rate(t) * centred[name] for name, theta in params.items()}
            yield params

    shapes = {"matrix": (3, 4), "heads": (2, 3, 4), "bias": (4,), "scale": ()}
    tx = chain(centralize(axis), sgd(rate))
    for dtype in ("complex64", "float64"):
        # All leaves but the matrix with both axes for outputs, which is 0 and has no size to compare with.
        some = {name: shape for name, shape in shapes.items() if axis != (-2, -1) or name != "matrix"}
        assert distance(tx, rule, dtype, shapes=some) < TOLERANCE[dtype]


def test_centralization_without_the_axis_of_outputs():
    with pytest.raises(ValueError, match=r"shape \(2, 3\) has no axis 2"):
        centralize(2).update(jnp.ones((2, 3)), centralize(2).init(jnp.ones((2, 3))))
