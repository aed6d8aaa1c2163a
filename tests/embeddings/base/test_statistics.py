"""How often values occur in training rows, against pandas."""

import numpy as np
import pandas as pd
import torch

from cadc.embeddings.base.scheme import TableSpec
from cadc.embeddings.base.statistics import NOTHING_KNOWN, Statistics
from tests.support.helpers import decode


def test_counts_of_every_field_are_those_of_pandas(log):
    found = Statistics.of(log)
    rows = pd.DataFrame(decode(log, log.rows("train")))
    assert set(found.counts) == {field.name for field in log.schema.fields}
    assert found.log is log
    for field in log.schema.fields:
        values = rows[field.name].explode() if field.bag else rows[field.name]
        counts = values.value_counts()
        expected = [
            int(values.isna().sum() if not field.bag else 0),
            *(counts.get(v, 0) for v in log.vocabulary(field.name)),
        ]
        assert found.counts[field.name].dtype == torch.int64
        np.testing.assert_array_equal(found.counts[field.name], expected, err_msg=field.name)


def test_validation_and_test_rows_do_not_count(log):
    counts = Statistics.of(log).counts
    assert all(int(counts[field.name].sum()) == log.n_rows("train") for field in log.schema.single)


def test_a_spec_lays_the_counts_of_its_fields_one_after_the_other(log):
    own = (log.schema["item"], log.schema["user"])
    known = Statistics.of(log)
    assert torch.equal(
        TableSpec(own, statistics=known).counts(), torch.cat([known.counts["item"], known.counts["user"]])
    )
    assert torch.equal(
        TableSpec(own, statistics=NOTHING_KNOWN).counts(),
        torch.ones(sum(field.vocabulary_size for field in own), dtype=torch.int64),
    )
