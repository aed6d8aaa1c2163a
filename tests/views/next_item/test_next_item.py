"""Views of what is taken next, against loops over histories."""

from collections import Counter, defaultdict

import numpy as np
import pytest
import torch

from cadc.errors import UsageError
from cadc.views.evidence import Evidence
from cadc.views.histories import KnownRows
from cadc.views.next_item.recent_ease import RecentEASE
from cadc.views.next_item.transitions import Transitions, successors
from cadc.views.views import FittedPart, Views
from tests.views.items.test_ease_weights import naive_weights
from tests.views.test_user_rows import naive_order


def taken_by_user(log, rows):
    """Items with label 1 of each user in order of time, by a loop."""
    item_of, label_of = (
        dict(zip(rows.tolist(), values.tolist(), strict=True))
        for values in (log.field_ids("item", rows), log.labels(rows))
    )
    return {
        user: [item_of[row] for row in own if label_of[row] == 1 and item_of[row] > 0]
        for user, own in naive_order(log, rows).items()
        if user > 0
    }


def numbers_of(view, log, rows, users, items):
    """Numbers of all pairs, from `item_numbers`; users have the histories of the rows."""
    arrays = {"own": view.fit(Evidence(log, rows))}
    known = KnownRows.of_rows(log, rows, ("label",))
    module = Views({"own": view}, [FittedPart(arrays, known)], log.schema)
    places = [
        (log.entities[side].ids[:, 0] == ids[:, None]).int().argmax(1)
        for side, ids in (("user", users), ("item", items))
    ]
    return module.item_scorer(log.items(places[1]))(log.users(places[0]))[:, :, 0].numpy()


def test_transitions_equal_loops_over_histories(log):
    rows, users, items = log.rows("train")[::2], torch.arange(1, 12), torch.arange(1, 40)
    sums, counts, n_items = defaultdict(float), Counter(), log.schema["item"].vocabulary_size
    taken = taken_by_user(log, rows)
    for own in taken.values():
        counts.update(own)
        for place, item in enumerate(own):
            for distance, later in enumerate(own[place + 1 : place + 4], start=1):
                sums[item, later] += 1 / distance
    of_item = defaultdict(float)
    for (item, _), value in sums.items():
        of_item[item] += value
    expected = np.empty((len(users), len(items)))
    for place, user in enumerate(users.tolist()):
        own = taken[user]
        weights = [0.7**step for step in reversed(range(len(own)))]
        for column, candidate in enumerate(items.tolist()):
            share = counts[candidate] / sum(counts.values())
            chances = [(sums[item, candidate] + 2.0 * share) / (of_item[item] + 2.0) for item in own]
            chance = np.average(chances, weights=weights) if own else share
            expected[place, column] = np.log(1 + n_items * chance)
    found = numbers_of(Transitions(window=3, decay=0.7, shrinkage=2.0), log, rows, users, items)
    np.testing.assert_allclose(found, expected, rtol=2e-3)  # weights are kept in 16 bits


def test_recent_ease_weighs_what_was_taken_lately(log):
    rows, users, items = log.rows("train")[::2], torch.arange(1, 12), torch.arange(1, 40)
    n_users, n_items = (log.schema[name].vocabulary_size for name in ("user", "item"))
    taken, matrix = taken_by_user(log, rows), np.zeros((n_users, n_items), np.float32)
    for user, own in taken.items():
        matrix[user, own] = 1
    weights = naive_weights(matrix, 20.0)
    expected = [
        sum((0.5**step * weights[item] for step, item in enumerate(reversed(taken[user]))), np.zeros(n_items))
        for user in users.tolist()
    ]
    found = numbers_of(RecentEASE(l2=20.0, decay=0.5, top_k=n_items), log, rows, users, items)
    np.testing.assert_allclose(found, np.stack(expected)[:, items.numpy()], atol=2e-3)  # weights are kept in 8 bits


def test_items_that_few_took_are_not_weighed(log):
    evidence = Evidence(log, log.rows("train"))
    fitted = RecentEASE(l2=20.0, most_items=30).fit(evidence)
    takers = Counter(item for own in taken_by_user(log, log.rows("train")).values() for item in set(own))
    weighed = fitted["first"].diff().nonzero()[:, 0].tolist()
    assert sorted(takers[item] for item in weighed) == sorted(takers.values())[-30:]


@pytest.mark.parametrize("options", [{"decay": 0.0}, {"decay": 1.5}, {"window": 0}, {"shrinkage": -1.0}])
def test_options_out_of_range_are_refused(options):
    with pytest.raises(UsageError, match=rf"views.transitions.{next(iter(options))} is"):
        Transitions(**options)


def test_a_window_longer_than_all_histories_is_no_work():
    first, items = np.array([0, 0, 1, 4]), np.array([1, 0, 2, 1])
    expected = np.zeros((3, 3), np.float32)
    expected[0, 2], expected[0, 1], expected[2, 1] = 1, 0.5, 1
    assert np.array_equal(successors(first, items, 3, window=10**12).toarray(), expected)
    assert successors(np.zeros(1, int), items[:0], 3, window=2).nnz == 0
