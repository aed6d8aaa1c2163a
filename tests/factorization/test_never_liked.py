"""Items whose rows all have label 0, under implicit feedback: what the draws of negatives have taught of them stays."""

from functools import partial

import numpy as np
import pytest
import torch

from cadc.data.prepare import prepare
from cadc.data.split.random import RandomSplit
from cadc.factorization.bpr import BPR
from cadc.factorization.logistic import LogisticMF
from tests.support.helpers import ListSource

IMPLICIT = {
    "bpr": partial(BPR, learning_rate=0.02, batch_size=256),
    "newton": partial(LogisticMF, feedback="implicit", l2_bias=1.0),
    "adam": partial(LogisticMF, feedback="implicit", l2_bias=1.0, solver="adam", learning_rate=0.02, batch_size=256),
}


@pytest.fixture
def log():
    """60 items, of which each third one is never liked; user 0 likes nothing."""
    rng = np.random.default_rng(0)
    pairs = rng.integers(0, (40, 60), (4000, 2)).tolist()
    rows = [(user, item, int(item % 3 > 0 and user > 0 and rng.random() < 0.7), 0) for user, item in pairs]
    return prepare(ListSource(rows, ["F"] * 40, [[]] * 60), RandomSplit())


@pytest.mark.parametrize("name", IMPLICIT)
def test_items_with_rows_that_no_one_liked_rank_low_and_new_ones_in_the_middle(name, log):
    never = torch.from_numpy((log.vocabulary("item") - 200) % 3 == 0)
    assert int(never.sum()) == 20
    rows = log.rows("train")
    new = 1 + int(never.nonzero()[0, 0])
    left = rows[log.field_ids("item", rows) != new]
    factors, _ = IMPLICIT[name]().fit(log, left, 2)
    biases = factors.biases["item"]
    is_known = torch.arange(len(biases)) != new
    is_known[0] = False
    bad = is_known.clone()
    bad[1:] &= never
    assert float(biases[bad].max()) < float(biases[is_known & ~bad].min())
    torch.testing.assert_close(biases[[0, new]], biases[is_known].mean().expand(2))
    assert not factors.vectors["item"][[0, new]].any()
    # Of a user that likes nothing no draw tells anything.
    user = 1 + log.vocabulary("user").tolist().index(100)
    assert not factors.vectors["user"][user].any()
