"""Rows by user and time, and the items that users took, against loops over rows."""

from collections import defaultdict

import pytest
import torch

from cadc.views.user_rows import rows_by_user, taken_items


def naive_order(log, rows):
    """The rows of each user in order of time, by a loop; Python's sort keeps the order of equal times."""
    users, times = log.field_ids("user", rows).tolist(), log.column("time")[rows.numpy()].tolist()
    found = defaultdict(list)
    for row, user, time in zip(rows.tolist(), users, times, strict=True):
        found[user].append((time, row))
    return {user: [row for _, row in sorted(own, key=lambda pair: pair[0])] for user, own in found.items()}


@pytest.fixture
def rows(log):
    return torch.cat([log.rows("train"), log.rows("validation")])[::3]


def test_rows_of_a_user_are_in_order_of_time(log, rows):
    first, ordered = rows_by_user(log, rows)
    expected = naive_order(log, rows)
    assert len(ordered) == len(rows)
    for user in range(len(first) - 1):
        assert ordered[first[user] : first[user + 1]].tolist() == expected.get(user, [])


def test_items_are_those_with_label_1_each_where_it_was_taken_last(log, rows):
    first, items = taken_items(log, rows)
    everything = torch.arange(int(rows.max()) + 1)
    item_of, label_of = log.field_ids("item", everything).tolist(), log.labels(everything).tolist()
    expected = naive_order(log, rows)
    assert len(items) > 0
    for user in range(1, len(first) - 1):
        taken = [item_of[row] for row in expected.get(user, []) if label_of[row] == 1 and item_of[row] > 0]
        last = [item for place, item in enumerate(taken) if item not in taken[place + 1 :]]
        assert items[first[user] : first[user + 1]].tolist() == last
