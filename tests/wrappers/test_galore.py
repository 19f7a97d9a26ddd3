"""GaLore against its paper, in double precision."""

from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import gradtx
from gradtx import GaLoreDimensionNumbers, galore, scale_by_galore
from tests.trajectories import Rule, Tree, distance, gradients, parameters, rate

SHAPES = {"wide": (3, 5), "tall": (5, 3), "bias": (4,)}
RANK, GAP, ALPHA, DECAY = 2, 3, 0.25, 0.1
B1, B2, EPS = 0.8, 0.9, 0.1


def zhao(*, longer: bool = False) -> Rule:
    """Zhao et al. (2024), algorithm 2, with decoupled weight decay; Adam for vectors.

    A singular vector is open up to its sign or phase: it is that nearest to the vector before.
    """

    def rule(params: Tree, steps: list[Tree]) -> Iterator[Tree]:
        bases: dict[str, Any] = {}
        m: dict[str, Any] = dict.fromkeys(params, 0.0)
        v: dict[str, Any] = dict.fromkeys(params, 0.0)
        for t, gradient in enumerate(steps):
            moved = {}
            for name, theta in params.items():
                g = gradient[name]
                left = theta.ndim == 2 and (theta.shape[0] < theta.shape[1]) != longer
                if theta.ndim == 2 and t % GAP == 0:
                    u, _, vh = np.linalg.svd(g)
                    new = u[:, :RANK] if left else vh.conj().T[:, :RANK]
                    turn = np.sum(new.conj() * bases.get(name, new), axis=0)
                    bases[name] = new * turn / np.abs(turn)
                p = bases.get(name)
                r = g if p is None else p.conj().T @ g if left else g @ p
                m[name] = B1 * m[name] + (1 - B1) * r
                v[name] = B2 * v[name] + (1 - B2) * np.abs(r) ** 2
                n = m[name] / (1 - B1 ** (t + 1)) / (np.sqrt(v[name] / (1 - B2 ** (t + 1))) + EPS)
                u = n if p is None else ALPHA * (p @ n if left else n @ p.conj().T)
                moved[name] = theta - rate(t) * (u + DECAY * theta)
            params = moved
            yield params

    return rule


def ours(**options: Any) -> Any:
    return galore(rate, RANK, GAP, ALPHA, gradtx.scale_by_adam(B1, B2, EPS), DECAY, **options)


@pytest.mark.parametrize(("dtype", "most"), [("float32", 1e-4), ("float64", 1e-12), ("complex64", 1e-4)])
def test_galore(dtype: str, most: float) -> None:
    assert distance(ours(), zhao(), dtype, shapes=SHAPES) < most


def test_the_longer_side() -> None:
    assert distance(ours(longer_side=True), zhao(longer=True), "float64", shapes=SHAPES) < 1e-12


def test_the_state_has_the_rank() -> None:
    state = scale_by_galore(2).init(parameters(shapes=SHAPES))
    assert {name: p.shape for name, p in state.projector.items() if name != "bias"} == {
        "wide": (3, 2),
        "tall": (3, 2),
    }
    assert jax.tree.leaves(state.projector["bias"]) == []
    assert {n: m.shape for n, m in state.base_optimizer_state.mu.items()} == {
        "wide": (2, 5),
        "tall": (5, 2),
        "bias": (4,),
    }
    whole = scale_by_galore(128).init({"w": jnp.zeros((3, 5), jnp.bfloat16)})
    assert (whole.projector["w"].shape, whole.projector["w"].dtype) == ((3, 3), jnp.float32)
    assert whole.base_optimizer_state.mu["w"].dtype == jnp.float32


@pytest.mark.parametrize("size", [1e-30, 1.0, 1e30])
def test_the_full_rank_changes_nothing_at_any_magnitude(size: float) -> None:
    """For a rule that commutes with turns: P P* G = G."""
    g = {name: jnp.asarray(size * x) for name, x in gradients(shapes=SHAPES)[0].items()}
    tx = scale_by_galore(5, base_optimizer=gradtx.trace(0.9))
    updates, _ = tx.update(g, tx.init(g))
    jax.tree.map(lambda u, x: np.testing.assert_allclose(u, x, atol=1e-5 * size), updates, g)


SPECS = {
    "names": "in out out",
    "numbers": GaLoreDimensionNumbers(0, (1, 2)),
    "tree": {"w": GaLoreDimensionNumbers(0, (1, 2)), "b": None},
}


@pytest.mark.parametrize("name", SPECS)
def test_axes_by_name_and_number(name: str) -> None:
    shapes = {"w": (3, 2, 4), "b": (3,)}
    g = {n: jnp.asarray(x) for n, x in gradients(shapes=shapes)[0].items()}
    tx = scale_by_galore(1, base_optimizer=gradtx.identity(), weight_dimension_numbers=SPECS[name])
    updates, state = tx.update(g, tx.init(g))
    u, s, vh = np.linalg.svd(np.asarray(g["w"], np.float64).reshape(3, 8))
    np.testing.assert_allclose(updates["w"].reshape(3, 8), s[0] * np.outer(u[:, 0], vh[0]), atol=1e-5)
    assert state.projector["w"].shape == (3, 1)
    np.testing.assert_array_equal(updates["b"], g["b"])


def test_stacks_have_a_basis_each() -> None:
    g = jnp.asarray(gradients(shapes={"w": (2, 3, 4)})[0]["w"])
    tx = scale_by_galore(1, base_optimizer=gradtx.identity(), weight_dimension_numbers="... in out")
    updates, state = tx.update(g, tx.init(g))
    assert state.projector.shape == (2, 3, 1)
    for one, own in zip(updates, g, strict=True):
        u, s, vh = np.linalg.svd(np.asarray(own))
        np.testing.assert_allclose(one, s[0] * np.outer(u[:, 0], vh[0]), atol=1e-5)


def test_other_leaves_pass_without_the_factor() -> None:
    g = {name: jnp.ones(shape) for name, shape in {"s": (), "v": (3,), "t": (2, 3, 4), "e": (0, 3)}.items()}
    tx = scale_by_galore(1, scale=0.5, base_optimizer=gradtx.identity())
    updates, state = tx.update(g, tx.init(g))
    jax.tree.map(np.testing.assert_array_equal, updates, g)
    assert jax.tree.leaves(state.projector) == []


def test_a_base_optimizer_that_needs_the_parameters_is_refused() -> None:
    with pytest.raises(ValueError, match="base_optimizer needs the parameters"):
        scale_by_galore(base_optimizer=gradtx.adamw(0.1))
    assert scale_by_galore(base_optimizer=None) == scale_by_galore()
