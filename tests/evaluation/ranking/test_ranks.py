import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from cadc.errors import CadcError, DataError
from cadc.evaluation.ranking import DotProduct, Masked, full_ranks


def naive_rank(scores, item, left_out):
    """Return the mid rank by counting candidates one after the other."""
    above = equal = 0
    for other, score in enumerate(scores.tolist()):
        if other != item and other not in left_out:
            above += score > scores[item].item()
            equal += score == scores[item].item()
    return 1 + above + equal / 2


@st.composite
def problems(draw):
    n_users, n_items = draw(st.integers(1, 6)), draw(st.integers(1, 9))
    pairs = st.tuples(st.integers(0, n_users - 1), st.integers(0, n_items - 1))
    held_out = draw(st.lists(pairs, min_size=1, max_size=15, unique=True))
    masked = [pair for pair in draw(st.lists(pairs, max_size=25)) if pair not in held_out]
    seed = draw(st.integers(0, 10_000))
    return n_users, n_items, held_out, masked, seed, draw(st.booleans())


@given(problems(), st.sampled_from([1, 7, 20, 4_000_000]))
@settings(deadline=None, max_examples=200)
def test_ranks_equal_a_loop_over_candidates(problem, n_scores):
    n_users, n_items, held_out, masked, seed, few_candidates = problem
    generator = torch.Generator().manual_seed(seed)
    # Small whole numbers tie often, and their products are exact.
    model = DotProduct(
        torch.randint(-2, 3, (n_users, 2), generator=generator).float(),
        torch.randint(-2, 3, (n_items, 2), generator=generator).float(),
        torch.randint(0, 2, (n_items,), generator=generator).float(),
    )
    candidates = torch.rand(n_items, generator=generator) < 0.7 if few_candidates else None
    users, items = torch.tensor(held_out).T
    masked_users, masked_items = torch.tensor(masked, dtype=torch.int64).reshape(-1, 2).T
    found = full_ranks(model, users, items, Masked(masked_users, masked_items), candidates, n_scores)
    cold = set() if candidates is None else set(torch.where(~candidates)[0].tolist())
    for rank, (user, item) in zip(found.tolist(), held_out, strict=True):
        scores = model.item_vectors @ model.user_vectors[user] + model.item_biases
        left_out = cold | {other for owner, other in masked if owner == user}
        assert rank == (float("inf") if item in cold else naive_rank(scores, item, left_out))


def test_any_scorer_and_any_order_of_pairs_give_the_same_ranks():
    torch.manual_seed(0)
    table = torch.randn(30, 50)
    users, items = torch.randint(0, 30, (80,)), torch.randint(0, 50, (80,))
    order = torch.randperm(80)
    ranks = full_ranks(lambda asked: table[asked], users, items)
    assert torch.equal(full_ranks(lambda asked: table[asked], users[order], items[order], n_scores=60), ranks[order])
    expected = (-table).argsort(1).argsort(1)[users, items] + 1
    assert torch.equal(ranks, expected.double())


def test_no_more_scores_are_asked_for_than_allowed():
    asked_for = []

    def scorer(users):
        asked_for.append(len(users))
        return torch.rand(len(users), 100)

    full_ranks(scorer, torch.arange(57), torch.zeros(57, dtype=torch.int64), n_scores=1000)
    assert max(asked_for) <= 10
    assert sum(asked_for) == 57


def test_users_of_a_large_catalogue_are_scored_together():
    asked_for = []

    def scorer(users):
        asked_for.append(len(users))
        return torch.rand(len(users), 600_000)

    full_ranks(scorer, torch.arange(33), torch.zeros(33, dtype=torch.int64))
    assert asked_for == [1, 16, 16]


def test_the_table_of_a_scorer_is_left_as_it_was():
    table = torch.arange(6.0).reshape(2, 3)
    before = table.clone()
    full_ranks(
        lambda users: table[users],
        torch.tensor([0, 1]),
        torch.tensor([0, 1]),
        Masked(torch.tensor([0]), torch.tensor([2])),
    )
    assert torch.equal(table, before)


def test_users_are_all_found_on_movielens_size():
    torch.manual_seed(0)
    model = DotProduct(torch.randn(6040, 8), torch.randn(3706, 8))
    users, items = torch.arange(6040), torch.randint(0, 3706, (6040,))
    masked_users = torch.randint(0, 6040, (50_000,))
    masked_items = torch.randint(0, 3706, (50_000,))
    keep = masked_items != items[masked_users]
    masked = Masked(masked_users[keep], masked_items[keep])
    found = full_ranks(model, users, items, masked)
    for user in (0, 1, 3000, 6039):
        left_out = set(masked_items[keep][masked_users[keep] == user].tolist())
        scores = model(torch.tensor([user]))[0]
        assert found[user] == naive_rank(scores, items[user].item(), left_out)


def test_infinite_scores_of_candidates_count_and_masked_items_do_not():
    scores = torch.tensor([[-torch.inf, -torch.inf, 0.0, torch.inf]])
    ranks = full_ranks(
        lambda users: scores, torch.tensor([0]), torch.tensor([0]), Masked(torch.tensor([0]), torch.tensor([3]))
    )
    assert ranks.tolist() == [2.5]


def test_a_held_out_pair_that_is_masked_raises_data_error():
    pair = torch.tensor([1]), torch.tensor([2])
    with pytest.raises(DataError, match="pair is masked"):
        full_ranks(lambda users: torch.rand(len(users), 4), *pair, Masked(*pair))


def test_a_nan_score_raises_cadc_error():
    with pytest.raises(CadcError, match="1 of 3 scores are NaN"):
        full_ranks(lambda users: torch.tensor([[0.0, np.nan, 1.0]]), torch.tensor([0]), torch.tensor([0]))


@given(problems(), st.lists(st.integers(0, 7), max_size=9), st.booleans())
@settings(deadline=None, max_examples=100)
def test_masked_items_of_users_in_any_order_are_those_of_a_loop(problem, asked, keeps):
    _, _, held_out, masked, _, _ = problem
    pairs = masked + held_out
    users, items = torch.tensor(pairs, dtype=torch.int64).T
    found = Masked(users, items, kept=tuple(torch.tensor(held_out).T) if keeps else None)
    expected = sorted({*masked} if keeps else {*pairs})
    assert [*zip(found.users.tolist(), found.items.tolist(), strict=True)] == expected
    count, others = found.of(torch.tensor(asked, dtype=torch.int64))
    by_user = [[item for owner, item in expected if owner == user] for user in asked]
    assert count.tolist() == [len(own) for own in by_user]
    assert others.tolist() == [item for own in by_user for item in own]
