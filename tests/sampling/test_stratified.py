import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cadc.errors import DataError
from cadc.sampling.stratified import StratifiedSampler, evenly_spread, ranks_within
from tests.sampling.samplers import LOGS, changed, draw
from tests.support.helpers import small_synthetic_log


@pytest.mark.parametrize("by", ["user", "item"])
def test_every_row_has_the_same_inclusion_probability(by):
    log = small_synthetic_log(n_rows=600)
    n_draws, n_kept = 1500, 103
    kept = np.zeros(480)
    for seed in range(n_draws):
        kept[draw(StratifiedSampler(n_kept / 480, by), log, seed).rows] += 1
    p = n_kept / 480
    z = (kept - n_draws * p) / np.sqrt(n_draws * p * (1 - p))
    assert abs((z**2).mean() - 1) < 0.25
    assert np.abs(z).max() < 4.5
    # Strata of every size meet their share in the mean, a single row as well as the most frequent item.
    strata = log.column(by, "train")
    share = np.bincount(strata, kept / n_draws)[1:] / np.maximum(np.bincount(strata)[1:], 1)
    found = share[np.bincount(strata)[1:] > 0]
    assert np.abs(found - p).max() < 4.5 * np.sqrt(p * (1 - p) / n_draws)


@pytest.mark.parametrize("source", ["synthetic", pytest.param("ml-100k", marks=pytest.mark.realdata)])
@pytest.mark.parametrize("by", ["user", "item"])
@pytest.mark.parametrize("rate", [0.01, 0.1, 0.5, 0.9])
def test_every_stratum_keeps_its_share_give_or_take_a_row(by, rate, source):
    log = LOGS[source]()
    strata = log.column(by, "train")
    total = np.bincount(strata)
    for seed in range(5):
        kept = np.bincount(strata[draw(StratifiedSampler(rate, by), log, seed).rows], minlength=len(total))
        off = np.abs(kept - total * kept.sum() / total.sum())
        assert off.max() < 1.25
        assert (off <= 1 + 1e-9).mean() > 0.97


def test_uniform_sampling_is_not_stratified():
    # The bound of the test above means something.
    log = small_synthetic_log()
    users = log.column("user", "train")
    total = np.bincount(users)
    kept = np.bincount(users[np.random.default_rng(0).random(4800) < 0.5], minlength=len(total))
    assert np.abs(kept - total / 2).max() > 5


@given(st.lists(st.integers(0, 5), min_size=1, max_size=60), st.integers(0, 99))
@settings(deadline=None)
def test_places_of_a_stratum_are_evenly_spread(strata, seed):
    strata = np.array(strata)
    generator = np.random.default_rng(seed)
    order = generator.integers(4, size=len(strata))
    ranks = ranks_within(strata, order, np.arange(len(strata)))
    for stratum in set(strata.tolist()):
        rows = np.flatnonzero(strata == stratum)
        by_hand = sorted(rows, key=lambda row: (order[row], row))
        assert [int(ranks[row]) for row in by_hand] == list(range(len(rows)))
        places = evenly_spread(strata, ranks, np.random.default_rng(seed))[by_hand]
        assert np.allclose(np.diff(places), 1 / len(rows))
        assert 0 <= places[0] < 1 / len(rows)


def test_log_without_users_is_refused_in_one_sentence(tmp_path):
    log = changed(small_synthetic_log(), tmp_path / "log", user=None)
    with pytest.raises(DataError, match=r"^the log synthetic has no users"):
        draw(StratifiedSampler(0.1), log)
    draw(StratifiedSampler(0.1, by="item"), log)
