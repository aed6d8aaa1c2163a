"""What the raw validation and test rows hold cannot reach what is made from training rows."""

import numpy as np
import pytest
import torch

from cadc.data.prepare import prepare
from cadc.data.sources.ml_1m import MovieLens1M
from cadc.data.split.random import RandomSplit
from cadc.factorization.logistic import LogisticMF
from cadc.randomness import numpy_generator
from cadc.sampling.uniform import UniformSampler
from tests.support.helpers import replace_rows


@pytest.fixture
def log_after_change(small_movielens, monkeypatch):
    """The small log, and a function that prepares it again after `change` rewrote some rows of the raw file."""
    monkeypatch.setenv("CADC_DATA_DIR", str(small_movielens))
    original = prepare(MovieLens1M(), RandomSplit())

    def changed(rows, change):
        replace_rows(small_movielens / "ml-1m" / "ratings.dat", "::", rows, change)
        return prepare(MovieLens1M(), RandomSplit())

    return original, changed


def flip_label(parts):
    return [*parts[:2], "1" if int(parts[2]) >= 4 else "5", parts[3]]


def rate_the_unrated_movie(parts):
    return [parts[0], "178", *flip_label(parts)[2:]]


def assert_same_training_side(log, other):
    assert log.schema == other.schema
    for field in log.schema.fields:
        assert log.vocabulary(field.name).tolist() == other.vocabulary(field.name).tolist()
    rows = log.rows("train")
    one, two = log.gather(rows), other.gather(rows)
    assert torch.equal(one.ids, two.ids)
    assert torch.equal(one.label, two.label)
    samples = [UniformSampler(0.1)(each, numpy_generator(0, "sample")) for each in (log, other)]
    assert torch.equal(*(sample.rows for sample in samples))


def assert_equal_factors(one, two):
    for name in one.fields:
        assert torch.equal(one.vectors[name], two.vectors[name])
        assert torch.equal(one.biases[name], two.biases[name])


def fitted(log, **options):
    return LogisticMF(**({"batch_size": 256, "max_epochs": 8} | options)).fit(log, log.rows("train"), 4)[0]


@pytest.mark.parametrize("change", [flip_label, rate_the_unrated_movie])
def test_test_rows_change_neither_vocabularies_nor_factors(log_after_change, change):
    original, changed = log_after_change
    other = changed(original.column("row", "test"), change)
    assert other.content_hash != original.content_hash
    assert not np.array_equal(original.column("label", "test"), other.column("label", "test"))
    assert_same_training_side(original, other)
    assert_equal_factors(fitted(original), fitted(other))


@pytest.mark.parametrize("change", [flip_label, rate_the_unrated_movie])
def test_validation_rows_only_stop_the_factorisation(log_after_change, change):
    original, changed = log_after_change
    other = changed(original.column("row")[original.n_rows("train") :], change)
    assert_same_training_side(original, other)
    assert_equal_factors(fitted(original, max_epochs=1), fitted(other, max_epochs=1))


def test_training_rows_do_change_the_factors(log_after_change):
    original, changed = log_after_change
    other = changed(original.column("row", "train"), flip_label)
    one, two = fitted(original, max_epochs=1), fitted(other, max_epochs=1)
    assert not torch.equal(one.vectors["item"], two.vectors["item"])


def test_the_factorisation_reads_no_row_beside_those_it_is_given(log_after_change):
    original, changed = log_after_change
    train = original.rows("train")
    other = changed(original.column("row")[train[1::2]], flip_label)
    assert_equal_factors(*(LogisticMF(max_epochs=1).fit(log, train[::2], 4)[0] for log in (original, other)))
