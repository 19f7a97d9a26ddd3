from itertools import islice

import numpy as np
import pytest

from gradtx.cli.text import Corpus, python_topics, read_text

TEXT = "größer als 0 → 🐍 gradient\n" * 40


@pytest.fixture
def corpus():
    return Corpus.of(TEXT, context=8)


def test_the_two_parts_are_the_text_and_share_nothing(corpus):
    assert corpus.decode(np.concatenate([corpus.training, corpus.validation])) == TEXT
    assert corpus.vocabulary == "".join(sorted(set(TEXT)))
    assert len(corpus.validation) == len(TEXT) // 10


def test_a_batch_holds_pieces_of_the_training_part(corpus):
    batch = next(corpus.batches(batch_size=5, context=8, seed=0))
    assert batch.shape == (5, 9)
    assert batch.dtype == np.int32
    training = corpus.decode(corpus.training)
    assert all(corpus.decode(sequence) in training for sequence in batch)


def test_batches_depend_on_the_seed_alone(corpus):
    first, again, other = (list(islice(corpus.batches(5, 8, seed), 3)) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)
    assert not np.array_equal(first[0], first[1])


def test_every_place_of_the_training_part_is_drawn(corpus):
    context = len(corpus.training) - 2  # two places are left to begin at
    batch = next(corpus.batches(batch_size=50, context=context, seed=0))
    pieces = {corpus.decode(sequence) for sequence in batch}
    training = corpus.decode(corpus.training)
    assert pieces == {training[:-1], training[1:]}


def test_validation_predicts_each_character_once(corpus):
    batch = corpus.validation_batch(context=8)
    predicted = batch[:, 1:].ravel()
    np.testing.assert_array_equal(predicted, corpus.validation[1 : len(predicted) + 1])
    assert len(corpus.validation) - len(predicted) <= 8


def test_a_long_validation_part_is_cut():
    assert len(Corpus.of("ab" * 100_000, context=8).validation_batch(context=8)) == 1024


def test_reading_skips_a_byte_order_mark_and_joins_line_ends(tmp_path):
    (tmp_path / "text").write_bytes("\ufeffa\r\nb".encode())
    assert read_text(tmp_path / "text") == "a\nb"


def test_the_topics_of_python_are_real_text():
    text = python_topics()
    assert len(text) > 300_000
    assert 'The "while" statement' in text
