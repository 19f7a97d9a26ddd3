"""Inside `jax.shard_map` every case gives the shards of the whole update, or refuses a shard by name."""

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import AxisType, PartitionSpec as P

import gradtx
from gradtx import GradientTransformation
from tests.cases import CASES, as_taken, extra_arguments, make_gradients

pytestmark = pytest.mark.exhaustive

SPECS = {"kernel": P("data"), "bias": P("data"), "gain": P()}
STEPS = 2
MESH = jax.make_mesh((8,), ("data",), axis_types=(AxisType.Auto,))

every_case = pytest.mark.parametrize("name", CASES)


def make_params() -> Any:
    """Two leaves that are split, and one that every device has whole."""
    kernel = jnp.linspace(-1.0, 1.0, 16).reshape(8, 2)
    return {"kernel": kernel, "bias": jnp.linspace(1.0, 2.0, 8), "gain": jnp.full((3,), 0.25)}


def in_order(tx: GradientTransformation) -> list[GradientTransformation]:
    """A transformation and all that it contains."""
    return [tx, *(inner for part in tx.nested for inner in in_order(part))]


def over_data(tx: GradientTransformation) -> GradientTransformation:
    """`tx` with the axis "data" in every field `axis_name`."""
    nested = {name: tx.__dict__[name] for name in (field.name for field in getattr(tx, "_nested_fields", ()))}
    changed = {
        name: tuple(map(over_data, value)) if isinstance(value, tuple) else over_data(value)
        for name, value in nested.items()
    }
    return tx.with_fields(**changed, **({"axis_name": "data"} if "axis_name" in tx.__dict__ else {}))


def refuses(tx: GradientTransformation) -> bool:
    """Whether a rule needs whole leaves, and has no way to put shards together."""
    return any(not part._elementwise and "axis_name" not in part.__dict__ for part in in_order(tx))


def draws(tx: GradientTransformation) -> bool:
    """Whether a rule draws at random."""
    return any({"key", "random_seed"} & set(part.__dict__) for part in in_order(tx))


def updates_of(tx: GradientTransformation, params: Any, *gradients: Any) -> Any:
    """The update after some steps."""
    state, updates = tx.init(params), None
    for tree in gradients:
        updates, state = tx.update(as_taken(tx, tree), state, params, **extra_arguments(tx, params))
    return updates


def on_shards(tx: GradientTransformation, *trees: Any, check_vma: bool = True) -> Any:
    """`updates_of` inside `jax.shard_map`."""
    split = jax.shard_map(
        lambda *trees: updates_of(tx, *trees),
        mesh=MESH,
        in_specs=(SPECS,) * len(trees),
        out_specs=SPECS,
        check_vma=check_vma,
    )
    return jax.jit(split)(*trees)


def trees() -> list[Any]:
    params = make_params()
    return [params, *(make_gradients(params, index) for index in range(STEPS))]


def assert_close(got: Any, expected: Any) -> None:
    # Sums over shards are taken in another order.
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=2e-4, atol=1e-5), got, expected)


@every_case
def test_without_the_axis_a_shard_is_refused_by_name_or_needs_none(name: str) -> None:
    tx = CASES[name]
    needing = [type(part).__name__ for part in in_order(tx) if not part._elementwise]
    if needing:
        with pytest.raises(ValueError, match=f"(?s)({'|'.join(needing)}).*'data'"):
            on_shards(tx, *trees())
    else:
        assert_close(on_shards(tx, *trees()), jax.jit(lambda *trees: updates_of(tx, *trees))(*trees()))


@pytest.mark.parametrize("name", [name for name, tx in CASES.items() if over_data(tx) != tx])
def test_with_the_axis_shards_are_those_of_the_whole(name: str) -> None:
    tx = over_data(CASES[name])
    if refuses(tx):
        with pytest.raises(ValueError, match=r"(?s)is a shard.*check_vma=False"):
            on_shards(tx, *trees())
    elif not draws(tx):
        whole = jax.jit(lambda *trees: updates_of(CASES[name], *trees))(*trees())
        assert_close(on_shards(tx, *trees()), whole)


@pytest.mark.parametrize("name", [name for name, tx in CASES.items() if draws(tx) and not refuses(tx)])
def test_two_shards_draw_differently(name: str) -> None:
    """As two rows of the whole do: random signs, for one, are alike in a quadratic loss."""
    given = [make_params(), *[jax.tree.map(jnp.zeros_like, make_params())] * STEPS]
    whole, split = updates_of(CASES[name], *given), on_shards(over_data(CASES[name]), *given)
    rows = [len(np.unique(np.asarray(tree["kernel"]).round(6), axis=0)) for tree in (whole, split)]
    assert rows[0] == rows[1]
    if rows[0] > 1:
        assert not np.isin(np.asarray(split["gain"]), np.asarray(split["kernel"])).any()


@pytest.mark.parametrize("name", ["dpsgd", "muon", "clip_by_global_norm", "noisy_sgd"])
def test_a_leaf_that_is_whole_by_its_type_needs_no_axis(name: str) -> None:
    tx = CASES[name]
    whole = jax.shard_map(lambda *trees: updates_of(tx, *trees), mesh=MESH, in_specs=P(), out_specs=P())
    assert_close(jax.jit(whole)(*trees()), updates_of(tx, *trees()))


def test_a_leaf_counts_as_whole_where_types_are_hidden() -> None:
    tx = gradtx.chain(gradtx.clip_by_global_norm(0.1), gradtx.scale_by_muon())
    params = {"kernel": make_params()["kernel"]}
    gradients = make_gradients(params, 0)
    mean = jax.shard_map(
        lambda g: tx.update(jax.lax.pmean(g, "data"), tx.init(g))[0],
        mesh=MESH,
        in_specs=P(),
        out_specs=P(),
        check_vma=False,
    )
    assert_close(jax.jit(mean)(gradients), tx.update(gradients, tx.init(gradients))[0])


def test_where_types_are_hidden_all_leaves_count_as_split_over_a_named_axis() -> None:
    tx, (params, g, _) = gradtx.clip_by_global_norm(0.1, axis_name="data"), trees()
    split = on_shards(tx, params, g, check_vma=False)
    eight_times = {**g, "gain": jnp.tile(g["gain"], 8)}
    length = gradtx.global_norm(eight_times)
    assert_close(split, jax.tree.map(lambda leaf: leaf * 0.1 / length, g))
    assert_close(
        jax.vmap(lambda _: tx.update(g, tx.init(g))[0]["gain"], axis_size=1, axis_name="data")(None)[0],
        g["gain"] * 0.1 / gradtx.global_norm(g),
    )


@pytest.mark.parametrize(
    "make", [gradtx.dpsgd, lambda *args, **kw: gradtx.differentially_private_aggregate(*args[1:], **kw)]
)
def test_privacy_asks_where_types_are_hidden(make: Any) -> None:
    with pytest.raises(ValueError, match=r"do not show.*'data'.*axis_name=\(\)"):
        on_shards(make(0.1, 1.0, 0.0), *trees(), check_vma=False)
    whole = updates_of(make(0.1, 1.0, 0.0), *trees())
    split = [{**tree, "gain": jnp.zeros(0)} for tree in trees()]
    same = on_shards(make(0.1, 1.0, 0.0, axis_name="data"), *split, check_vma=False)
    assert_close(same, updates_of(make(0.1, 1.0, 0.0), *split))
    assert_close(on_shards(make(0.1, 1.0, 0.0, axis_name="data"), *trees()), whole)


def test_privacy_refuses_examples_that_are_split() -> None:
    tx, g = gradtx.differentially_private_aggregate(1.0, 0.0, axis_name="data"), jnp.ones((8, 3))

    def on_examples(*params: Any) -> Any:
        update = lambda g, *params: tx.update(g, tx.init(jnp.ones(3)), *params)[0]  # noqa: E731
        specs = (P("data"), *(P() for _ in params))
        return jax.shard_map(update, mesh=MESH, in_specs=specs, out_specs=P("data"))(g, *params)

    with pytest.raises(ValueError, match=r"the mesh axes \['data'\] split the gradients and not the param"):
        on_examples(jnp.ones(3))
    with pytest.raises(ValueError, match="with axis_name it needs 'params'"):
        on_examples()


def test_a_named_axis_over_which_nothing_is_split_changes_nothing() -> None:
    """Even where all leaves are whole, and no type varies."""
    tx, g = gradtx.clip_by_global_norm(0.1, axis_name="data"), {"w": jnp.arange(3.0)}
    update = jax.shard_map(lambda g: tx.update(g, tx.init(g))[0], mesh=MESH, in_specs=P(), out_specs=P())
    assert_close(jax.jit(update)(g), gradtx.clip_by_global_norm(0.1).update(g, tx.init(g))[0])


@pytest.mark.parametrize(
    "skips", [gradtx.skip_not_finite, partial(gradtx.skip_large_updates, max_squared_norm=1.0)]
)
def test_a_function_that_skips_a_shard_is_refused(skips: Any) -> None:
    with pytest.raises(ValueError, match=r"skip_.* varies over the mesh axis 'data'"):
        on_shards(gradtx.accumulate(gradtx.sgd(0.1), 1, should_skip_update_fn=skips), *trees())


def test_init_refuses_a_shard_too() -> None:
    """A shard may be too short to be factored, where the leaf is not."""
    tx, params = gradtx.scale_by_factored_rms(min_dim_size_to_factor=2), {"w": jnp.ones((8, 8))}
    init = jax.shard_map(tx.init, mesh=MESH, in_specs=P("data"), out_specs=P())
    with pytest.raises(
        ValueError, match=r"scale_by_factored_rms: in the params the leaf at \['w'\] .*'data'"
    ):
        init(params)


def test_an_elementwise_rule_of_a_user_passes_and_one_with_whole_trees_does_not() -> None:
    class halve(gradtx.Rule):
        def leaf(self, g: Any) -> Any:
            return g / 2

    class center(gradtx.Rule, elementwise=False):
        def leaf(self, g: Any) -> Any:
            return g - jnp.mean(g)

    class at_length_one(gradtx.Rule):
        class Once(NamedTuple):
            length: Any

        def once(self, updates: Any) -> Any:
            return self.Once(gradtx.global_norm(updates))

        def leaf(self, once: Any, g: Any) -> Any:
            return g / once.length

    assert_close(on_shards(halve(), *trees()), updates_of(halve(), *trees()))
    for rule in (center(), at_length_one()):
        with pytest.raises(ValueError, match=f"(?s){type(rule).__name__}: .*Update outside"):
            on_shards(rule, *trees())
