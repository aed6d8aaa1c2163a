"""Splits by time: no row leaks from a later part into an earlier one, and counts are exact."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cadc.data.prepare import prepare
from cadc.data.sources.synthetic import Synthetic
from cadc.data.split import chronological
from cadc.data.split.chronological import ChronologicalSplit
from cadc.data.split.global_time import GlobalTimeSplit, counts_own_rows
from cadc.data.split.leave_one_out import LeaveOneOutSplit
from cadc.data.split.random import RandomSplit
from cadc.errors import DataError, UsageError
from cadc.randomness import numpy_generator
from tests.support.helpers import ListSource

TRAIN, VALIDATION, TEST = 0, 1, 2


def rows(max_time=10**6, min_size=1, unique=False):
    """Users and times of a log; few different times make ties."""
    pair = st.tuples(st.integers(0, 8), st.integers(-3, max_time))
    key = (lambda row: row[1]) if unique else None
    return st.lists(pair, min_size=min_size, max_size=80, unique_by=key).map(
        lambda found: tuple(np.array(column) for column in zip(*found, strict=True))
    )


def assigned(split, user, time, seed=0):
    return split.assign(len(user), numpy_generator(seed, "split"), user=user.astype(np.int32), time=time)


SHARES = st.tuples(st.floats(0.05, 0.3), st.floats(0.05, 0.65))
PER_USER = st.one_of(st.just(LeaveOneOutSplit()), SHARES.map(lambda shares: ChronologicalSplit(*shares)))


@given(rows(max_time=12), PER_USER, st.integers(0, 5))
@settings(deadline=None, max_examples=150)
def test_no_row_of_a_user_is_later_than_one_of_a_later_part(log, split, seed):
    user, time = log
    place = assigned(split, user, time, seed)
    for one in np.unique(user):
        for earlier, later in ((TRAIN, VALIDATION), (VALIDATION, TEST), (TRAIN, TEST)):
            before, after = (time[(user == one) & (place == part)] for part in (earlier, later))
            if len(before) and len(after):
                assert before.max() <= after.min()


@given(rows(max_time=12), SHARES)
@settings(deadline=None, max_examples=150)
def test_each_user_gives_the_shares_of_its_rows_rounded_and_keeps_one(log, shares):
    user, time = log
    validation, test = shares
    place = assigned(ChronologicalSplit(validation, test), user, time)
    for one in np.unique(user):
        n = int((user == one).sum())
        n_test = min(round(test * n), n - 1)
        n_validation = min(round(validation * n), n - 1 - n_test)
        assert np.bincount(place[user == one], minlength=3).tolist() == [
            n - n_test - n_validation,
            n_validation,
            n_test,
        ]


@given(rows(max_time=12))
@settings(deadline=None, max_examples=100)
def test_leave_one_out_holds_out_one_and_one_and_leaves_small_users_alone(log):
    user, time = log
    split = LeaveOneOutSplit()
    place = assigned(split, user, time)
    n_small = 0
    for one in np.unique(user):
        n = int((user == one).sum())
        n_small += n < 3
        assert np.bincount(place[user == one], minlength=3).tolist() == ([n, 0, 0] if n < 3 else [n - 2, 1, 1])
    said = split.remark(place, user.astype(np.int32), time)
    n_users = len(np.unique(user))
    expected = (
        f"{n_small} of {n_users} users have too few rows for a test row; all their rows are training rows"
        if n_small
        else ""
    )
    assert said == expected


@given(rows(unique=True, min_size=5), PER_USER, st.randoms(use_true_random=False))
@settings(deadline=None, max_examples=100)
def test_the_order_of_the_rows_in_the_file_does_not_matter(log, split, random):
    user, time = log
    shuffled = np.array(random.sample(range(len(user)), len(user)))
    place = assigned(split, user, time)
    assert (assigned(split, user[shuffled], time[shuffled]) == place[shuffled]).all()
    if not counts_own_rows(user, time):
        split = GlobalTimeSplit(0.2, 0.2)
        place = assigned(split, user, time)
        assert (assigned(split, user[shuffled], time[shuffled]) == place[shuffled]).all()


@given(rows(max_time=12, min_size=10), PER_USER)
@settings(deadline=None, max_examples=50)
def test_blocks_of_users_do_not_matter(log, split):
    user, time = log
    time = time * 100 + np.arange(len(time))  # no ties, which each block breaks by numbers of its own
    whole = assigned(split, user, time)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(chronological, "BLOCK_ROWS", 7)
        assert (assigned(split, user, time) == whole).all()


@pytest.mark.parametrize("split", [LeaveOneOutSplit(), ChronologicalSplit(0.3, 0.3), GlobalTimeSplit(0.3, 0.3)])
def test_ties_are_broken_by_the_seed_alone(split):
    user, time = np.repeat(np.arange(50), 10), np.tile([1, 2, 2, 2, 2, 2, 2, 2, 2, 2], 50)
    first, again, other = (assigned(split, user, time, seed) for seed in (0, 0, 1))
    assert (first == again).all()
    assert (first != other).any()
    # Every place among the tied rows is held out about as often.
    tested = np.zeros(10)
    for seed in range(200):
        tested += (assigned(split, user, time, seed) == TEST).reshape(50, 10).sum(0)
    expected = tested[1:].mean()
    assert tested[0] < tested[1:].min()
    assert (abs(tested[1:] - expected) < 5 * np.sqrt(expected)).all()


@given(rows(max_time=12, min_size=10), SHARES)
@settings(deadline=None, max_examples=150)
def test_global_time_cuts_everyone_at_the_same_times_with_exact_shares(log, shares):
    user, time = log
    validation, test = shares
    if counts_own_rows(user, time) or time.min() == time.max():
        return
    place = assigned(GlobalTimeSplit(validation, test), user, time)
    assert (place == TEST).sum() == round(test * len(user))
    assert (place == VALIDATION).sum() == round(validation * len(user))
    for earlier, later in ((TRAIN, VALIDATION), (VALIDATION, TEST), (TRAIN, TEST)):
        before, after = time[place == earlier], time[place == later]
        if len(before) and len(after):
            assert before.max() <= after.min()


@pytest.mark.parametrize("start", [0, 1, 10**9])
def test_times_that_count_each_users_rows_are_no_clock(start):
    counts = [3, 5, 1, 4]
    user = np.repeat(np.arange(4), counts)
    time = np.concatenate([start + np.random.default_rng(0).permutation(n) for n in counts])
    assert counts_own_rows(user, time)
    with pytest.raises(DataError, match="choose data/split=chronological"):
        assigned(GlobalTimeSplit(), user, time)
    # One user that begins later, or one gap, makes them a clock that could be shared.
    assert not counts_own_rows(user, time + (user == 1))
    assert not counts_own_rows(user, np.where((user == 3) & (time == start + 2), start + 4, time))
    # Ties within a user are no counter either, though the first and the last time agree.
    assert not counts_own_rows(user, np.where((user == 1) & (time == start + 2), start + 1, time))


def test_times_that_only_add_up_like_a_counter_are_a_clock():
    assert not counts_own_rows(np.array([0, 0, 0, 1, 1, 1, 1]), np.array([0, 0, 3, 0, 1, 2, 3]))


@pytest.mark.parametrize("user", [[0, 0, 0, 0], [0, 1, 2, 3]])
def test_a_single_history_and_single_rows_are_no_counters(user):
    assert not counts_own_rows(np.array(user), np.array([0, 1, 2, 3]))


def test_one_time_for_all_rows_cannot_be_split():
    with pytest.raises(DataError, match="all rows have the same time"):
        assigned(GlobalTimeSplit(), np.array([0, 0, 1]), np.array([5, 5, 5]))


@pytest.mark.parametrize("split", [LeaveOneOutSplit(), ChronologicalSplit(), GlobalTimeSplit()])
def test_log_without_times_says_which_split_needs_them(split, empty_cache):
    source = ListSource([(n % 5, n % 4, n % 2, "am") for n in range(40)], ["F"] * 5, [["s"]] * 4)
    with pytest.raises(DataError) as error:
        prepare(source, split)
    assert str(error.value).startswith(f"list has no column time, which {type(split).__name__} needs")
    assert not any((empty_cache / "prepared").iterdir())


@pytest.mark.parametrize("split", [ChronologicalSplit, GlobalTimeSplit])
@pytest.mark.parametrize(("validation", "test"), [(0.0, 0.1), (0.1, 1.0), (0.5, 0.5), (float("nan"), 0.1)])
def test_shares_that_leave_no_part_are_usage_errors(split, validation, test):
    with pytest.raises(UsageError, match=r"data\.split"):
        split(validation, test)


def test_users_left_in_training_are_counted_said_and_kept_with_the_log(capsys):
    source = Synthetic(n_rows=300, n_users=150, n_items=20)
    log = prepare(source, LeaveOneOutSplit())
    counts = np.bincount(log.column("user"))
    n_users, n_small = int((counts > 0).sum()), int(((counts > 0) & (counts < 3)).sum())
    said = f"{n_small} of {n_users} users have too few rows for a test row; all their rows are training rows"
    assert n_small > 0
    assert log.meta["split_remark"] == said
    assert capsys.readouterr().err == f"synthetic: {said}\n"
    assert log.n_rows("test") == log.n_rows("validation") == n_users - n_small


def test_random_split_takes_the_rows_that_it_always_took():
    # Finished runs depend on it.
    place = RandomSplit().assign(20, numpy_generator(0, "split"))
    assert np.flatnonzero(place).tolist() == RANDOM_HELD_OUT
    assert prepare(Synthetic(n_rows=2000), RandomSplit()).content_hash == SYNTHETIC_CONTENT


RANDOM_HELD_OUT = [5, 13, 17, 18]
SYNTHETIC_CONTENT = "91b9627a98b17574c2ae52c2e2dfcaef29da369464cd35832d55979f16734c40"
