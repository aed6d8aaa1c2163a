"""The view of a log in which cold users and items have ids of their own."""

import numpy as np
import pytest
import torch

from cadc.data.cold_ids import LogWithColdIds
from tests.support.helpers import small_synthetic_log


@pytest.fixture(scope="module")
def log():
    return small_synthetic_log(n_rows=300)


def test_only_own_ids_of_cold_entities_differ(log):
    view = LogWithColdIds(log.folder)
    columns = {field.name: column for column, field in enumerate(log.schema.single)}
    n_cold = 0
    for split in ("train", "validation", "test"):
        rows = log.rows(split)
        plain, found = log.gather(rows), view.gather(rows)
        for name, column in columns.items():
            before, after = plain.ids[:, column], found.ids[:, column]
            if name in ("user", "item"):
                # Only a cold entity's id was 0, and its raw id is found under the new one.
                assert torch.equal(before[before > 0], after[before > 0])
                keys = view.entity_keys(name)[view.column(name, split) - 1]
                assert np.array_equal(view.vocabulary(name)[after.numpy() - 1], keys)
                n_cold += int((before == 0).sum())
            else:
                assert torch.equal(before, after)
        assert all(torch.equal(plain.bags[name].values, found.bags[name].values) for name in plain.bags)
        if split == "train":
            assert n_cold == 0
    assert n_cold > 0


def test_vocabularies_grow_by_the_cold_entities_alone(log):
    view = LogWithColdIds(log.folder)
    for field in log.schema.fields:
        grown = view.schema[field.name].vocabulary_size - field.vocabulary_size
        assert (grown > 0) == (field.name in ("user", "item"))
        assert np.array_equal(view.vocabulary(field.name)[: field.vocabulary_size - 1], log.vocabulary(field.name))
    assert view.content_hash == log.content_hash
    assert view.plain.schema == log.schema


def test_an_unknown_entity_stays_unknown(log):
    view = LogWithColdIds(log.folder)
    batch = view.items(torch.zeros(1, dtype=torch.int64))
    assert not batch.ids.any()
