"""Everything that both libraries have, over random shapes, dtypes and options."""

import inspect
from typing import Any

import jax
import numpy as np
import optax
import pytest
from hypothesis import HealthCheck, Phase, given, settings, strategies as st
from optax import contrib

import gradtx
from tests.cases import extra_arguments, takes_examples, transformation_makers
from tests.losses.cases import CASES
from tests.peers import drawing
from tests.peers.comparison import permissive
from tests.peers.drawing import DTYPES, INNER, distance, shared, wide
from tests.peers.test_differences import ROWS, listed
from tests.trajectories import in_precision_of

STEPS = 4
TOLERANCE = {"float32": 3e-5, "float64": 3e-6, "bfloat16": 2.0**-8, "float16": 2.0**-10}
"""Optax's own distance from float64 in float32, as `test_optax.py` has it, and the rounding of 16 bits."""

random = settings(
    max_examples=3,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.generate],  # each smaller example would be compiled anew
    suppress_health_check=list(HealthCheck),
)


def arguments(call: str) -> dict[str, Any]:
    """The arguments of a call to gradtx."""
    name = call.partition("(")[0]
    bind = inspect.signature(getattr(gradtx, name, None) or getattr(gradtx.losses, name)).bind_partial
    return eval(call, {**vars(gradtx), name: lambda *args, **named: bind(*args, **named).arguments})


def as_optax() -> dict[str, dict[str, Any]]:
    """For the listed optimizers that agree with Optax by other arguments, these arguments."""
    calls = [(call.partition("(")[0], arguments(call), arguments(same)) for call, _, same in ROWS if same]
    return {
        name: {key: value for key, value in same.items() if key not in given or given[key] != value}
        for name, given, same in calls
    }


AS_OPTAX = as_optax()
OTHER_NUMBERS = {code.partition("(")[0] for code in listed("Numbers")} - AS_OPTAX.keys()
DIFFERENT = OTHER_NUMBERS | {code for code in listed("Rules") if "(" not in code}
NOT_DRAWN = {code.partition("(")[0]: arguments(code).keys() for code in listed("Rules") if "(" in code}
"""Of a call in the table the arguments stay at their defaults."""


def drawn_of(ours: Any, theirs: Any) -> list[inspect.Parameter]:
    """The parameters of both libraries, without those that the table names."""
    return [one for one in shared(ours, theirs) if one.name not in NOT_DRAWN.get(ours.__name__, ())]


def of_optax(name: str) -> Any:
    return getattr(contrib, name, None) or getattr(optax, name, None)


def is_drawn(name: str, maker: Any) -> bool:
    """Whether both libraries have it, no table says that they differ, and what they require is drawn."""
    theirs = of_optax(name)
    if theirs is None or {name, f"contrib.{name}"} & DIFFERENT:
        return False
    both = shared(maker, theirs)
    asked = {one.name for side in (maker, theirs) for one in signature(side) if drawing.required(one)}
    return asked <= {one.name for one in both if not drawing.required(one) or drawing.draws(one)}


def signature(function: Any) -> list[inspect.Parameter]:
    found = inspect.signature(function).parameters.values()
    return [one for one in found if one.kind is not inspect.Parameter.VAR_KEYWORD]


MAKERS = {name: maker for name, maker in transformation_makers().items() if is_drawn(name, maker)}


def made(library: Any, maker: Any, options: dict[str, Any]) -> Any:
    inner = library.sgd(0.1, 0.9)
    return maker(**{name: inner if value is INNER else value for name, value in options.items()})


def run(tx: Any, params: Any, gradients: Any, extra: dict[str, Any]) -> Any:
    """Every update, for parameters that do not follow from the updates: errors do not add up."""

    @jax.jit
    def scanned(params: Any, gradients: Any) -> Any:
        def step(state: Any, given: Any) -> Any:
            updates, state = tx.update(given[1], state, given[0], **extra)
            return state, updates

        return jax.lax.scan(step, tx.init(jax.tree.map(first, params)), (params, gradients))[1]

    return scanned(params, gradients)


def stored_in(options: dict[str, Any]) -> list[str]:
    """The dtypes of 16 bits in which the state is stored."""
    return [value for name, value in options.items() if name.endswith("_dtype") and value is not None]


def first(leaf: Any) -> Any:
    return leaf[0]


def taken_by(tx: Any, data: st.DataObject) -> Any:
    """A tree of shapes that the transformation takes: some take matrices alone."""
    found = data.draw(drawing.trees(drawing.shapes))
    leaves = drawing.arrays(np.random.default_rng(0), found, "float32")
    try:
        jax.eval_shape(tx.init, leaves)
    except ValueError:
        return data.draw(drawing.trees(drawing.matrices))
    return found


@pytest.mark.parametrize("name", MAKERS)
@random
@given(st.data())
def test_an_update_is_optax_s(name: str, data: st.DataObject) -> None:
    ours, theirs, pinned = MAKERS[name], of_optax(name), AS_OPTAX.get(name, {})
    fields = getattr(ours, "__dataclass_fields__", {})
    options = drawing.options(data.draw, drawn_of(ours, theirs), fields)
    tx = made(gradtx, ours, options | pinned)
    other = made(optax, theirs, {key: value for key, value in options.items() if key not in pinned})
    like, dtype = taken_by(tx, data), data.draw(st.sampled_from(DTYPES))
    generator = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    with in_precision_of(dtype):
        params = drawing.arrays(generator, like, dtype, (STEPS,))
        examples = (3,) if takes_examples(tx) else ()
        gradients = drawing.arrays(generator, like, dtype, (STEPS, *examples))
        extra = extra_arguments(tx, jax.tree.map(first, params))
        got = run(tx, params, gradients, extra)
        with permissive():
            their_tx = optax.with_extra_args_support(other)
            expected = run(their_tx, wide(params), wide(gradients), wide(extra))
    assert {leaf.dtype.name for leaf in jax.tree.leaves(got)} == {dtype}
    # Optax also rounds the product of a decay and a stored average.
    tolerance = max([TOLERANCE[dtype], *(2 * TOLERANCE[each] for each in stored_in(options))])
    assert distance(got, expected) < tolerance, (tx, dtype, got, expected)


TREES = [getattr(gradtx.tree, name) for name in gradtx.tree.__all__]
FUNCTIONS = {
    f"{module.__name__.rpartition('.')[2]}.{name}": (getattr(module, name), getattr(peer, name))
    for module, peer in ((gradtx.tree, optax.tree), (gradtx.projections, optax.projections))
    for name in module.__all__
    if hasattr(peer, name) and name not in DIFFERENT
}
OF_TREES = {
    name: pair
    for name, pair in FUNCTIONS.items()
    if all(
        not drawing.required(one) or drawing.is_given(one)
        for one in signature(pair[0])
        if one.kind is not inspect.Parameter.VAR_POSITIONAL
    )
}


@pytest.mark.parametrize("name", OF_TREES)
@random
@given(st.data())
def test_a_function_of_trees_is_optax_s(name: str, data: st.DataObject) -> None:
    ours, theirs = OF_TREES[name]
    like, dtype = data.draw(drawing.trees(drawing.shapes)), data.draw(st.sampled_from(DTYPES))
    generator = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    with in_precision_of(dtype):
        options = {
            one.name: drawing.given(data.draw, one, lambda: drawing.arrays(generator, like, dtype))
            for one in shared(ours, theirs)
            if drawing.is_given(one)
        }
        got = ours(**options)
        with permissive():
            expected = theirs(**(options if ours in TREES else wide(options)))
    # Optax rounds each of some terms of size 1 to 16 bits.
    assert distance(got, expected, size=1.0) < 4 * TOLERANCE[dtype], (options, got, expected)


LOSSES = [
    name
    for name, case in CASES.items()
    if case.loss.__name__ not in DIFFERENT
    and not case.options.keys() & NOT_DRAWN.get(case.loss.__name__, ())
    and hasattr(optax.losses, case.loss.__name__)
    and case.options.keys() <= inspect.signature(getattr(optax.losses, case.loss.__name__)).parameters.keys()
]


@pytest.mark.parametrize("name", LOSSES)
@random
@given(st.data())
def test_a_loss_is_optax_s(name: str, data: st.DataObject) -> None:
    ours, theirs = CASES[name].loss, getattr(optax.losses, CASES[name].loss.__name__)
    dtype = data.draw(st.sampled_from(DTYPES))
    generator = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    with in_precision_of(dtype):
        parameters = drawn_of(ours, theirs)
        arrays, options = drawing.call_like(data.draw, generator, CASES[name], parameters, dtype)
        got = ours(*arrays, **options)
        with permissive():
            expected = theirs(*wide(arrays), **wide(options))
    assert distance(got, expected) < TOLERANCE[dtype], (arrays, options, got, expected)


def test_most_of_what_both_libraries_have_is_drawn() -> None:
    assert len(MAKERS) > 60
    assert len(OF_TREES) > 35
    assert len(LOSSES) > 25
