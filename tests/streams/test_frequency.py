"""Sizes by frequency that forget, against sums over segments."""

from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from cadc.errors import UsageError
from cadc.streams.policies.frequency import Frequency
from cadc.streams.policy import Judged
from cadc.testing import check_policy, made_up_state

JUDGED = Judged(0.0, lambda: pytest.fail("losses are not read"))


def state_of(segment, met):
    """Return the state of a segment after others, from how often each user was met in each of them."""
    counts = torch.tensor(met).sum(0)
    # The one item is met once in each segment.
    both = {"user": counts, "item": torch.tensor([0, len(met)])}
    return replace(made_up_state(0, most=64), segment=segment, counts=both, recent=both, total=8 * (len(counts) + 2))


def sizes_after(policy, met, segments):
    for index, segment in enumerate(segments):
        state = state_of(segment, met[: index + 1])
        sizes = policy.sizes(state)
        policy.learn(state, sizes, JUDGED)
    return sizes["user"], state


@given(
    st.lists(st.lists(st.integers(0, 50), min_size=4, max_size=4), min_size=1, max_size=5),
    st.sampled_from([0.5, 1.0, 3.0]),
    st.data(),
)
def test_an_occurrence_counts_half_after_a_half_life(met, half_life, data):
    # Segments that are left out make gaps.
    segments = sorted(data.draw(st.lists(st.integers(0, 9), min_size=len(met), max_size=len(met), unique=True)))
    found, state = sizes_after(Frequency(0.5, half_life), met, segments)
    worth = [0.5 ** ((segments[-1] - own) / half_life) for own in segments]
    users = [sum(n[user] * own for n, own in zip(met, worth, strict=True)) for user in range(4)]
    weights = {"user": torch.tensor(users).double() ** 0.5, "item": torch.tensor([0, sum(worth)]).double() ** 0.5}
    expected = state.sizes_by(weights)
    assert (found - expected["user"]).abs().max() <= 1, "rounding may tip a remainder"


def test_rows_of_users_not_met_for_long_shrink_and_others_grow():
    met = [[0, 100, 100], [0, 0, 100], [0, 0, 100]]
    lasting, fading = (sizes_after(Frequency(0.5, own), met, [0, 1, 2])[0].tolist() for own in (None, 1.0))
    early, late = (sizes_after(Frequency(0.5, 1.0), met[:n], range(n))[0].tolist() for n in (1, 3))
    assert late[1] < early[1] and fading[1] < lasting[1]
    assert late[2] > early[2] and fading[2] > lasting[2]


def test_the_policy_keeps_its_contract_when_it_forgets():
    check_policy(Frequency, half_life=1.5)


@pytest.mark.parametrize("half_life", [0.0, -1.0])
def test_a_half_life_that_is_not_positive_is_refused(half_life):
    with pytest.raises(UsageError, match=r"policy\.half_life is"):
        Frequency(half_life=half_life)
