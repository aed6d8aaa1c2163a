"""Ranks of a part of a log: what is masked, who competes, and what cannot be found."""

from typing import ClassVar

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from cadc.data.prepare import prepare
from cadc.data.split.split import SPLITS, Split
from cadc.errors import CadcError, DataError
from cadc.evaluation.metrics.lookup import metric
from cadc.evaluation.ranking import HeldOutRanking
from tests.support.helpers import ListSource, small_synthetic_log

N_USERS, N_ITEMS = 5, 8


class GivenSplit(Split):
    """Puts each row where it is told to."""

    def __init__(self, place: tuple[int, ...] = ()) -> None:
        self.place = place

    def assign(self, n_rows, generator):
        return np.array(self.place, np.uint8)


def log_of(rows):
    """A log of (user, item, label, part) rows."""
    given = [(user, item, label, 0) for user, item, label, _ in rows]
    source = ListSource(given, ["F"] * N_USERS, [["a"]] * N_ITEMS)
    return prepare(source, GivenSplit(tuple(part for *_, part in rows)))


def numbers_of(log):
    """Number of each user and item in `log_of`, which are read once: a file each time costs more than the ranks."""
    return log.entity_keys("user") - 100, log.entity_keys("item") - 200


def naive_ranks(log, numbers, split, scores):
    """Rank in raw ids with a loop; `scores` [N_USERS, N_ITEMS] by raw user and item."""
    raw = {}
    for part in SPLITS:
        users, items = (own[log.column(side, part) - 1] for side, own in zip(("user", "item"), numbers, strict=True))
        raw[part] = list(zip(users.tolist(), items.tolist(), log.column("label", part).tolist(), strict=True))
    before = raw["train"] + (raw["validation"] if split == "test" else [])
    warm = {item for _, item, _ in raw["train"]}
    held_out = list(dict.fromkeys((user, item) for user, item, label in raw[split] if label == 1))
    ranks = []
    for user, item in held_out:
        met = {other for owner, other, _ in before if owner == user} - {other for who, other in held_out if who == user}
        above = sum(scores[user][other] > scores[user][item] for other in warm - met)
        equal = sum(scores[user][other] == scores[user][item] for other in warm - met - {item})
        ranks.append(1 + above + equal / 2 if item in warm else np.inf)
    return ranks


def scorer_of(numbers, ranking, scores):
    table = torch.tensor(scores)
    users, items = map(torch.from_numpy, numbers)
    return lambda asked: table[users[asked - 1]][:, items[ranking.candidates - 1]]


ROW = st.tuples(st.integers(0, N_USERS - 1), st.integers(0, N_ITEMS - 1), st.integers(0, 1))


@given(
    *(st.lists(ROW, min_size=n, max_size=m) for n, m in ((1, 25), (0, 8), (0, 8))),
    st.integers(0, 10_000),
    st.sampled_from([1, 12, 10**6]),
)
@settings(deadline=None, max_examples=100)
def test_ranks_of_a_part_equal_a_loop_over_users(train, validation, test, seed, n_scores):
    # Repeated pairs, ties and cold items all occur among so few.
    rows = [(*row, 0) for row in train] + [(*row, 1) for row in [*validation, (0, 1, 1)]]
    rows += [(*row, 2) for row in [*test, (1, 2, 1)]]
    log = log_of(rows)
    scores = np.random.default_rng(seed).integers(0, 3, (N_USERS, N_ITEMS)).astype(float)
    numbers = numbers_of(log)
    for split in ("validation", "test"):
        ranking = HeldOutRanking(log, split)
        scorer = scorer_of(numbers, ranking, scores)
        found = ranking.ranks(scorer, n_scores=n_scores)
        check_of_some(ranking, scorer, n_scores, found)
        assert found.dtype == torch.float64
        assert found.tolist() == naive_ranks(log, numbers, split, scores)
        assert ranking.is_cold.tolist() == np.isinf(found.numpy()).tolist()


def check_of_some(ranking, scorer, n_scores, of_all):
    some, asked = torch.arange(0, len(of_all), 3), [torch.empty(0, dtype=torch.int64)]

    def watched(users):
        asked.append(users)
        return scorer(users)

    assert torch.equal(ranking.ranks(watched, some, n_scores), of_all[some])
    # Users without a ranked item are not even scored.
    assert torch.isin(torch.cat(asked), ranking.users[some]).all()


TRAIN = [(0, 0, 1, 0), (0, 1, 0, 0), (1, 2, 1, 0), (1, 3, 1, 0), (2, 4, 1, 0)]
HELD_OUT = [(0, 2, 1, 1), (0, 3, 0, 1), (1, 0, 1, 2), (0, 1, 1, 2), (2, 5, 1, 2)]


class TestOfOneLog:
    scores: ClassVar = np.tile(np.arange(N_ITEMS, 0, -1.0), (N_USERS, 1))
    """The earlier an item, the better."""

    def test_negative_rows_of_training_mask_and_those_of_the_part_are_not_ranked(self):
        log = log_of(TRAIN + HELD_OUT)
        ranking = HeldOutRanking(log, "validation")
        assert ranking.rows.tolist() == [len(TRAIN)]
        assert ranking.ranks(scorer_of(numbers_of(log), ranking, self.scores)).tolist() == [1.0]

    def test_a_repeated_pair_is_ranked_and_a_cold_one_is_a_miss(self):
        log = log_of(TRAIN + HELD_OUT)
        ranking = HeldOutRanking(log, "test")
        # User 0 met 0 and 1 in training and 2 and 3 in validation; 1 is held out again. Nobody trained on item 5.
        assert ranking.ranks(scorer_of(numbers_of(log), ranking, self.scores)).tolist() == [1.0, 1.0, np.inf]
        assert ranking.is_cold.double().mean() == pytest.approx(1 / 3)
        assert sorted(log.entity_keys("item")[ranking.candidates.numpy() - 1] - 200) == [0, 1, 2, 3, 4]

    def test_a_pair_with_several_rows_in_the_part_is_ranked_once(self):
        log = log_of([*TRAIN, *HELD_OUT, (1, 0, 1, 2), (1, 3, 0, 2), (0, 1, 1, 2), (2, 1, 1, 2)])
        ranking = HeldOutRanking(log, "test")
        first = len(TRAIN) + 2
        assert ranking.rows.tolist() == [first, first + 1, first + 2, first + 6]
        ranks = ranking.ranks(scorer_of(numbers_of(log), ranking, self.scores))
        assert ranks.tolist() == [1.0, 1.0, np.inf, 1.0 + 1.0]
        rows = pd.DataFrame({"rank": ranks.numpy(), "user": ranking.users.numpy()})
        assert all(metric(name).value(rows) <= 1 for name in ("hr@10", "ndcg@10", "recall@10", "mrr"))

    def test_rows_users_and_items_name_the_same_pairs(self):
        log = log_of(TRAIN + HELD_OUT)
        ranking = HeldOutRanking(log, "test")
        for side, entities in (("user", ranking.users), ("item", ranking.items)):
            assert np.array_equal(log.column(side)[ranking.rows.numpy()], entities.numpy())

    def test_scores_of_another_number_of_items_are_refused(self):
        ranking = HeldOutRanking(log_of(TRAIN + HELD_OUT), "test")
        with pytest.raises(CadcError, match=r"\(1, 8\).*\(1, 5\)"):
            ranking.ranks(lambda users: torch.zeros(len(users), N_ITEMS))

    def test_a_part_without_positives_has_nothing_to_rank(self):
        log = log_of([*TRAIN, (0, 2, 0, 1), (1, 0, 1, 2)])
        with pytest.raises(DataError, match=r"validation part of list .*label 1"):
            HeldOutRanking(log, "validation")


def test_a_log_without_items_has_nothing_to_rank():
    log = small_synthetic_log()
    del log.entities["item"]
    with pytest.raises(DataError, match="no item fields"):
        HeldOutRanking(log, "test")
