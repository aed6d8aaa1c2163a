"""Which items compete: multiplicities, accidental hits, expectations, and where random draws come from."""

from collections import Counter

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from cadc.errors import UsageError
from cadc.models.ranking.negatives import Negatives

ROWS = torch.tensor([3, 3, 3, 5, 5, 8, 9, 11])
"""Items of the training rows; ids in between occur in none."""

BATCH = st.lists(st.sampled_from(ROWS.tolist()), min_size=1, max_size=12).map(torch.tensor)


def negatives(**options):
    made = Negatives(**options)
    made.begin(ROWS)
    return made


def competitors(contest, row):
    """The negatives of a row as a multiset of item ids, and the row's own item."""
    items = contest.items if contest.columns is None else contest.items[contest.columns[row]]
    weight = contest.weight if contest.columns is None else contest.weight[row]
    own = int(contest.own[row])
    counted = Counter()
    for column, (item, count) in enumerate(zip(items.tolist(), weight.tolist(), strict=True)):
        if column != own:
            counted[item] += int(count)
    return +counted, int(items[own])


@given(BATCH)
@settings(deadline=None)
def test_all_other_items_of_the_batch_compete_but_for_accidental_hits(batch):
    contest = negatives(in_batch="all").draw(batch)
    for row, own in enumerate(batch.tolist()):
        expected = Counter(item for item in batch.tolist() if item != own)
        assert competitors(contest, row) == (expected, own)


@given(BATCH, st.integers(0, 5), st.integers(0, 4), st.integers(0, 1000))
@settings(deadline=None)
def test_a_row_meets_the_items_of_following_rows_and_random_ones_of_the_sample(batch, in_batch, random, seed):
    torch.manual_seed(seed)
    contest = negatives(in_batch=in_batch, random=random).draw(batch)
    own, n = batch.tolist(), len(batch)
    torch.manual_seed(seed)
    drawn = torch.unique(ROWS)[torch.randint(5, (n, random))].tolist()
    for row in range(n):
        others = [own[(row + step) % n] for step in range(1, min(in_batch, n - 1) + 1)] + drawn[row]
        assert competitors(contest, row) == (Counter(item for item in others if item != own[row]), own[row])


def test_random_items_are_shared_by_a_batch_that_competes_within_itself():
    torch.manual_seed(0)
    batch = torch.tensor([3, 5, 5])
    contest = negatives(in_batch="all", random=50).draw(batch)
    assert set(contest.items.tolist()) <= set(ROWS.tolist())
    assert int(contest.weight.sum()) == len(batch) + 50
    assert contest.columns is None


@pytest.mark.parametrize(("in_batch", "random"), [("all", 0), ("all", 6), (2, 0), (0, 3), (2, 3)])
def test_expectations_are_those_of_many_draws(in_batch, random):
    torch.manual_seed(0)
    made = negatives(in_batch=in_batch, random=random)
    seen, expected = Counter(), {}
    n_draws, batch_size = 4000, 4
    for _ in range(n_draws):
        # Own item 3 would hide its own draws, so the first row is a stranger to the sample's shares.
        others = ROWS[torch.randint(len(ROWS), (batch_size - 1,))]
        contest = made.draw(torch.cat([torch.tensor([11]), others]))
        counted, _ = competitors(contest, 0)
        seen += counted
        items = contest.items if contest.columns is None else contest.items[contest.columns[0]]
        logs = contest.log_expected if contest.columns is None else contest.log_expected[0]
        expected |= dict(zip(items.tolist(), logs.exp().tolist(), strict=True))
    for item in (3, 5, 8, 9):
        assert seen[item] / n_draws == pytest.approx(expected[item], rel=0.1)


def test_a_batch_of_one_row_has_no_competitors_and_finite_numbers():
    contest = negatives(in_batch="all").draw(torch.tensor([5]))
    assert competitors(contest, 0) == (Counter(), 5)
    assert contest.log_expected.isfinite().all()


def test_a_negative_number_of_negatives_is_refused():
    with pytest.raises(UsageError, match=r"model.in_batch is -1"):
        Negatives(in_batch=-1)
    with pytest.raises(UsageError, match=r"model.random is -2"):
        Negatives(random=-2)
