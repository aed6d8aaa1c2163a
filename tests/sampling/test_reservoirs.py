"""Samplers choose the rows of a reservoir, segment by segment."""

import numpy as np
import pytest
import torch

from cadc.data.prepare import prepare
from cadc.data.sources.synthetic import Synthetic
from cadc.data.split.segments import TRAIN, SegmentSplit
from cadc.data.streams import Stream
from cadc.errors import UsageError
from cadc.sampling.label_balanced import LabelBalancedSampler
from cadc.sampling.popularity import PopularitySampler
from cadc.sampling.recent import RecentSampler
from cadc.sampling.stratified import StratifiedSampler
from cadc.sampling.uniform import UniformSampler
from cadc.sampling.users import UsersSampler
from cadc.streams.reservoir import Reservoir
from tests.sampling.samplers import SAMPLERS

SPLIT, SIZE = SegmentSplit(n=4), 300
KEEPING = [name for name, own in SAMPLERS.items() if own().keeps_reservoirs and "weighted" not in name]


@pytest.fixture(scope="module")
def stream():
    return Stream(prepare(Synthetic(n_rows=1500, n_users=40, n_items=60), SPLIT), SPLIT, 0)


def kept_after_each(stream, sampler, size=SIZE, seed=0):
    """Return the rows that a reservoir holds after each segment, and those that were offered so far."""
    reservoir, offered, found = Reservoir(size), np.empty(0, np.int64), []
    generator = np.random.default_rng(seed)
    for index in range(len(stream)):
        own = stream.rows(index, TRAIN)
        offered = np.concatenate([offered, own])
        whole = stream.segment(index, offered[: len(offered) - len(own)])
        counts = {
            side: torch.bincount(whole.field_ids(side, whole.rows("train")).long()) for side in ("user", "item")
        } | {"label": torch.bincount(torch.from_numpy(stream.log.column("label")[offered] > 0.5).long(), minlength=2)}

        def keys(rows, draws, index=index, own=own, counts=counts):
            log = stream.segment(index, rows[: len(rows) - len(own)])
            return sampler.reservoir_keys(log, draws, counts, np.random.default_rng(7))

        reservoir.add(own, generator, keys)
        found.append((reservoir.rows, offered))
    return found


def column(stream, name, rows):
    return stream.log.column(name)[rows]


@pytest.mark.parametrize("name", KEEPING)
def test_the_size_is_exact_and_what_was_left_out_stays_out(name, stream):
    before = set()
    for index, (rows, offered) in enumerate(kept_after_each(stream, SAMPLERS[name]())):
        assert len(rows) == len(set(rows)) == min(SIZE, len(offered))
        assert set(rows) <= before | set(stream.rows(index, TRAIN))
        before = set(rows)


def test_uniform_keys_leave_the_reservoir_as_it_is_without_a_sampler(stream):
    generator, plain = np.random.default_rng(0), Reservoir(SIZE)
    for index in range(len(stream)):
        plain.add(stream.rows(index, TRAIN), generator)
    assert kept_after_each(stream, UniformSampler())[-1][0].tolist() == plain.rows.tolist()


def test_labels_have_their_shares_exactly(stream):
    for rows, _ in kept_after_each(stream, LabelBalancedSampler(balance=0.5))[1:]:
        assert column(stream, "label", rows).mean() == 0.5
    *_, (rows, offered) = kept_after_each(stream, LabelBalancedSampler(balance=0.2))
    rarer = column(stream, "label", offered).mean() < 0.5
    assert (column(stream, "label", rows) == rarer).mean() == pytest.approx(0.2, abs=1 / SIZE)


def test_each_user_keeps_the_latest_rows(stream):
    *_, (rows, offered) = kept_after_each(stream, RecentSampler())
    users, place = column(stream, "user", offered), np.isin(offered, rows)  # offered in the order of time
    for user in set(users):
        own = place[users == user]
        assert own.tolist() == sorted(own)
        assert abs(own.sum() - len(own) * SIZE / len(offered)) <= 1.5
    *_, (rows, _) = kept_after_each(stream, RecentSampler(k=3))
    counts = np.bincount(column(stream, "user", rows))
    most = np.bincount(users)
    # Those who have that many rows have equally many, give or take the one at which the reservoir ends.
    full = counts[(most > counts.max()) & (most > 0)]
    assert full.max() - full.min() <= 1


def test_users_keep_their_share(stream):
    *_, (rows, offered) = kept_after_each(stream, StratifiedSampler())
    counts, kept = (np.bincount(column(stream, "user", own), minlength=41) for own in (offered, rows))
    assert np.abs(kept - counts * SIZE / len(offered)).max() < 6
    *_, (uniform, _) = kept_after_each(stream, UniformSampler())
    off = np.bincount(column(stream, "user", uniform), minlength=41) - counts * SIZE / len(offered)
    assert np.abs(kept - counts * SIZE / len(offered)).mean() < 0.5 * np.abs(off).mean()


def test_whole_users_stay(stream):
    *_, (rows, offered) = kept_after_each(stream, UsersSampler())
    users, place = column(stream, "user", offered), np.isin(offered, rows)
    shares = np.array([place[users == user].mean() for user in set(users)])
    assert ((shares > 0) & (shares < 1)).sum() <= 1 + (len(shares) // 10)


def test_popular_items_come_first_or_last(stream):
    def mean_count(sampler):
        *_, (rows, offered) = kept_after_each(stream, sampler)
        return np.bincount(column(stream, "item", offered))[column(stream, "item", rows)].mean()

    rare, uniform, popular = (mean_count(PopularitySampler(beta=beta)) for beta in (-1, 0, 1))
    assert rare < uniform < popular


def test_a_sampler_that_cannot_choose_says_so(stream):
    sampler = SAMPLERS["leverage"]()
    with pytest.raises(UsageError, match=r"LeverageSampler cannot choose the rows of a reservoir; set stream\.keep"):
        kept_after_each(stream, sampler)
