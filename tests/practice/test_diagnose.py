"""Diagnoses: each finding on series that show it and on others that almost do, its edit, and trainings."""

import pickle
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import gradtx
from benchmarks import diagnosis
from benchmarks.clinic import OPTIMIZERS, TASKS
from benchmarks.faults import FAULTS
from gradtx.core import Finding, Findings
from gradtx.practice import History, diagnose, train, vitals
from tests.practice.regression import PARAMS, batches, loss_fn

STEPS = 100


def healthy(**other: Any) -> dict[str, Any]:
    """The series of a good training of two groups; others in the place of some, or beside them."""
    random = np.random.default_rng(0)
    steps = np.arange(STEPS)
    series: dict[str, Any] = {"loss": 0.5 + 2 * np.exp(-steps / 15) + 0.02 * random.standard_normal(STEPS)}
    for group in ("body", "head"):
        series |= {
            f"gradient_norm.{group}": 1 + 0.1 * random.random(STEPS),
            f"update_norm.{group}": np.minimum(steps / 10, 1.0) * 0.01,
            f"param_norm.{group}": np.full(STEPS, 2.0),
            f"update_cosine.{group}": np.full(STEPS, 0.8),
            f"gradient_cosine.{group}": np.full(STEPS, 0.2),
            f"square_ratio.{group}": np.ones(STEPS),
            f"idle_share.{group}": np.full(STEPS, 0.1),
        }
    return {**series, "not_finite": np.full(STEPS, -1), **other}


def of(series: dict[str, Any], **arguments: Any) -> Findings:
    every = {"validation": STEPS // len(series["validation"])} if "validation" in series else {}
    return diagnose(History({k: jnp.asarray(v) for k, v in series.items()}, every=every), **arguments)


def both(name: str, values: Any) -> dict[str, Any]:
    return {f"{name}.{group}": np.broadcast_to(values, STEPS) for group in ("body", "head")}


def changed(name: str, at: Any, value: Any) -> dict[str, Any]:
    series = np.array(healthy()[name], float)
    series[at] = value
    return {name: series}


STILL = 2.0 + 0.01 * np.random.default_rng(1).standard_normal(STEPS)
FALLING = np.linspace(2.0, 1.9, STEPS)
DROP = np.where(np.arange(STEPS) < 40, 100.0, 1.0)
EARLY = np.where(np.arange(STEPS) < 8, 1.0, 0.01)

SICK: dict[str, tuple[str, dict[str, Any], dict[str, Any]]] = {
    "a NaN": ("not-finite", changed("loss", 50, np.nan), changed("loss", 50, 0.6)),
    "an infinite gradient": ("not-finite", changed("gradient_norm.body", 50, np.inf), {}),
    "a long step": ("rate-too-high", both("update_norm", 0.3), both("update_norm", 0.17)),
    "a long step while the loss rises": (
        "rate-too-high",
        both("update_norm", 0.1) | {"loss": np.linspace(2, 3, STEPS)},
        both("update_norm", 0.1) | {"loss": np.linspace(2, 2.05, STEPS)},
    ),
    "a loss that rises": (
        "rate-too-high",
        {"loss": np.linspace(1, 4, STEPS)},
        {"loss": np.linspace(1, 1.9, STEPS)},
    ),
    "long first steps": ("no-warmup", both("update_norm", EARLY), both("update_norm", EARLY / 10)),
    "turns": (
        "oscillation",
        both("update_cosine", -0.5) | both("update_norm", 0.1) | {"loss": STILL},
        both("update_cosine", -0.5) | both("update_norm", 0.07) | {"loss": STILL},
    ),
    "little travel": (
        "rate-too-low",
        both("update_norm", 0.002) | {"loss": FALLING},
        both("update_norm", 0.008) | {"loss": FALLING},
    ),
    "a spike": (
        "exploding-batches",
        changed("gradient_norm.body", 60, 50.0),
        changed("gradient_norm.body", 60, 8.0),
    ),
    "a spike that harms": (
        "exploding-batches",
        changed("gradient_norm.body", 60, 50.0) | changed("loss", slice(60, 80), 9.0),
        changed("loss", slice(60, 80), 4.0),
    ),
    "no update": (
        "frozen-group",
        {"update_norm.head": np.zeros(STEPS)},
        {"update_norm.head": np.eye(STEPS)[80] / 100},
    ),
    "no gradient": (
        "dead-group",
        {"idle_share.head": np.ones(STEPS)},
        {"idle_share.head": np.full(STEPS, 0.9)},
    ),
    "no move": ("stuck-in-16-bits", both("unmoved_share", 0.8), both("unmoved_share", 0.3)),
    "an old average": (
        "slow-second-moment",
        both("gradient_norm", DROP) | both("square_ratio", np.where(DROP > 1, 1.0, 1e-4)),
        both("gradient_norm", DROP) | both("square_ratio", 0.5),
    ),
    "a validation that rises": (
        "overfit",
        {"validation": np.array([2.0, 1.0, 0.8, 0.9, 1.0, 1.1, 1.2, 1.3, 1.4, 1.5])},
        {"validation": np.array([2.0, 1.0, 0.8, 0.9, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0])},
    ),
    "no signal": (
        "shuffled-labels",
        both("gradient_cosine", 0.0) | {"loss": STILL},
        both("gradient_cosine", 0.2) | {"loss": STILL},
    ),
    "noise alone": (
        "noise-bound",
        both("gradient_cosine", 0.0) | {"loss": 2 + 30 * (STILL - 2)},
        both("gradient_cosine", 0.2) | {"loss": 2 + 30 * (STILL - 2)},
    ),
    "scales that shrink": (
        "decay-on-norms",
        {"scale_rms": np.linspace(1.0, 0.5, STEPS)},
        {"scale_rms": np.linspace(1.0, 0.7, STEPS)},
    ),
}
"""A name of a finding, the series that show it, and series that almost do."""


@pytest.mark.parametrize("case", SICK)
def test_a_fault_shows_and_what_is_almost_one_does_not(case: str) -> None:
    name, sick, well = SICK[case]
    assert [finding.name for finding in of(healthy(**sick))][:1] == [name]
    assert name not in [finding.name for finding in of(healthy(**well))]


def test_a_good_training_has_no_findings() -> None:
    assert of(healthy()) == Findings()
    assert str(of(healthy())) == "no findings"
    assert of({"loss": healthy()["loss"]}) == ()


def test_weights_that_begin_at_zero_and_a_high_first_loss_are_no_faults() -> None:
    growing = both("param_norm", np.linspace(0, 2, STEPS)) | both("update_norm", 2 / STEPS)
    assert of(healthy(**growing)) == ()
    assert of(healthy(**changed("loss", 0, 12.0))) == ()


def test_noise_is_no_low_rate_and_a_late_long_step_no_missing_warmup() -> None:
    slow = both("update_norm", 0.002) | {"loss": FALLING}
    assert "rate-too-low" not in [f.name for f in of(healthy(**slow, **both("gradient_cosine", 0.0)))]
    steps = np.arange(STEPS)
    late = both("update_norm", np.where((steps >= 30) & (steps < 40), 1.0, 0.01))
    assert [f.name for f in of(healthy(**late))][:1] == ["rate-too-high"]


def test_a_small_group_that_turns_is_no_oscillation() -> None:
    """The cosine of the whole update is nearly that of the long updates."""
    turns = {"update_cosine.head": np.full(STEPS, -1.0), "update_norm.body": np.full(STEPS, 0.2)}
    still = turns | {"update_cosine.body": np.full(STEPS, 0.0), "loss": STILL}
    assert "oscillation" not in [finding.name for finding in of(healthy(**still))]
    turned = {"update_cosine.body": np.full(STEPS, -0.6), "update_cosine.head": np.full(STEPS, 0.8)}
    assert of(healthy(**still | turned))[0].name == "oscillation"


def test_a_loss_that_comes_back_under_steps_as_long_has_risen_by_noise() -> None:
    long, steps = both("update_norm", 0.1), np.arange(STEPS)
    bump = {"loss": np.where((steps >= 40) & (steps < 70), 2.4, 2.0)}
    assert "rate-too-high" not in [finding.name for finding in of(healthy(**long, **bump))]
    shorter = both("update_norm", np.where(steps < 70, 0.1, 0.05))
    assert of(healthy(**shorter, **bump))[0].name == "rate-too-high"


def test_a_dictionary_is_no_history() -> None:
    with pytest.raises(TypeError, match=r"takes a History, as in History\(\{'loss': losses\}\), got"):
        diagnose({"loss": [2.0, 1.0]})  # pyright: ignore[reportArgumentType] - the mistake


def test_a_finding_prints_renders_compares_and_pickles() -> None:
    findings = of(healthy(**SICK["a long step"][1]))
    assert isinstance(findings, Findings)
    first = str(findings).splitlines()
    assert first[0].startswith("rate-too-high: a step moves the weights by 15% of their norm")
    assert [line.split(":")[0].strip() for line in first[1:4]] == ["cause", "evidence", "remedy"]
    html = findings._repr_html_()
    assert all(
        text in html for text in ("<b>rate-too-high</b>", "evidence: update_ratio: 0.15", "remedy: Multiply")
    )
    assert findings == of(healthy(**SICK["a long step"][1]))
    assert pickle.loads(pickle.dumps(findings)) == findings
    assert str(Finding("a", "", "b.", "c.")) == "a: b. c."


TX = gradtx.chain(gradtx.scale_by_adam(), gradtx.add_decayed_weights(0.1), gradtx.scale_by_learning_rate(0.1))


def edit(case: str, tx: Any = TX) -> Any:
    name, sick, _ = SICK[case]
    (finding, *_) = (found for found in of(healthy(**sick)) if found.name == name)
    return finding.apply(tx)


def test_the_edits() -> None:
    """The remedy of each finding, as the optimizer that it makes."""
    assert isinstance(edit("a NaN"), gradtx.guard)
    assert edit("a long step") == gradtx.replace(TX, learning_rate=0.0133)
    assert edit("turns") == gradtx.replace(TX, learning_rate=0.05)
    assert edit("little travel") == gradtx.replace(TX, learning_rate=1.0)
    assert edit("a spike") == gradtx.chain(gradtx.clip_by_global_norm(4.5), TX)
    assert edit("no move") == gradtx.round_stochastically(TX)
    assert edit("an old average") == gradtx.replace(TX, b2=0.99)
    assert edit("a validation that rises") == gradtx.replace(TX, weight_decay=1.0)
    assert edit("a validation that rises", gradtx.sgd(0.1)) == gradtx.average_params(
        gradtx.sgd(0.1), decay=0.99
    )
    assert edit("noise alone") == gradtx.accumulate(TX, 16)
    masked = gradtx.replace(TX, mask=gradtx.except_bias_norm_embedding)
    assert edit("scales that shrink") == masked


@pytest.mark.parametrize("rate", [0.1, gradtx.cosine_decay_schedule(0.1, 100)], ids=["number", "schedule"])
def test_a_warmup_stands_before_the_rate(rate: Any) -> None:
    tx = edit("long first steps", gradtx.adam(rate))
    (_, held) = next(
        (p, x) for p, x in gradtx.core.fields_of(tx) if gradtx.tree.is_called(p, "learning_rate")
    )
    expected = 0.1 if rate == 0.1 else float(rate(20))
    np.testing.assert_allclose([held(0), held(5), held(10), held(30)], [0, 0.05, 0.1, expected], rtol=1e-5)


def test_a_frozen_group_thaws() -> None:
    freezing = gradtx.chain(gradtx.sgd(0.1), gradtx.freeze({"head": True, "body": False}))
    labels = gradtx.by_path({"head": "still", "": "moves"})
    parted = gradtx.partition({"moves": gradtx.sgd(0.1), "still": gradtx.set_to_zero()}, labels)
    for tx in (freezing, parted):
        new, params = edit("no update", tx), {"head": jnp.ones(1), "body": jnp.ones(1)}
        updates, _ = new.update(params, new.init(params), params)
        np.testing.assert_allclose(jax.tree.leaves(updates), [[-0.1], [-0.1]])
    with pytest.raises(ValueError, match="has no part that this remedy changes"):
        edit("no update", gradtx.sgd(0.1))


def test_a_fault_of_the_data_has_no_edit() -> None:
    with pytest.raises(
        ValueError, match=r"shuffled-labels: this remedy is no change of the optimizer\. Look at"
    ):
        edit("no signal")


LAYERS = {
    "dense": {"kernel": jnp.ones((2, 2)), "bias": jnp.ones(2)},
    "norm": {"scale": jnp.ones(2)},
    "out": jnp.ones((2, 2)),
}


@pytest.mark.parametrize(
    ("mask", "decay", "expected"),
    [
        (gradtx.except_bias_norm_embedding, 0.5, []),
        (None, 0.5, ["decay-on-norms"]),
        (None, 0.001, []),
        (gradtx.by_path({"out|norm|bias": False, "": True}), 0.5, ["wrong-mask"]),
        (gradtx.by_path({"kernel|out": False, "": True}), 0.5, ["wrong-mask"]),
        (gradtx.by_path({"": False}), 0.5, []),
    ],
    ids=["usual", "none", "weak", "one left out", "inverted", "no leaf"],
)
def test_masks_of_the_decay(mask: Any, decay: float, expected: list[str]) -> None:
    for rate in (0.1, gradtx.constant_schedule(0.1)):
        tx = gradtx.adamw(rate, weight_decay=decay, mask=mask)
        findings = of(healthy(scale_rms=np.ones(STEPS)), tx=tx, params=LAYERS)
        assert [finding.name for finding in findings] == expected
        for finding in findings:
            mended = of(healthy(scale_rms=np.ones(STEPS)), tx=finding.apply(tx), params=LAYERS)
            assert mended == ()


def test_the_cause_comes_before_what_follows() -> None:
    loss = np.where(np.arange(STEPS) < 80, np.linspace(1, 5, STEPS), np.nan)
    assert [finding.name for finding in of(healthy(loss=loss))][:2] == ["rate-too-high", "not-finite"]


@pytest.mark.parametrize("steps", [1, 2, 5, 19, 31, 60])
def test_histories_of_any_length(steps: int) -> None:
    """Also of no finite step, and up to every step."""
    series = healthy(**SICK["scales that shrink"][1], **SICK["no move"][1])
    assert not {"not-finite", "rate-too-high"} & {
        f.name for f in of({k: x[:steps] for k, x in series.items()})
    }
    nothing = {k: np.full(steps, np.nan) for k in series if k not in ("not_finite", "validation")}
    (finding,) = of(nothing)
    assert (finding.name, dict(finding.evidence)["loss"]) == ("not-finite", "from the first step")


def test_bad_input() -> None:
    with pytest.raises(ValueError, match=r"members of shape \(2,\): give history.member\(0\)"):
        diagnose(History({"loss": jnp.zeros((2, 5))}))
    with pytest.raises(KeyError, match="The history has no series 'loss'"):
        diagnose(History({"los": jnp.zeros(5)}))


@pytest.mark.exhaustive
def test_trainings_with_a_bad_batch_and_a_frozen_leaf() -> None:
    inputs, targets = batches(60)
    frozen = gradtx.chain(gradtx.adam(0.02), gradtx.freeze({"kernel": False, "bias": False, "out": True}))
    data = (inputs, targets.at[45, 3].set(jnp.nan))
    history = train(loss_fn, PARAMS, frozen, data, steps=60, monitor=vitals()).history
    (bad, still) = diagnose(history, tx=frozen, params=PARAMS)
    assert (bad.name, bad.path, dict(bad.evidence)["step"]) == ("not-finite", "['bias']", 46)
    assert (still.name, still.path) == ("frozen-group", "out")


@pytest.fixture
def usual_promotion() -> Any:
    """The rules of JAX for a program that sets none, in which the clinic is written."""
    with jax.numpy_rank_promotion("allow"), jax.numpy_dtype_promotion("standard"):
        yield


@pytest.mark.exhaustive
@pytest.mark.usefixtures("usual_promotion")
def test_a_planted_fault_of_the_clinic() -> None:
    assert diagnosis.named_first("not-finite", "classification", 0)[0] == "not-finite"


@pytest.mark.exhaustive
@pytest.mark.usefixtures("usual_promotion")
def test_planted_faults_healthy_trainings_and_divergences() -> None:
    """The numbers of each are drawn anew."""
    seed = int(np.random.default_rng().integers(2**32))
    first = {
        (f, t): diagnosis.named_first(f, t, seed)[:1] == (f,) for f in FAULTS for t in diagnosis.PLANTED_IN
    }
    missed = [case for case, found in first.items() if not found]
    assert len(missed) <= len(first) // 12, (seed, missed)
    alarms = [(o, t) for o in OPTIMIZERS for t in TASKS if diagnosis.healthy(o, t, seed)]
    assert not alarms, (seed, alarms)
    before = [names for _, names in (diagnosis.warned(number, seed) for number in range(10))]
    assert sum(map(bool, before)) >= 8, (seed, before)
