import jax.numpy as jnp
import numpy as np
import pytest

import gradtx
from gradtx.cli.calibration import BATCHES, STEP_SIZE, calibrated_learning_rate
from gradtx.cli.catalogue import find_optimizer, known_optimizers, own_learning_rate, takes_weight_decay
from gradtx.cli.concepts import chained, concepts_of, described, warmup_cosine
from gradtx.cli.language_model import Architecture, init_params

BIGRAM = Architecture(context=8, width=8, depth=0)  # no block: the quickest to compile


@pytest.mark.parametrize("steps", [1, 2, 9, 10, 100])
def test_the_schedule_reaches_its_peak_and_falls(steps):
    rates = np.asarray(warmup_cosine(0.5, steps)(np.arange(101)))
    assert np.max(rates) == 0.5
    assert np.argmax(rates) == steps // 10
    assert np.all(np.diff(rates[steps // 10 :]) <= 0)
    assert rates[steps] == pytest.approx(0.005)


def test_every_optimizer_of_the_library_is_known():
    assert {"sgd", "momentum", "adagrad", "rmsprop", "adam", "adamw", "amsgrad"} <= set(known_optimizers())
    assert set(known_optimizers()) <= set(gradtx.optimizers.__all__)


def test_an_optimizer_added_to_the_library_is_found(monkeypatch):
    def newton(learning_rate=0.25, weight_decay=0.0):
        return gradtx.sgd(learning_rate)

    def unusable(learning_rate, hessian):
        return gradtx.sgd(learning_rate)

    monkeypatch.setattr(gradtx.optimizers, "newton", newton, raising=False)
    monkeypatch.setattr(gradtx.optimizers, "unusable", unusable, raising=False)
    monkeypatch.setattr(gradtx.optimizers, "__all__", [*gradtx.optimizers.__all__, "newton", "unusable"])
    assert find_optimizer("newton") is newton
    assert own_learning_rate(newton) == 0.25
    assert takes_weight_decay(newton)
    assert "unusable" not in known_optimizers()


def test_an_optimizer_that_needs_more_than_training_gives_is_refused(monkeypatch):
    class by_hessian(gradtx.GradientTransformation, needs=("hessian_diagonal",)):
        def apply(self, updates, state, params=None, **extra):
            return updates, state

    monkeypatch.setattr(gradtx.optimizers, "sgd", lambda learning_rate: by_hessian())
    with pytest.raises(ValueError, match="sgd needs hessian_diagonal"):
        find_optimizer("sgd")


def test_a_description_is_the_expression_that_makes_the_optimizer():
    concepts = concepts_of(None, warmup_cosine(0.1, 20), 0.3)
    tx = chained(concepts)
    assert eval(described(concepts), vars(gradtx)) == tx
    assert [type(part) for part in tx.transformations] == [
        gradtx.clip_by_global_norm,
        gradtx.scale_by_adam,
        gradtx.add_decayed_weights,
        gradtx.scale_by_learning_rate,
    ]
    assert tx.transformations[2].weight_decay == 0.3
    assert all(words for _, words in concepts)


def test_a_named_optimizer_is_the_library_s_own_behind_clipping():
    concepts = concepts_of(gradtx.adamw, 0.1, weight_decay=0.3)
    assert chained(concepts) == gradtx.chain(
        gradtx.clip_by_global_norm(1.0), *gradtx.adamw(0.1, weight_decay=0.3).transformations
    )
    assert "# Adam's direction.\n" in described(concepts)


@pytest.mark.exhaustive
def test_a_calibrated_rate_makes_steps_of_the_same_size():
    params = init_params(np.random.default_rng(0), BIGRAM, vocabulary_size=5)
    shape = (BATCHES, 4, BIGRAM.context + 1)
    batches = jnp.asarray(np.random.default_rng(1).integers(5, size=shape, dtype=np.int32))

    def calibrated(tx):
        return calibrated_learning_rate(tx, BIGRAM, params, batches)

    rates = {tx: calibrated(tx(1.0)) for tx in (gradtx.sgd, gradtx.momentum, gradtx.adam)}
    # The velocity of momentum adds up to several gradients, once it has settled.
    assert rates[gradtx.sgd] > 2 * rates[gradtx.momentum] > 4 * rates[gradtx.adam] > STEP_SIZE
    for tx, rate in rates.items():
        # Steps of a tenth of the size need ten times the rate.
        assert calibrated(tx(0.1)) == pytest.approx(10 * rate, rel=0.1)
        assert calibrated(tx(rate)) == pytest.approx(1.0, rel=0.1)
    assert calibrated(gradtx.scale(0.0)) == STEP_SIZE
