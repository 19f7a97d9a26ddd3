"""Factors of muP: by kind of leaf, as a transformation, and with rates that stay from width to width."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import gradtx
from gradtx.practice import coordinate_check, sweep, train, width_scaling

SIZES = {"in": (16, None), "mid": (None, None), "top": (None, None), "out": (None, 4)}


def init(width: int, key: Any) -> Any:
    """A network of four layers with the initialization of He."""
    layers: dict[str, Any] = {}
    for own, (name, size) in zip(jax.random.split(key, 4), SIZES.items(), strict=True):
        m, n = (width if axis is None else axis for axis in size)
        deviation = (1 if name == "out" else 2) ** 0.5 / m**0.5
        layers[name] = {"kernel": deviation * jax.random.normal(own, (m, n)), "bias": jnp.zeros(n)}
    return layers


def forward(params: Any, x: Any) -> tuple[Any, dict[str, Any]]:
    found: dict[str, Any] = {}
    for name in SIZES:
        before = x if name == "in" else jax.nn.relu(x)
        x = found[name] = before @ params[name]["kernel"] + params[name]["bias"][None]
    return x, found


X = jax.random.normal(jax.random.key(1), (100, 32, 16))
Y = jax.vmap(lambda x: forward(init(24, jax.random.key(99)), x)[0])(X)


def loss_fn(params: Any, batch: Any) -> Any:
    x, y = batch
    out, found = forward(params, x)
    return jnp.mean((out - y) ** 2), found


def shapes(width: int) -> Any:
    return jax.eval_shape(lambda: init(width, jax.random.key(0)))


# Yang et al. (2022), table 3, at four times the base width: rates of the kernels and biases of the input, of
# the hidden layers and of the output.
TABLE_3 = {
    "adam": {"in": (1, 1), "mid": (1 / 4, 1), "out": (1 / 4, 1)},
    "sgd": {"in": (4, 4), "mid": (1, 4), "out": (1 / 4, 1)},
    "muon": {"in": (1, 1), "mid": (1, 1), "out": (1 / 4, 1)},
}


@pytest.mark.parametrize("rule", TABLE_3)
def test_the_factors_are_those_of_table_3(rule: str) -> None:
    found = width_scaling(shapes(64), shapes(16), rule).leaves
    for name, rates in TABLE_3[rule].items():
        assert (found[f"{name}/kernel"].rate, found[f"{name}/bias"].rate) == rates
    kinds = [found[f"{name}/kernel"].kind for name in SIZES]
    assert kinds == ["input", "hidden", "hidden", "output"]
    assert found["out/bias"].kind == "fixed"
    assert [found[f"{name}/kernel"].init for name in SIZES] == [1, 1, 1, 0.5]  # table 3: variance 1 / n^2


def test_the_inputs_of_a_convolution_are_all_axes_but_the_last() -> None:
    wide, base = ({"conv": jax.ShapeDtypeStruct((3, 3, m, n), "float32")} for m, n in ((64, 32), (16, 16)))
    own = width_scaling(wide, base, "sgd").leaves["conv"]
    assert (own.kind, own.rate) == ("hidden", 2 / 4)
    assert width_scaling(wide, base, "muon").leaves["conv"].rate == pytest.approx(0.5**0.5)


def test_an_axis_for_stacked_inputs_grows_the_inputs() -> None:
    wide, base = ({"kernel": jnp.ones((axes, 8, 16))} for axes in (4, 2))
    assert width_scaling(wide, base).leaves["kernel"].rate == 0.5


@pytest.mark.exhaustive
def test_the_transformation_multiplies_each_leaf_by_its_factor() -> None:
    scaling = width_scaling(shapes(64), shapes(16))
    params = init(64, jax.random.key(0))
    ones = jax.tree.map(jnp.ones_like, params)
    tx = scaling.scale()
    updates, _ = tx.update(ones, tx.init(params), params)
    for name in SIZES:
        assert set(np.unique(updates[name]["kernel"])) == {scaling.leaves[f"{name}/kernel"].rate}
        assert set(np.unique(updates[name]["bias"])) == {1.0}
    assert len(scaling.multipliers()) == 2


def test_layers_share_a_pattern_unless_their_factors_differ() -> None:
    def tree(width: int, last: int) -> Any:
        blocks = [{"w": jnp.ones((width, width))}] * 2 + [{"w": jnp.ones((last, 8))}]
        return {"blocks": blocks, "embed": jnp.ones((8, width))}

    assert width_scaling(tree(64, 64)["blocks"][:2], tree(16, 16)["blocks"][:2]).multipliers() == {
        "^([0-9]+/w)$": 0.25
    }
    found = width_scaling(tree(64, 16), tree(16, 16)).multipliers()
    assert found == {"^(blocks/0/w|blocks/1/w)$": 0.25, "^(blocks/2/w|embed)$": 1.0}


def test_the_first_values_of_the_output_are_smaller() -> None:
    params = init(64, jax.random.key(0))
    scaled = width_scaling(params, shapes(16)).initialized(params)
    np.testing.assert_allclose(scaled["out"]["kernel"], params["out"]["kernel"] / 2)
    np.testing.assert_array_equal(scaled["mid"]["kernel"], params["mid"]["kernel"])


def model(width: int, rule: str, make: Any, scaled: bool) -> tuple[Any, Any]:
    """The initial parameters as a function, and the optimizer as one of the rate."""
    scaling = width_scaling(shapes(width), shapes(32), rule)
    if not scaled:
        return (lambda key: init(width, key)), make
    return (
        lambda key: scaling.initialized(init(width, key)),
        lambda learning_rate: gradtx.chain(make(learning_rate), scaling.scale()),
    )


def best(width: int, rule: str, make: Any, center: float, scaled: bool) -> int:
    """The exponent of 2 of the best rate over a center."""
    begin, made = model(width, rule, make, scaled)
    exponents = list(range(-5, 4))
    swept = sweep(made, learning_rate=[center * 2.0**power for power in exponents])
    history = train(lambda *args: loss_fn(*args)[0], begin, swept, (X, Y), steps=100, seeds=2).history
    losses = np.asarray(history["loss"][..., -20:]).mean((-1, -2))
    return exponents[int(np.nanargmin(losses))]


@pytest.mark.exhaustive
@pytest.mark.parametrize(
    ("rule", "make", "center"), [("adam", gradtx.adam, 1e-2), ("sgd", gradtx.sgd, 0.2)], ids=["adam", "sgd"]
)
def test_the_best_rate_stays_with_the_factors_and_moves_without(rule: str, make: Any, center: float) -> None:
    narrow = best(32, rule, make, center, scaled=False)
    assert abs(best(256, rule, make, center, scaled=True) - narrow) <= 1
    assert best(256, rule, make, center, scaled=False) <= narrow - 2


def checked(scaled: bool, widths: Any, seeds: int) -> Any:
    def made(width: int) -> Any:
        begin, optimizer = model(width, "adam", gradtx.adam, scaled)
        return loss_fn, begin, optimizer(1e-3), (X, Y)

    return coordinate_check(made, widths, seeds=seeds)


@pytest.mark.exhaustive
def test_activations_move_alike_with_the_factors() -> None:
    scaled, plain = (checked(kind, (32, 256), 6) for kind in (True, False))
    assert max(scaled.spread.values()) < 1.5
    assert plain.spread["out"] > 2
    assert list(scaled.spread) == sorted(SIZES)


@pytest.mark.exhaustive
def test_the_change_is_that_of_a_training_by_hand() -> None:
    x, tx = jax.random.normal(jax.random.key(5), (3, 8, 4)), gradtx.sgd(0.1)

    def loss(w: Any, x: Any) -> Any:
        return jnp.mean((x @ w) ** 2), {"out": x @ w}

    def begin(key: Any) -> Any:
        return jax.random.normal(key, (4, 2))

    found = coordinate_check(lambda width: (loss, begin, tx, x), (4, 4), steps=3, seeds=2)
    squares: list[Any] = []
    for seed in range(2):
        w = begin(jax.random.key(seed))
        moved = train(loss, begin, tx, x, steps=3, seeds=[seed]).params[0] - w
        squares.append(np.mean(np.square(x[0] @ moved)))
    np.testing.assert_allclose(found.changes["out"], np.mean(squares) ** 0.5, rtol=1e-5)
    assert found.spread == {"out": 1.0}
    assert found.table().columns == ("layer", "4", "4", "spread")
    assert "<table>" in found._repr_html_()


@pytest.mark.exhaustive
def test_bad_input_is_refused() -> None:
    with pytest.raises(ValueError, match=r"no rule is named 'adm'. Did you mean 'adam'"):
        width_scaling(shapes(8), shapes(8), "adm")
    with pytest.raises(ValueError, match="trees of two structures"):
        width_scaling(shapes(8), {"a": 1.0})
    with pytest.raises(ValueError, match=r"w has the shape \(2, 2\), and in base_shapes \(2,\)"):
        width_scaling({"w": jnp.ones((2, 2))}, {"w": jnp.ones(2)})
    with pytest.raises(ValueError, match="two widths or more"):
        checked(True, (8,), 1)
    with pytest.raises(ValueError, match=r"the loss returns \(loss, activations\)"):
        coordinate_check(
            lambda width: (lambda p, b: jnp.sum(p) + b, jnp.ones(width), gradtx.sgd(0.1), jnp.ones(2)), (2, 4)
        )
