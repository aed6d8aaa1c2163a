"""Bits that are given out greedily, against all ways of giving them out."""

from itertools import pairwise, product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cadc.embeddings.fitting.bit_allocation import allot, best_step, choices_of

WIDTHS = range(4)


def lost(errors, widths):
    return sum(own[bits] for own, bits in zip(errors, widths, strict=True))


def taken(sizes, widths):
    return sum(size * bits for size, bits in zip(sizes, widths, strict=True))


def best_of_all(errors, sizes, room, choices):
    ways = [way for way in product(choices, repeat=len(sizes)) if taken(sizes, way) <= room]
    return min((lost(errors, way) for way in ways), default=None)


@st.composite
def tasks(draw):
    n = draw(st.integers(1, 4))
    errors = [draw(st.lists(st.floats(0, 100), min_size=4, max_size=4)) for _ in range(n)]
    sizes = draw(st.lists(st.integers(1, 9), min_size=n, max_size=n))
    choices = draw(st.sampled_from([(0, 1, 2, 3), (0, 2), (1, 3), (0,), (2,)]))
    return errors, sizes, draw(st.integers(0, 60)), choices


@settings(max_examples=150, deadline=None)
@given(tasks())
def test_room_is_kept_and_less_than_a_step_is_lost_against_the_best_way(task):
    errors, sizes, room, choices = task
    everything = [choices[-1]] * len(sizes)
    found = allot(errors, sizes, room, choices, everything)
    best = best_of_all(errors, sizes, room, choices)
    if best is None:
        assert found is None
        return
    assert taken(sizes, found) <= room
    assert set(found) <= set(choices)
    # The known bound of the greedy way: it is at most the gain of one step away.
    largest = max((own[a] - own[b] for own in errors for a in choices for b in choices if a < b), default=0)
    assert lost(errors, found) - best <= max(largest, 0) + 1e-9


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(st.integers(1, 50), min_size=3, max_size=3), min_size=1, max_size=4), st.integers(0, 12))
def test_where_gains_shrink_and_groups_are_alike_in_size_it_is_the_best_way(steps, room):
    errors = []
    for own in steps:
        gains = sorted(own, reverse=True)
        errors.append([float(sum(gains[bits:])) for bits in WIDTHS])
    found = allot(errors, [1] * len(errors), room, tuple(WIDTHS), [3] * len(errors))
    assert lost(errors, found) == best_of_all(errors, [1] * len(errors), room, tuple(WIDTHS))
    assert taken([1] * len(errors), found) == min(room, 3 * len(errors))


def test_groups_get_what_they_want_before_others_get_more():
    errors = [[9.0, 4.0, 1.0, 0.0], [90.0, 40.0, 10.0, 1.0]]
    for room, expected in ((2, [1, 1]), (3, [2, 1]), (4, [2, 2]), (5, [2, 3]), (6, [3, 3])):
        assert allot(errors, [1, 1], room, (0, 1, 2, 3), [2, 1]) == expected


def test_a_step_over_a_width_that_gains_nothing_is_taken():
    assert allot([[10.0, 10.0, 0.0, 0.0]], [5], 10, (0, 1, 2, 3), [3]) == [2]
    assert allot([[10.0, 10.0, 0.0, 0.0]], [5], 9, (0, 1, 2, 3), [3]) == [0]


def test_what_does_not_fit_makes_way_for_less():
    errors = [[100.0, 99.0, 0.0, 0.0], [10.0, 4.0, 1.0, 0.0]]
    for room, expected in ((12, [0, 3]), (13, [1, 3]), (20, [1, 3]), (21, [2, 1]), (23, [2, 3])):
        assert allot(errors, [10, 1], room, (0, 1, 2, 3), [3, 3]) == expected


def test_the_next_step_is_that_of_the_largest_gain_for_a_bit():
    errors, sizes = [[8.0, 2.0, 0.0, 0.0], [9.0, 8.0, 7.0, 6.0]], [2, 1]
    step = best_step([0, 0], errors, sizes, (0, 1, 2, 3))
    assert (step.group, step.width, step.gain) == (0, 1, 3.0)
    assert best_step([3, 3], errors, sizes, (0, 1, 2, 3)) is None


@pytest.mark.parametrize("n", [1, 2, 3, 5, 7])
def test_choices_are_all_that_a_few_bits_a_row_can_tell_apart(n):
    found = list(choices_of(range(n)))
    assert all(a < b for own in found for a, b in pairwise(own))
    assert len(set(found)) == len(found)
    assert {len(own) for own in found} == {min(1 << bits, n) for bits in range((n - 1).bit_length() + 1)}
    assert found[-1] == tuple(range(n))
