"""Muon against its published code, in double precision."""

from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gradtx import (
    adamw,
    add_decayed_weights,
    apply_updates,
    by_path,
    chain,
    hidden_matrices,
    hidden_two_axes,
    leaf_table,
    linear_schedule,
    muon,
    scale_by_learning_rate,
    scale_by_matrix_shape,
    scale_by_muon,
)
from tests.trajectories import (
    TOLERANCE,
    distance,
    gradients,
    in_precision_of,
    leafwise,
    parameters,
    rate,
    relative_error,
    rising,
    trajectory,
)

BETA, EPS, DECAY = 0.7, 1e-2, 0.2
SHAPES = {"wide": (3, 5), "tall": (4, 2), "heads": (2, 3, 3)}
TABLE = ((3.0, -3.5, 1.4), (2.5, -2.4, 0.8), (1.875, -1.25, 0.375))
OPTIONS = {"ns_coeffs": TABLE, "ns_steps": 4, "beta": BETA, "eps": EPS}


def orthogonalized(x: Any) -> Any:
    """Jordan's post, `newtonschulz5`, with a table of coefficients in order."""
    x = x / (np.sqrt(np.sum(np.abs(x) ** 2, axis=(-2, -1), keepdims=True)) + EPS)
    for a, b, c in (*TABLE, TABLE[-1]):
        gram = x @ np.conj(np.swapaxes(x, -1, -2))
        x = a * x + (b * gram + c * gram @ gram) @ x
    return x


@leafwise
def jordan(
    theta: Any,
    gradients: list[Any],
    nesterov: bool = True,
    debias: bool = False,
    beta: Any = lambda t: BETA,
    scaled: bool = False,
    decay: float = 0.0,
) -> Iterator[Any]:
    """`muon_update` of Jordan's code, and the decay of Liu et al. (2025), equation 3."""
    momentum, (fan_in, fan_out) = 0.0, theta.shape[-2:]
    for t, g in enumerate(gradients, start=1):
        b = beta(t - 1)
        momentum = b * momentum + (1 - b) * g
        ahead, now = (1 - b ** (t + nesterov), 1 - b**t) if debias else (1.0, 1.0)
        update = b * momentum / ahead + (1 - b) * g / now if nesterov else momentum / ahead
        step = orthogonalized(update) * (max(1.0, fan_out / fan_in) ** 0.5 if scaled else 1.0)
        theta = theta - rate(t - 1) * (step + decay * theta)
        yield theta


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("nesterov", [True, False])
@pytest.mark.parametrize("debias", [True, False])
def test_scale_by_muon(dtype, nesterov, debias):
    tx = chain(scale_by_muon(**OPTIONS, nesterov=nesterov, debias=debias), scale_by_learning_rate(rate))
    assert distance(tx, jordan(nesterov, debias), dtype, shapes=SHAPES) < TOLERANCE[dtype]


def test_with_a_scheduled_beta():
    tx = chain(scale_by_muon(**OPTIONS | {"beta": rising}), scale_by_learning_rate(rate))
    assert distance(tx, jordan(beta=rising), "float64", shapes=SHAPES) < TOLERANCE["float64"]


def test_the_optimizer_on_matrices():
    """The decay has the factor of the learning rate, and not that of the shape."""
    tx = muon(rate, **OPTIONS, weight_decay=DECAY, muon_weight_dimension_numbers="... in out")
    assert distance(tx, jordan(scaled=True, decay=DECAY), "float64", shapes=SHAPES) < TOLERANCE["float64"]


LEAVES = {
    "embedding": (5, 3),
    "norm/scale": (3,),
    "up/kernel": (3, 6),
    "up/bias": (6,),
    "lm_head/kernel": (3, 5),
}


def model(leaves: dict[str, Any]) -> Any:
    """The leaves, given by path, as a model."""
    return {
        "embedding": leaves["embedding"],
        "norm": {"scale": leaves["norm/scale"]},
        "up": {"kernel": leaves["up/kernel"], "bias": leaves["up/bias"]},
        "lm_head": {"kernel": leaves["lm_head/kernel"]},
    }


@pytest.mark.exhaustive
def test_hidden_matrices_get_muon_and_all_else_adamw():
    options = {"adam_b1": 0.8, "adam_b2": 0.97, "adam_eps_root": 2e-2, "adam_weight_decay": 0.3}
    tx = muon(rate, **OPTIONS, weight_decay=DECAY, adam_learning_rate=0.05, **options)
    matrix = chain(
        scale_by_muon(**OPTIONS),
        scale_by_matrix_shape(),
        add_decayed_weights(DECAY),
        scale_by_learning_rate(rate),
    )
    adam = adamw(0.05, 0.8, 0.97, EPS, 2e-2, weight_decay=0.3, nesterov=True)
    params, steps = parameters(shapes=LEAVES), gradients(shapes=LEAVES, steps=5)
    together = trajectory(tx, model(params), [model(step) for step in steps])[0]
    for name in LEAVES:
        own = {name: params[name]}, [{name: step[name]} for step in steps]
        alone = trajectory(matrix if name == "up/kernel" else adam, *own)[0]
        # The same kernels, but compiled in another program, which may round otherwise.
        assert relative_error(leaf(together, name), alone[name]) < 1e-6, name


def leaf(tree: Any, name: str) -> Any:
    for key in name.split("/"):
        tree = tree[key]
    return tree


def test_who_gets_what_is_settable_and_shown():
    labels = by_path({"lm_head|up/kernel": "muon", "": "adam"})
    params = jax.tree.map(
        lambda shape: jax.ShapeDtypeStruct(shape, "float32"),
        model(LEAVES),
        is_leaf=lambda x: isinstance(x, tuple),
    )
    groups = {
        line.split()[0]: "muon" in line
        for line in leaf_table(muon(0.1, param_labels=labels), params).splitlines()[1:]
    }
    assert {name for name, is_muon in groups.items() if is_muon} == {"lm_head/kernel", "up/kernel"}
    default = {line.split()[0] for line in leaf_table(muon(0.1), params).splitlines() if "muon" in line}
    assert default == {"up/kernel"}


@pytest.mark.parametrize(
    "name",
    [
        "head/kernel",
        "lm_head/kernel",
        "mlm_head_1/kernel",
        "classifier/kernel",
        "logits_dense/w",
        "embed/kernel",
        "wte",
    ],
)
def test_input_and_output_are_not_hidden(name):
    assert _hidden(name, (3, 4)) is False


@pytest.mark.parametrize(
    "name", ["multi_head_attention/kernel", "heads/query/kernel", "output/kernel", "header/w"]
)
def test_attention_and_others_are_hidden(name):
    assert _hidden(name, (3, 4)) is True
    assert _hidden(name, (3, 3, 4)) is True
    assert _hidden(name, (3,)) is False


def _hidden(name: str, shape: tuple[int, ...]) -> Any:
    params: Any = jnp.zeros(shape)
    for key in reversed(name.split("/")):
        params = {key: params}
    return jax.tree.leaves(hidden_matrices(params))[0]


CONVOLUTION = {"conv/kernel": (3, 3, 2, 5), "layers/kernel": (4, 3, 5), "dense/kernel": (3, 5)}


def of_muon(tx: Any, shapes: dict[str, tuple[int, ...]]) -> set[str]:
    """The leaves that Muon has."""
    params = {name: jax.ShapeDtypeStruct(shape, "float32") for name, shape in shapes.items()}
    return {line.split()[0] for line in leaf_table(tx, params).splitlines() if "muon" in line}


def test_leaves_of_two_axes_alone_unless_their_axes_are_named():
    assert of_muon(muon(0.1), CONVOLUTION) == {"dense/kernel"}
    named = muon(0.1, muon_weight_dimension_numbers="in in in in... out | ... in out")
    assert of_muon(named, CONVOLUTION) == set(CONVOLUTION)
    shapes = {name: jnp.zeros(shape) for name, shape in CONVOLUTION.items()}
    assert hidden_two_axes(shapes) == {name: name == "dense/kernel" for name in CONVOLUTION}


@pytest.mark.exhaustive
def test_the_kernel_of_a_convolution_is_the_matrix_of_its_inputs_and_outputs():
    """The direction, its factor and its decay, against the reference on the flat kernel."""
    params, steps = parameters("float64", CONVOLUTION), gradients("float64", 5, CONVOLUTION)

    def flat(tree: Any) -> Any:
        return {"kernel": tree["conv/kernel"].reshape(18, 5)}

    everything = by_path({"": "muon"})
    tx = muon(rate, **OPTIONS, weight_decay=DECAY, param_labels=everything)
    with in_precision_of("float64"):
        ours = trajectory(tx, params, steps)[0]["conv/kernel"].reshape(5, 18, 5)
    path = [flat(params), *jordan(scaled=True, decay=DECAY)(flat(params), [flat(step) for step in steps])]
    expected = np.diff(np.stack([theta["kernel"] for theta in path]), axis=0)
    assert relative_error({"kernel": ours}, {"kernel": expected}) < 1e-11


def test_consistent_rms_stands_for_the_match_of_adamw():
    assert muon(0.1, consistent_rms=0.3) != muon(0.1, shape_scaling="match_rms_adamw")
    assert muon(0.1, consistent_rms=0.2) == muon(0.1, shape_scaling="match_rms_adamw")


def test_the_rest_holds_no_memory_in_muon():
    params = model(parameters(shapes=LEAVES))
    state = muon(0.1).init(params)
    momentum = jax.tree.leaves(state[0].inner_states["muon"].inner_state[0].mu)
    assert [leaf.shape for leaf in momentum] == [(3, 6)]
    assert len(jax.tree.leaves(state[0].inner_states["adam"].inner_state[0].mu)) == 4


def test_learns_a_rotation():
    """From its squared distance, with a rate that falls to nothing."""
    target = np.linalg.qr(np.random.default_rng(0).standard_normal((6, 6)))[0].astype(np.float32)
    params = {"kernel": jnp.zeros((6, 6))}
    tx = muon(linear_schedule(0.1, 0.0, 100))
    state = tx.init(params)

    @jax.jit
    def step(params: Any, state: Any) -> Any:
        g = jax.grad(lambda p: jnp.sum((p["kernel"] - target) ** 2))(params)
        updates, state = tx.update(g, state, params)
        return apply_updates(params, updates), state

    for _ in range(100):
        params, state = step(params, state)
    assert float(jnp.max(jnp.abs(params["kernel"] - target))) < 0.05
