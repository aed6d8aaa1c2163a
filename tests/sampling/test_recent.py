import numpy as np
import pytest

from cadc.errors import DataError, UsageError
from cadc.sampling.recent import RecentSampler
from tests.sampling.samplers import LOGS, changed, draw
from tests.support.helpers import small_synthetic_log


def histories(log):
    """Training rows of each user by time, the latest first, by a plain loop."""
    user, time = log.column("user", "train"), log.column("time", "train")
    rows = {}
    for row in sorted(range(len(user)), key=lambda row: -time[row]):
        rows.setdefault(int(user[row]), []).append(row)
    return rows


@pytest.mark.parametrize("k", [1, 3, 10_000])
def test_k_latest_rows_of_every_user_stay(k):
    log = small_synthetic_log()
    expected = sorted(row for rows in histories(log).values() for row in rows[:k])
    assert draw(RecentSampler(k=k), log).rows.tolist() == expected


@pytest.mark.parametrize("source", ["synthetic", pytest.param("ml-100k", marks=pytest.mark.realdata)])
def test_by_rate_every_user_keeps_a_share_of_the_latest(source):
    log = LOGS[source]()
    kept = np.zeros(log.n_rows("train"), bool)
    kept[draw(RecentSampler(0.25), log).rows] = True
    time = log.column("time", "train")
    for rows in histories(log).values():
        n_kept = kept[rows].sum()
        assert abs(n_kept - 0.25 * len(rows)) < 1.2
        if 0 < n_kept < len(rows):
            rows = np.array(rows)
            assert time[rows[kept[rows]]].min() >= time[rows[~kept[rows]]].max()


def test_equal_times_are_in_random_order(tmp_path):
    log = changed(small_synthetic_log(), tmp_path / "log", time=np.zeros(4800, np.int64))
    counts = np.zeros(4800)
    for seed in range(300):
        counts[draw(RecentSampler(k=5), log, seed).rows] += 1
    user = log.column("user", "train")
    expected = 300 * np.minimum(1, 5 / np.bincount(user)[user])
    z = (counts - expected) / np.sqrt(expected * (1 - expected / 300) + 1e-9)
    assert abs((z[expected < 300] ** 2).mean() - 1) < 0.15


def test_samples_are_nested_in_k():
    log = small_synthetic_log()
    few, many = (set(draw(RecentSampler(k=k), log).rows.tolist()) for k in (4, 5))
    assert few < many


@pytest.mark.parametrize("options", [{"k": 3}, {"rate": 0.1}])
def test_log_without_times_is_refused_in_one_sentence(options, tmp_path):
    log = changed(small_synthetic_log(), tmp_path / "log", time=None)
    with pytest.raises(DataError, match=r"^the log synthetic has no column time"):
        draw(RecentSampler(**options), log)


def test_k_and_rate_together_are_a_usage_error():
    with pytest.raises(UsageError, match=r"sampler\.k is 3 and sampler\.rate is 0\.5"):
        RecentSampler(rate=0.5, k=3)


def test_k_below_one_is_a_usage_error():
    with pytest.raises(UsageError, match=r"sampler\.k is 0.* 1"):
        RecentSampler(k=0)
