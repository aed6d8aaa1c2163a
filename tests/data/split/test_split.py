import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from cadc.data.prepare import prepare
from cadc.data.sources.synthetic import Synthetic
from cadc.data.split.random import RandomSplit
from cadc.data.split.split import SPLITS
from cadc.errors import DataError, UsageError
from cadc.randomness import numpy_generator

SHARE = st.floats(0.01, 0.6)


@given(SHARE, SHARE, st.integers(1, 2000), st.integers(0, 2**31))
@settings(deadline=None, max_examples=150)
def test_shares_are_met_exactly_and_every_row_has_one_part(validation, test, n_rows, seed):
    assume(validation + test < 0.99)
    place = RandomSplit(validation, test).assign(n_rows, numpy_generator(seed, "split"))
    counts = np.bincount(place, minlength=3)
    assert len(place) == n_rows
    assert counts[1] == round(validation * n_rows)
    assert counts[2] == min(round(test * n_rows), n_rows - counts[1])
    assert counts.sum() == n_rows


@given(st.integers(100, 1000), st.integers(0, 2**31))
@settings(deadline=None, max_examples=50)
def test_same_seed_same_split_and_other_seed_other_split(n_rows, seed):
    first, again, other = (
        RandomSplit().assign(n_rows, numpy_generator(each, "split")) for each in (seed, seed, seed + 1)
    )
    assert (first == again).all()
    assert (first != other).any()


def test_parts_of_a_prepared_log_are_disjoint_and_cover_it():
    log = prepare(Synthetic(n_rows=1000), RandomSplit(0.25, 0.05), split_seed=3)
    parts = [set(log.column("row", split).tolist()) for split in SPLITS]
    assert [len(part) for part in parts] == [700, 250, 50]
    assert set.union(*parts) == set(range(1000))


def test_rows_are_drawn_without_regard_to_their_place():
    place = RandomSplit().assign(100_000, numpy_generator(0, "split"))
    for name, mean in ((1, np.flatnonzero(place == 1).mean()), (2, np.flatnonzero(place == 2).mean())):
        # The mean place of 10,000 rows has a standard deviation of 274.
        assert abs(mean - 50_000) < 5 * 274, SPLITS[name]


@pytest.mark.parametrize(("validation", "test"), [(0.0, 0.1), (0.1, 1.0), (-0.1, 0.1), (0.5, 0.5), (float("nan"), 0.1)])
def test_shares_that_leave_no_part_are_usage_errors(validation, test):
    with pytest.raises(UsageError, match=r"data\.split"):
        RandomSplit(validation, test)


def test_too_few_rows_to_split_are_named_and_leave_no_folder(empty_cache):
    with pytest.raises(DataError, match=r"validation part of synthetic .*4 rows"):
        prepare(Synthetic(n_rows=4), RandomSplit())
    assert not any((empty_cache / "prepared").iterdir())
