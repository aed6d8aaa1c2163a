"""A log may be read with labels of another threshold: as if it had been prepared with that one."""

import numpy as np
import pytest
import torch

from cadc.data.cold_ids import LogWithColdIds
from cadc.data.log import InteractionLog
from cadc.data.prepare import prepare
from cadc.data.sources import MovieLens100K
from cadc.data.split.random import RandomSplit
from cadc.data.split.split import SPLITS
from cadc.errors import DataError
from cadc.factorization.cached import factorize
from cadc.factorization.fm import FactorizationMachine
from cadc.factorization.logistic import LogisticMF
from tests.support.helpers import small_synthetic_log, write_small_movielens


@pytest.fixture
def logs(tmp_path, monkeypatch):
    """A log of ratings from 4 on, and the same with ratings from 3 on, as preparation makes it."""
    write_small_movielens(tmp_path)
    monkeypatch.setenv("CADC_DATA_DIR", str(tmp_path))
    return prepare(MovieLens100K(), RandomSplit()), prepare(MovieLens100K(threshold=3), RandomSplit())


@pytest.mark.parametrize("kind", [InteractionLog, LogWithColdIds])
def test_all_ways_to_read_labels_agree_with_a_log_prepared_so(logs, kind):
    log, expected = (kind(own.folder) for own in logs)
    found = log.relabelled(3)
    assert type(found) is kind
    rows = torch.arange(sum(found.meta["rows"].values()))
    for own in (found, found.plain):
        assert own.labels(rows).tolist() == expected.labels(rows).tolist() == own.column("label").tolist()
        assert own.gather(rows).label.tolist() == expected.labels(rows).tolist()
        assert own.meta["positives"] == expected.meta["positives"] != log.meta["positives"]
        for split in SPLITS:
            assert own.column("label", split).tolist() == expected.column("label", split).tolist()
    assert torch.equal(found.gather(rows).ids, log.gather(rows).ids)
    assert found.schema == log.schema
    assert found.ratings(rows).tolist() == log.ratings(rows).tolist()
    assert found.meta["content_hash"] == found.content_hash == found.plain.content_hash
    assert not found.column("label").flags.writeable


@pytest.mark.parametrize("method", [LogisticMF(), FactorizationMachine()])
def test_a_factorisation_reads_the_other_labels(logs, method):
    log, expected = logs
    rows = log.rows("train")
    found, wanted, other = (factorize(method, own, rows, 4)[0] for own in (log.relabelled(3), expected, log))
    for field, vectors in wanted.vectors.items():
        assert torch.equal(found.vectors[field], vectors)
        assert torch.equal(found.biases[field], wanted.biases[field])
    assert not torch.equal(found.biases["item"], other.biases["item"])


def test_equal_labels_have_equal_hashes_and_others_have_others(logs):
    log = logs[0]
    hashes = {threshold: log.relabelled(threshold).content_hash for threshold in (2, 2.5, 3, 3.5, 4, 5)}
    assert hashes[3.5] == hashes[4] == log.content_hash
    assert hashes[2.5] == hashes[3]
    assert len(set(hashes.values())) == 4
    assert log.relabelled(3).relabelled(4).content_hash == log.content_hash


def test_ratings_are_compared_in_their_own_precision():
    log = small_synthetic_log(ratings=True)
    rating = log.column("rating")
    for threshold in (-np.inf, 0.1, 1, 1.00000001, 4.5, 5, 1e300):
        with np.errstate(over="ignore"):
            expected = rating >= np.float32(threshold)
        assert (log.relabelled(threshold).column("label") == expected).all()


def test_a_log_without_ratings_says_so():
    with pytest.raises(DataError, match="has labels, but no ratings"):
        small_synthetic_log().relabelled(3)
