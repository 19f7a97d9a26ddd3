"""The page for users of PyTorch: both calls of each row make the same numbers, step by step."""

import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import gradtx
from tests.peers.comparison import permissive
from tests.peers.pytorch import as_model, transposed, updates_of, values_of
from tests.trajectories import Tree, gradients, in_precision_of, parameters, relative_error, stacked

torch = pytest.importorskip("torch")
optim = torch.optim

PAGE = Path(__file__).parents[2] / "docs" / "from_pytorch.md"
SHAPES = {"kernel": (4, 3), "bias": (3,)}
OTHER_SHAPES = {
    "Adafactor": {"kernel": (2, 6, 3, 5), "stack": (6, 5, 2), "vector": (7,), "scalar": ()},
    "Muon": {"kernel": (4, 3), "wide": (3, 5)},
}
STEPS = 24
# Both compute in double precision; what is left are a few roundings in a different order.
SAME = 1e-12
ROUNDED = {"ASGD": 1e-6, "NAdam": 1e-7, "Muon": 1e-11}
"""Optimizers whose rate or product of momenta PyTorch keeps in float32, and one that grows its roundings."""
OWN_RATE = {"ASGD", "Adafactor", "Rprop"}
"""Optimizers of PyTorch in which the learning rate is no factor of the update."""

CELL = re.compile(r"(?<!\\)\|")
GRADTX = {name: getattr(gradtx, name) for name in gradtx.__all__} | {"jnp": jnp}


@pytest.fixture(autouse=True)
def _in_double_precision() -> Iterator[None]:
    with in_precision_of("float64"), permissive():
        yield


def rows(section: str) -> dict[str, list[str]]:
    """The calls of gradtx beside each call of PyTorch in the table of a section."""
    text = PAGE.read_text().partition(f"\n## {section}\n")[2].partition("\n## ")[0]
    cells = [CELL.split(line) for line in text.splitlines() if line.startswith("| `")]
    return {codes(row[1])[0]: codes(row[2]) for row in cells}


def codes(cell: str) -> list[str]:
    return re.findall("`([^`]+)`", cell)


def name_of(call: str) -> str:
    return call.partition("(")[0]


def ours(call: str) -> Any:
    return eval(call, dict(GRADTX))


def theirs(call: str, model: Any = None, **names: Any) -> Any:
    """The value of a call of PyTorch with the names that the page uses."""
    scope = vars(optim) | vars(optim.lr_scheduler) | vars(optim.swa_utils) | vars(torch.nn.utils)
    if model is not None:
        bias = [param for name, param in model.items() if name == "bias"]
        weights = [param for name, param in model.items() if name != "bias"]
        names |= {"model": model, "params": list(model.values()), "weights": weights, "biases": bias}
    return eval(call, scope | {"GradScaler": torch.amp.GradScaler} | names)


def falling(count: Any) -> Any:
    """A factor of the learning rate."""
    return 1.0 / (1.0 + 0.3 * count)


def problem(shapes: Any = SHAPES, size: float = 1.0) -> tuple[Tree, list[Tree]]:
    steps = gradients("float64", STEPS, shapes)
    return parameters("float64", shapes), [{name: size * g for name, g in step.items()} for step in steps]


@jax.jit
def update(tx: Any, gradient: Tree, state: Any, params: Tree, extra: Any) -> Any:
    updates, state = tx.update(gradient, state, params, **extra)
    return updates, state, gradtx.apply_updates(params, updates)


def ours_run(tx: Any, params: Tree, steps: list[Tree], factor: Any = None, **extra: Any) -> Any:
    """The updates of gradtx, and the average or the parameters; `factor` changes the learning rate."""
    state, found = tx.init(params), []
    rate = gradtx.hyperparams(tx, state)["learning_rate"] if factor else None
    for t, gradient in enumerate(steps):
        now = gradtx.replace(tx, learning_rate=rate * factor(t)) if factor else tx
        given = {name: values[t] for name, values in extra.items()}
        updates, state, params = update(now, gradient, state, params, given)
        found.append(updates)
    return stacked(found), jax.tree.map(np.asarray, gradtx.eval_params(tx, state, params))


OPTIMIZERS = {call: same[0] for call, same in rows("Optimizers").items() if call != "LBFGS(params)"}


@pytest.mark.parametrize(("call", "same"), OPTIMIZERS.items(), ids=OPTIMIZERS)
def test_optimizer(call: str, same: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a learning rate that falls, if it is a factor; without the rounding of Muon to bfloat16."""
    name = name_of(call)
    monkeypatch.setattr(torch.Tensor, "bfloat16", lambda tensor: tensor.clone())
    params, steps = problem(OTHER_SHAPES.get(name, SHAPES))
    model = as_model(params)
    optimizer = theirs(call, model)
    factor = None if name in OWN_RATE or "lr_decay" in call else falling
    scheduler = optim.lr_scheduler.LambdaLR(optimizer, factor or (lambda count: 1.0))

    def step(t: int) -> None:
        if name == "SparseAdam":
            for param in model.values():
                param.grad = param.grad.to_sparse()
        optimizer.step()
        scheduler.step()

    expected = updates_of(model, steps, step)
    updates, point = ours_run(ours(same), params, steps, factor)
    assert relative_error(updates, expected) < ROUNDED.get(name, SAME)
    if name == "ASGD":
        averages = {key: transposed(optimizer.state[param]["ax"].numpy()) for key, param in model.items()}
        assert relative_error(point, averages) < ROUNDED[name]


@pytest.mark.parametrize("name", sorted({name_of(call) for call in OPTIMIZERS}))
def test_the_first_call_of_an_optimizer_has_its_defaults(name: str) -> None:
    call = next(call for call in OPTIMIZERS if name_of(call) == name)
    defaults = {
        key: parameter.default
        for key, parameter in inspect.signature(getattr(optim, name)).parameters.items()
        if key != "params" and parameter.default not in (None, False, 0)
    }
    assert eval(call, {name: lambda params, **given: given, "params": None}) == defaults


def test_the_page_has_every_optimizer_and_scheduler() -> None:
    optimizers, schedulers = (
        {name_of(call) for call in rows(name)} for name in ("Optimizers", "Learning rates")
    )
    assert optimizers == {name for name in optim.__all__ if name[0].isupper()} - {"Optimizer"}
    assert schedulers == {*optim.lr_scheduler.__all__} - {"LRScheduler"}


RATES = {call: same for call, same in rows("Learning rates").items() if "Plateau" not in call}


@pytest.mark.parametrize(("call", "same"), RATES.items(), ids=RATES)
def test_learning_rate(call: str, same: list[str]) -> None:
    """The rate of 60 updates, and the momentum where it has a schedule."""
    optimizer = optim.SGD([torch.zeros(1)], lr=0.1, momentum=0.9)
    scheduler = theirs(call, optimizer=optimizer)
    groups = []
    for t in range(60):
        if t:
            optimizer.step()
            scheduler.step()
        groups.append({**optimizer.param_groups[0]})
    for key, schedule in zip(("lr", "momentum"), same, strict=False):
        np.testing.assert_allclose(
            ours(schedule)(np.arange(60)), [group[key] for group in groups], rtol=1e-12
        )


PLATEAUS = {call: same[0] for call, same in rows("Learning rates").items() if "Plateau" in call}


@pytest.mark.parametrize(("call", "same"), PLATEAUS.items(), ids=PLATEAUS)
def test_plateau(call: str, same: str) -> None:
    values = 2.0 * np.exp(-np.arange(100) / 30.0) + 0.3 * np.random.default_rng(5).random(100)
    optimizer = optim.SGD([torch.zeros(1)], lr=0.1)
    scheduler, expected = theirs(call, optimizer=optimizer), []
    for value in values:
        scheduler.step(value)
        expected.append(optimizer.param_groups[0]["lr"] / 0.1)
    scales, _ = ours_run(ours(same), {"p": np.ones(())}, [{"p": np.ones(())}] * 100, value=values)
    np.testing.assert_allclose(scales["p"], expected, rtol=1e-12)
    assert len({*expected}) > 3


STEP = {call: same[0] for call, same in rows("Steps").items()}
GROUPS = {call: same for call, same in STEP.items() if name_of(call) in optim.__all__}
CLIPS = {call: same for call, same in STEP.items() if name_of(call).startswith("clip")}
AVERAGES = {call: same for call, same in STEP.items() if name_of(call) == "AveragedModel"}
SCALER, ACCUMULATION = 'GradScaler("cpu", init_scale=1024.0, growth_interval=3)', "(loss / 4).backward()"


def test_each_row_is_in_a_test() -> None:
    assert {*GROUPS, *CLIPS, *AVERAGES, SCALER, ACCUMULATION} == {*STEP}


@pytest.mark.parametrize(("call", "same"), GROUPS.items(), ids=GROUPS)
def test_groups(call: str, same: str) -> None:
    params, steps = problem()
    model = as_model(params)
    optimizer = theirs(call, model)
    expected = updates_of(model, steps, lambda t: optimizer.step())
    updates, _ = ours_run(ours(same), params, steps)
    for name in params:
        np.testing.assert_allclose(updates[name], expected[name], atol=1e-14)


@pytest.mark.parametrize(("call", "same"), CLIPS.items(), ids=CLIPS)
@pytest.mark.parametrize("size", [0.05, 3.0])
def test_clips(call: str, same: str, size: float) -> None:
    """Within 1e-6 for the number in PyTorch's denominator."""
    params, steps = problem(size=size)
    model = as_model(params)
    optimizer = optim.SGD(model.values(), lr=0.1)

    def step(t: int) -> None:
        theirs(call, model)
        optimizer.step()

    updates, _ = ours_run(ours(same), params, steps)
    assert relative_error(updates, updates_of(model, steps, step)) < 1e-6


@pytest.mark.parametrize(("call", "same"), AVERAGES.items(), ids=AVERAGES)
def test_averages(call: str, same: str) -> None:
    params, steps = problem()
    model = as_model(params)
    optimizer, average = optim.SGD(model.values(), lr=0.1), theirs(call, model)

    def step(t: int) -> None:
        optimizer.step()
        average.update_parameters(model)

    updates_of(model, steps, step)
    _, point = ours_run(ours(same), params, steps)
    assert relative_error(point, values_of(average.module)) < SAME


def test_scaler() -> None:
    """Every fifth gradient overflows; the scale rises after three that do not."""
    params, steps = problem()
    steps = [
        {name: g * (np.inf if t % 5 == 4 else 1.0) for name, g in step.items()}
        for t, step in enumerate(steps)
    ]
    model, scaler = as_model(params), theirs(SCALER)
    optimizer, tx = optim.SGD(model.values(), lr=0.1), ours(STEP[SCALER])
    state = tx.init(params)
    for gradient in steps:
        scale = float(gradtx.tree.get(state, "loss_scale"))
        assert scale == scaler.get_scale()
        scaled = {name: scale * g for name, g in gradient.items()}
        for name, param in model.items():
            param.grad = torch.tensor(transposed(scaled[name]))
        scaler.scale(torch.zeros(1))  # makes the scale, which `step` needs
        scaler.step(optimizer)
        scaler.update()
        updates, state = tx.update(scaled, state, params)
        params = gradtx.apply_updates(params, updates)
        assert relative_error(jax.tree.map(np.asarray, params), values_of(model)) < SAME


def test_accumulation() -> None:
    params, steps = problem()
    model = as_model(params)
    optimizer = optim.SGD(model.values(), lr=0.1)
    means = [
        {name: sum(g[name] / 4 for g in steps[i : i + 4]) for name in params} for i in range(0, STEPS, 4)
    ]
    expected = updates_of(model, means, lambda t: optimizer.step())
    updates, _ = ours_run(ours(STEP[ACCUMULATION]), params, steps)
    assert relative_error({name: u[3::4] for name, u in updates.items()}, expected) < SAME
    assert all(not u[i::4].any() for u in updates.values() for i in range(3))
