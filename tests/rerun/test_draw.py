"""Samples of runs are spread over experiments and arms, and can be drawn again."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from cadc.rerun.draw import in_drawn_order
from cadc.rerun.recorded import Recorded

SIZES = {"large": {"a": 9, "b": 9, "c": 9}, "small": {"a": 1}, "medium": {"a": 2, "b": 4}}


def recorded(sizes):
    return [
        Recorded({"id": f"{place}-{arm}-{number}"}, place, arm)
        for place, arms in sizes.items()
        for arm, n in arms.items()
        for number in range(n)
    ]


def ids(runs):
    return [own.run_id for own in runs]


def test_a_seed_gives_one_order_whatever_the_order_of_the_files():
    runs = recorded(SIZES)
    assert ids(in_drawn_order(runs, 3)) == ids(in_drawn_order(runs[::-1], 3))
    assert ids(in_drawn_order(runs, 3)) != ids(in_drawn_order(runs, 4))


def test_the_first_runs_are_of_different_experiments_and_then_of_different_arms():
    for seed in range(5):
        order = in_drawn_order(recorded(SIZES), seed)
        assert {own.place for own in order[:3]} == set(SIZES)
        arms = [own.arm for own in order if own.place == "large"]
        assert set(arms[:3]) == set(arms[3:6]) == {"a", "b", "c"}


@given(
    st.dictionaries(st.sampled_from("xyz"), st.dictionaries(st.sampled_from("abc"), st.integers(0, 5))),
    st.integers(0, 9),
)
def test_every_run_is_drawn_once(sizes, seed):
    runs = recorded(sizes)
    assert Counter(ids(in_drawn_order(runs, seed))) == Counter(ids(runs))
