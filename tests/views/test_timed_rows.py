"""Sums over the rows of a user before a time: the same as a loop over all rows."""

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from cadc.views.timed_rows import TimedRows

N_USERS = 4
ROWS = st.lists(st.tuples(st.integers(0, N_USERS - 1), st.integers(0, 9), st.integers(-8, 8)), max_size=40)


def timed(rows, scale):
    users, times, values = zip(*rows, strict=True) if rows else ((), (), ())
    as_long = [torch.tensor(column, dtype=torch.int64) for column in (users, times)]
    return TimedRows.of(as_long[0], as_long[1] * scale, torch.tensor(values, dtype=torch.float32), N_USERS)


@given(ROWS, st.sampled_from([1, 10**9 + 7]), st.sampled_from([None, 1, 3]))
@settings(deadline=None, max_examples=60)
def test_counts_and_sums_equal_a_loop(rows, scale, most):
    asked = [(user, time) for user in range(N_USERS) for time in range(-1, 11)]
    users, times = (torch.tensor(column) for column in zip(*asked, strict=True))
    own = timed(rows, scale)
    counts = own.count_before(users, times * scale)
    # Rows of one time have no order of their own, so that only sums of whole ones are compared.
    values = [sorted((t, v) for u, t, v in rows if u == user and t < time) for user, time in asked]
    assert counts.tolist() == [0 if user == 0 else len(found) for (user, _), found in zip(asked, values, strict=True)]
    if most is None:
        expected = [
            0 if user == 0 else sum(v for _, v in found) for (user, _), found in zip(asked, values, strict=True)
        ]
        assert own.sum_of_last(users, counts).tolist() == expected


@given(st.lists(st.integers(-8, 8), min_size=1, max_size=20), st.integers(1, 25))
@settings(deadline=None, max_examples=40)
def test_last_rows_are_those_just_before(values, most):
    own = timed([(1, place, value) for place, value in enumerate(values)], 1)
    users, times = torch.ones(len(values) + 1, dtype=torch.int64), torch.arange(len(values) + 1)
    found = own.sum_of_last(users, own.count_before(users, times), most)
    assert found.tolist() == [sum(values[max(0, place - most) : place]) for place in range(len(values) + 1)]


def test_times_take_four_bytes_where_they_fit():
    assert timed([(1, 0, 1), (1, 2, 1)], 10**9).times.dtype == torch.int32
    assert timed([(1, 0, 1), (1, 3, 1)], 10**9).times.dtype == torch.int64


def test_no_rows_have_no_sums():
    own, users = timed([], 1), torch.tensor([0, 3])
    assert own.sum_of_last(users, own.count_before(users, torch.tensor([5, 5])), 3).tolist() == [0, 0]


def test_times_that_are_far_from_those_of_the_rows_are_before_or_after_them():
    day = 10**18
    own = timed([(1, 1, 1), (1, 2, 1)], day)
    asked = torch.tensor([-(2**63), -9 * day, 2 * day, 2**63 - 1])
    assert own.count_before(torch.ones(4, dtype=torch.int64), asked).tolist() == [0, 0, 1, 2]
    wide = timed([(1, -9, 1), (1, 0, 1), (1, 9, 1)], day)  # from one end of 64 bits to the other
    assert wide.count_before(torch.ones(4, dtype=torch.int64), asked).tolist() == [0, 0, 2, 3]
