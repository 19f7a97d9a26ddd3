"""The range test against separate runs, for every way in which a learning rate stands in an optimizer."""

import pickle
import re

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from matplotlib.figure import Figure

import gradtx
from gradtx.cli.catalogue import known_optimizers
from gradtx.practice import NoIntervalError, RangeTest, lr_range_test, rates_of

STEPS = 50
RANGE = {"low": 1e-4, "high": 10.0, "steps": STEPS}
RATES = np.geomspace(1e-4, 10.0, STEPS)
RANDOM = np.random.default_rng(0)
PARAMS = {"w": RANDOM.standard_normal((3, 4)).astype(np.float32), "b": np.zeros(4, np.float32)}
INPUTS = RANDOM.standard_normal((7, 16, 3)).astype(np.float32)
NOISE = 0.3 * RANDOM.standard_normal((7, 16, 4)).astype(np.float32)
BATCHES = (INPUTS, INPUTS @ RANDOM.standard_normal((3, 4)).astype(np.float32) + NOISE)
ONE = jax.tree.map(lambda leaf: leaf[:1], BATCHES)
WARMUP = gradtx.warmup_cosine_decay_schedule(0.0, 0.5, 1000, 5000)


def loss_fn(params, batch):
    x, y = batch
    return jnp.mean((x @ params["w"] + params["b"][None] - y) ** 2)


def result_of(tx, params=PARAMS, batches=ONE, **options):
    return lr_range_test(loss_fn, params, tx, batches, **(RANGE | options))


def one_after_another(make, batches=ONE):
    """The losses of steps outside of any program, each of an optimizer of its own: `make(rate)`."""
    params, state, losses = PARAMS, make(1.0).init(PARAMS), []
    gradient = jax.value_and_grad(lambda params: loss_fn(params, jax.tree.map(lambda leaf: leaf[0], batches)))

    @jax.jit
    def step(tx, params, state):
        loss, g = gradient(params)
        updates, state = tx.update(g, state, params, grad_fn=lambda params: gradient(params)[1])
        return gradtx.apply_updates(params, updates), state, loss

    for rate in RATES:
        params, state, loss = step(make(rate), params, state)
        losses.append(float(loss))
    finite = int(np.argmin([*np.isfinite(losses), False]))
    return losses[:finite]


def assert_equal_losses(found, expected, rtol=3e-4):
    """Equal up to the rounding of float32, which 50 steps amplify; before the run diverges."""
    number = int(np.argmax([*(np.array(expected) > 10 * expected[0]), True]))
    assert number > 30
    np.testing.assert_allclose(found[:number], expected[:number], rtol=rtol)


def groups(first, second):
    return gradtx.partition({"w": gradtx.sgd(first), "b": gradtx.momentum(second)}, {"w": "w", "b": "b"})


def test_the_losses_are_those_of_gradient_descent_in_float64():
    (x,), (y,) = (np.asarray(leaf, np.float64) for leaf in ONE)
    w, b, expected = PARAMS["w"].astype(np.float64), np.zeros(4), []
    for rate in RATES:
        error = x @ w + b - y
        expected.append(np.mean(error**2))
        w, b = w - rate * x.T @ error / 32, b - rate * error.sum(axis=0) / 32
    (losses,) = result_of(gradtx.sgd(1e-3)).losses
    assert_equal_losses(losses, expected)


@pytest.mark.parametrize(
    ("tx", "make"),
    [
        (gradtx.adamw(1e-3), gradtx.adamw),
        (gradtx.adamw(WARMUP), gradtx.adamw),
        (gradtx.muon(1e-3), gradtx.muon),
        (gradtx.sam(gradtx.sgd(1e-3), 0.5), lambda rate: gradtx.sam(gradtx.sgd(rate), 0.5)),
        (gradtx.madgrad(1e-3), gradtx.madgrad),
        (gradtx.schedule_free_sgd(WARMUP), gradtx.schedule_free_sgd),
        (gradtx.schedule_free_sgd(1e-3), gradtx.schedule_free_sgd),
        (gradtx.inject(gradtx.momentum(1e-3), "learning_rate"), gradtx.momentum),
        (gradtx.inject(gradtx.momentum(WARMUP), "learning_rate"), gradtx.momentum),
        (gradtx.inject_hyperparams(gradtx.momentum)(1e-3), gradtx.momentum),
        (gradtx.inject_hyperparams(gradtx.momentum)(WARMUP), gradtx.momentum),
        (gradtx.accumulate(gradtx.adam(1e-3), 2), lambda rate: gradtx.accumulate(gradtx.adam(rate), 2)),
        (gradtx.chain(gradtx.trace(0.9), gradtx.scale(-1e-3)), gradtx.momentum),
        (gradtx.chain(gradtx.trace(0.9), gradtx.scale_by_schedule(lambda t: -1e-3)), gradtx.momentum),
        (gradtx.inject(gradtx.scale(-0.5), "step_size"), gradtx.sgd),
        (groups(1e-3, 1e-4), lambda rate: groups(rate, rate / 10)),
        (gradtx.inject(groups(1e-3, 1e-4), ".transformations[1].transformations[1].learning_rate"), None),
        (gradtx.chain(optax.trace(0.9), gradtx.scale_by_learning_rate(1e-3)), gradtx.momentum),
        (gradtx.scale_by_learning_rate(1e-3), gradtx.sgd),
    ],
)
def test_each_step_has_its_rate(tx, make):
    if make is None:
        make = lambda rate: groups(rate, rate / 10)  # noqa: E731
    (losses,) = result_of(tx).losses
    assert_equal_losses(losses, one_after_another(make))


def test_a_number_is_replaced_by_the_rate():
    result = result_of(gradtx.chain(gradtx.clip_by_global_norm(1.0), gradtx.adamw(1.0)))
    rate = result.suggest()
    assert rate == float(f"{rate:.2g}")
    assert result.optimizer == gradtx.chain(gradtx.clip_by_global_norm(1.0), gradtx.adamw(rate))
    assert result.tx == gradtx.chain(gradtx.clip_by_global_norm(1.0), gradtx.adamw(1.0))


@pytest.mark.exhaustive
def test_a_schedule_keeps_its_shape_and_gets_the_rate_as_its_peak():
    result = result_of(gradtx.adamw(WARMUP))
    scaled = result.optimizer.transformations[-1].__dict__["learning_rate"]
    counts = jnp.arange(0, 6000, 100)
    np.testing.assert_allclose(scaled(counts), result.suggest() / 0.5 * WARMUP(counts), rtol=1e-6)
    assert float(scaled(1000)) == pytest.approx(result.suggest(), rel=1e-6)
    constant = result_of(gradtx.adamw(gradtx.constant_schedule(3.0)))
    assert constant.optimizer == gradtx.adamw(gradtx.constant_schedule(constant.suggest()))


def test_several_rates_stay_in_proportion():
    result = result_of(groups(2e-3, 1e-3), high=100.0)
    rate = result.suggest()
    assert result.optimizer == groups(rate, rate / 2)
    assert f"largest learning rate {rate:g}, " in str(result)
    assert str(result).endswith(f"{rate / 2e-3:.3g} times the rates of tx")
    assert " times " not in str(result_of(groups(1e-3, 1e-3), high=100.0))


def test_a_factor_keeps_its_sign_and_an_injected_rate_its_place():
    scaled = result_of(gradtx.chain(gradtx.trace(0.9), gradtx.scale(-0.1)))
    assert scaled.optimizer == gradtx.chain(gradtx.trace(0.9), gradtx.scale(-scaled.suggest()))
    injected = result_of(gradtx.inject_hyperparams(gradtx.adam)(0.1))
    assert injected.optimizer == gradtx.inject_hyperparams(gradtx.adam)(injected.suggest())


def test_seeds_are_orders_of_the_batches():
    numbers = jnp.arange(7.0)

    def value(params, batch):
        return 0.0 * params + batch

    losses = np.array(
        lr_range_test(value, jnp.float32(1.0), gradtx.sgd(1.0), numbers, seeds=3, steps=21).losses
    )
    assert losses.shape == (3, 21)
    for round_ in losses.reshape(9, 7):
        assert sorted(round_) == list(range(7))
    assert len({tuple(order) for order in losses.reshape(9, 7)}) == 9
    one = lr_range_test(value, jnp.float32(1.0), gradtx.sgd(1.0), numbers[:1], seeds=3, steps=21)
    assert len(one.losses) == 1
    few = lr_range_test(value, jnp.float32(1.0), gradtx.sgd(1.0), jnp.arange(50.0), seeds=1, steps=20).losses
    assert len(set(few[0])) == 20


def test_an_iterator_is_read_for_as_many_steps():
    stacked = jax.tree.map(lambda leaf: np.stack([leaf[step % 7] for step in range(STEPS)]), BATCHES)
    batches = (tuple(leaf[step % STEPS] for leaf in stacked) for step in range(STEPS + 1))
    assert result_of(gradtx.adam(1.0), batches=batches) == result_of(gradtx.adam(1.0), batches=stacked)
    assert len(list(batches)) == 1


@pytest.mark.exhaustive
def test_a_pair_a_key_and_every_extra_argument():
    def noisy(params, batch):
        (x, y), key = batch
        return loss_fn(params, (x + jax.random.normal(key, x.shape), y)), {"aux": x}

    keys = jax.random.split(jax.random.key(0), 7)
    noisy_losses = lr_range_test(noisy, PARAMS, gradtx.sgd(1.0), (BATCHES, keys), seeds=1, **RANGE).losses
    plain = result_of(gradtx.sgd(1.0), batches=BATCHES, seeds=1).losses
    assert noisy_losses[0][0] != plain[0][0]
    tx = gradtx.chain(gradtx.sophia(1.0), gradtx.reduce_on_plateau())
    (losses,) = result_of(tx).losses
    assert losses[0] != losses[-1]


def test_frozen_integer_and_complex_leaves():
    params = {"w": jnp.ones(2, jnp.complex64), "n": jnp.arange(3), "none": None}

    def loss(params, batch):
        return jnp.sum(jnp.abs(params["w"] * (1 + 1j) - batch.astype(complex) * 1j) ** 2)

    result = lr_range_test(loss, params, gradtx.sgd(1.0), jnp.ones(1), steps=100)
    (losses,) = result.losses
    assert min(losses) < 1e-3 * losses[0]


def test_the_caller_keeps_its_arrays_and_nothing_is_traced_twice():
    traces = []

    def counted(params, batch):
        traces.append(1)
        return loss_fn(params, batch)

    params = jax.tree.map(jnp.asarray, PARAMS)
    first = lr_range_test(counted, params, gradtx.adamw(1.0), BATCHES, **RANGE)
    number = len(traces)
    again = lr_range_test(counted, params, gradtx.adamw(2.0), BATCHES, low=1e-5, high=1.0, steps=STEPS)
    assert len(traces) == number + 1  # the check of its shape
    jax.tree.map(np.testing.assert_array_equal, params, PARAMS)
    assert first.losses != again.losses


def test_a_loss_that_is_not_finite_ends_the_curve():
    result = lr_range_test(
        lambda params, batch: jnp.where(jnp.abs(params) > 2, jnp.nan, (params - batch) ** 2),
        jnp.float32(1.0),
        gradtx.sgd(1.0),
        jnp.array([0.0]),
        high=1e3,
    )
    (losses,) = result.losses
    assert 50 < len(losses) < 200
    assert np.isfinite(losses).all()
    assert 0.01 < result.suggest("steepest") < 1.0


def test_a_model_with_arrays_is_a_loss():
    class Model:
        __hash__ = None

        def __call__(self, params, batch):
            return loss_fn(params, batch)

    assert lr_range_test(Model(), PARAMS, gradtx.sgd(1.0), ONE, **RANGE) == result_of(gradtx.sgd(1.0))


@pytest.mark.parametrize(
    ("tx", "said"),
    [
        (gradtx.dog(), "scale_by_dog has no rate to find: the distance travelled"),
        (gradtx.dowg(), "scale_by_dowg has no rate to find"),
        (gradtx.prodigy(), "scale_by_prodigy has no rate to find: it estimates the rate"),
        (gradtx.dadapt_adamw(), "scale_by_dadapt_adamw has no rate to find"),
        (gradtx.cocob(), "scale_by_cocob has no rate to find"),
        (gradtx.momo(), "scale_by_momo has no rate to find"),
        (gradtx.momo_adam(), "scale_by_momo_adam has no rate to find"),
        (gradtx.polyak_sgd(), "scale_by_polyak has no rate to find"),
        (gradtx.rprop(0.1), "scale_by_rprop has no rate to find"),
        (gradtx.lbfgs(), "scale_by_zoom_linesearch has no rate to find: it evaluates the loss"),
        (gradtx.mechanize(gradtx.sgd(1.0)), "mechanize has no rate to find"),
        (gradtx.scale_by_adam(), "no field called learning_rate, and 0 fields step_size"),
        (optax.adam(1e-3), "chain(optax.scale_by_adam(), gradtx.scale_by_learning_rate(1e-3))"),
        (gradtx.chain(gradtx.scale(2.0), gradtx.scale(-1.0)), "and 2 fields step_size"),
        (gradtx.sgd(0.0), "the learning rate is 0"),
        (gradtx.sgd(lambda t: jnp.exp(t.astype(float))), "has values that are not finite"),
        (jax.vmap(gradtx.sgd)(jnp.ones(2)), "got a stack"),
        (gradtx.inject_hyperparams(gradtx.sgd)(gradtx.WrappedSchedule(abs)), "values depend on a state"),
        (gradtx.chain(gradtx.gauss_newton_bartlett(), gradtx.sgd(1.0)), "chain needs logits_fn in update"),
    ],
)
def test_an_optimizer_without_a_rate_to_find_is_refused(tx, said):
    with pytest.raises(ValueError, match=r"lr_range_test: |got a stack") as error:
        result_of(tx)
    assert said in str(error.value)
    assert len(str(error.value).splitlines()) < 5


FIND_THEIR_OWN = {"cocob", "dadapt_adamw", "dog", "dowg", "lbfgs", "momo", "momo_adam", "prodigy", "rprop"}


@pytest.mark.exhaustive
@pytest.mark.parametrize("name", known_optimizers())
def test_every_optimizer_is_tested_or_refused(name):
    make = known_optimizers()[name]
    if name in FIND_THEIR_OWN:
        with pytest.raises(ValueError, match=r"has no rate to find"):
            result_of(make(1.0))
        return
    result = result_of(make(1.0), low=1e-5, high=1e4, steps=100)
    assert set(rates_of(result.optimizer).peaks) == {result.suggest()}


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"low": 1.0, "high": 0.1}, "0 < low < high, got 1.0 and 0.1"),
        ({"low": 0.0}, "0 < low < high"),
        ({"high": np.inf}, "0 < low < high"),
        ({"steps": 19}, "steps must be a whole number of at least 20, got 19"),
        ({"seeds": 0}, "seeds must be a whole number of at least 1"),
        ({"batches": (np.ones((3, 2)), np.ones((2, 2)))}, "batches[0]: 3, batches[1]: 2"),
        ({"batches": jnp.float32(1.0)}, "batches: a scalar"),
        ({"batches": np.ones((0, 2))}, "batches: 0"),
        ({"batches": iter(())}, "got none"),
        ({"batches": BATCHES, "params": {**PARAMS, "aux": (), "none": None}}, ""),
    ],
)
def test_bad_arguments_are_refused(options, said):
    if not said:
        result_of(gradtx.sgd(1.0), **options)
        return
    with pytest.raises(ValueError, match=r"^lr_range_test: ") as error:
        result_of(gradtx.sgd(1.0), **options)
    assert said in str(error.value)


@pytest.mark.parametrize("result", [np.ones(3, np.float32), 1, None, {}, ()], ids=repr)
def test_a_loss_of_another_form_is_refused(result):
    with pytest.raises(
        ValueError, match=r"loss_fn\(params, batch\) must return the loss, one floating-point"
    ):
        lr_range_test(lambda params, batch: result, PARAMS, gradtx.sgd(1.0), ONE)


def test_a_result_is_a_value():
    result = result_of(gradtx.adamw(1.0))
    assert pickle.loads(pickle.dumps(result)) == result
    assert RangeTest.__module__ == NoIntervalError.__module__ == "gradtx.practice"
    assert hash(result) == hash(result_of(gradtx.adamw(1.0)))
    assert result != result_of(gradtx.adamw(2.0))
    with pytest.raises(
        ValueError, match=r"sweep, min/10, steepest, valley, got 'valey'. Did you mean 'valley'\?"
    ):
        result.suggest("valey")


def test_the_text_has_the_curve_and_the_interval():
    result = result_of(gradtx.sgd(1.0), batches=BATCHES)
    text = str(result)
    low, high = result.interval()
    assert low <= result.suggest() <= high
    assert f"learning rate {result.suggest():g}, {low:g} to {high:g} over 4 seeds" in text
    assert max(map(len, text.splitlines())) < 80
    lines = text.splitlines()
    ruler = next(line for line in lines if "+" in line)
    share = (ruler.index("^") - ruler.index("+") - 1) / 63
    assert 1e-4 * 1e5**share == pytest.approx(result.suggest(), rel=0.2)
    start, last = (float(lines[row].split()[0]) for row in (0, 11))
    assert last < result.losses[0][0] < start
    level = str(result_of(gradtx.sgd(1.0))).splitlines()[3]  # 0.4 of the fall are above it: 3 rows of 11
    assert level.count("*") > 20


def test_without_an_interval_text_and_picture_say_why():
    result = lr_range_test(lambda p, b: 0 * p + b, jnp.float32(1.0), gradtx.sgd(1.0), jnp.ones(1))
    assert "No learning rate in 1 of 1 seeds: the loss does not fall" in str(result)
    assert "^" not in str(result)
    for ask in (result.suggest, result.interval, lambda: result.optimizer):
        with pytest.raises(NoIntervalError, match=r"the loss does not fall"):
            ask()
    axes = result.plot(Figure().subplots())
    assert "the loss does not fall" in axes.get_title()


def test_more_than_half_of_the_seeds_must_agree_and_the_median_is_the_answer():
    good = result_of(gradtx.sgd(1.0), batches=BATCHES, seeds=1)
    curve, flat = good.losses[0], (1.0,) * STEPS
    ends = [(1.0, 0.5, 0.9), (1.0, 0.9, 0.5), (0.5, 0.9, 1.0)]
    result = RangeTest(good.tx, good.rates, (curve, curve, flat), (1e-3, 1e-2, 1e-1), tuple(ends))
    assert result.least == good.least
    assert result.interval() == (1e-3, 1e-1)
    assert 5e-3 < result.suggest() < 2e-2
    assert result.interval("min/10") == good.interval("min/10")
    for losses in ((curve, flat), (curve, flat, flat)):
        few = RangeTest(good.tx, good.rates, losses)
        assert few.least is None
        with pytest.raises(
            NoIntervalError, match=rf"in {len(losses) - 1} of {len(losses)} seeds: the loss does"
        ):
            few.suggest()


def test_the_picture():
    result = result_of(gradtx.sgd(1.0), batches=BATCHES)
    axes = result.plot(Figure().subplots())
    assert axes.get_xscale() == "log"
    assert len(axes.lines) == 2 * 4 + 4 + 1
    assert axes.lines[-1].get_xdata()[0] == result.suggest()
    assert re.search(rf"{result.suggest():g}", axes.get_legend().get_texts()[-1].get_text())
    low, high = axes.get_ylim()
    assert low < min(map(min, result.losses)) + 0.5
    assert high < 3 * result.losses[0][0]
