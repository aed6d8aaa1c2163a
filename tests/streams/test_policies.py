"""Policies of conf/policy keep their contract: sizes within the bounds that meet the budget."""

from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from cadc.configuration.components import build
from cadc.configuration.compose import compose_config
from cadc.configuration.groups import groups
from cadc.errors import UsageError
from cadc.testing import check_policy, made_up_state

SMALL = {
    "bet": ("policy.evaluations=6", "policy.finalists=1", "policy.candidates=4"),
    "scall": ("policy.width=8", "policy.groups=4", "policy.evaluations=3"),
    "search_random": ("policy.evaluations=4",),
    "search_tpe": ("policy.evaluations=4", "policy.startup=1"),
}


def state_of(users, items, total, most=16, seed=0):
    counts = {"user": torch.tensor([0, *users]), "item": torch.tensor([0, *items])}
    return replace(
        made_up_state(0, most=most),
        counts=counts,
        recent=counts,
        pairs=(torch.arange(1, len(users) + 1), torch.ones(len(users), dtype=torch.int64)),
        total=total,
        vectors=lambda side: torch.zeros(len(counts[side]), most),
        value_of=lambda sizes, steps: float(-sizes["user"].double().var()),
        generator=torch.Generator().manual_seed(seed),
    )


def policy_of(name):
    return build(compose_config([f"policy={name}", *SMALL.get(name, ())])["policy"], "policy")


@pytest.mark.parametrize("name", groups()["policy"])
@given(
    st.lists(st.integers(1, 500), min_size=1, max_size=30),
    st.lists(st.integers(1, 500), min_size=1, max_size=30),
    st.integers(0, 99),
    st.data(),
)
@settings(deadline=None, max_examples=20)
def test_sizes_meet_the_budget(name, users, items, seed, data):
    n = len(users) + len(items) + 2
    state = state_of(users, items, total=data.draw(st.integers(n, 18 * n)), seed=seed)
    sizes = policy_of(name).sizes(state)
    assert {side: len(own) for side, own in sizes.items()} == {"user": len(users) + 1, "item": len(items) + 1}
    assert sum(int(own.sum()) for own in sizes.values()) == min(state.total, 16 * n)
    assert all(int(own.min()) >= 1 and int(own.max()) <= state.most for own in sizes.values())


@pytest.mark.parametrize("name", groups()["policy"])
@pytest.mark.parametrize("mean_size", [1.0, 3.3, 11.9])
def test_a_policy_keeps_its_contract(name, mean_size):
    policy = compose_config([f"policy={name}", *SMALL.get(name, ())])["policy"]
    options = {key: value for key, value in policy.items() if key != "_target_"}
    check_policy(type(policy_of(name)), mean_size=mean_size, **options)


@pytest.mark.parametrize(
    ("users", "items", "message"),
    [
        ([8, 8, 8, 8], [8, 8], "Mine gives rows 48 numbers together; expected at most the budget, 40"),
        ([0, 8, 8, 8], [8, 8], "Mine gives user rows sizes from 0 to 8; expected numbers from 1 to 16"),
        ([8, 8, 8, 8], [17, 1], "Mine gives item rows sizes from 1 to 17"),
        ([8, 8, 8], [8, 8], r"Mine gives torch.int64 of shape \[3\] as the sizes of user rows"),
    ],
)
def test_sizes_of_a_policy_that_break_the_contract_are_named(users, items, message):
    sizes = {"user": torch.tensor(users), "item": torch.tensor(items)}
    with pytest.raises(UsageError, match=message):
        state_of([100, 4, 1], [25], total=40).require_within(sizes, "Mine")


def test_sizes_follow_frequencies():
    sizes = policy_of("frequency").sizes(state_of([100, 4, 1], [25], total=40))
    assert sizes["user"][1] > sizes["item"][1] > sizes["user"][2] > sizes["user"][3]


def test_random_sizes_are_those_of_frequency_in_another_order():
    state = state_of(range(1, 20), range(1, 15), total=150)
    expected, found = policy_of("frequency").sizes(state), policy_of("random").sizes(state)
    for side, own in found.items():
        assert sorted(own.tolist()) == sorted(expected[side].tolist())
        assert own.tolist() != expected[side].tolist()
