"""Histories of users: which items come before a training row, and which before what is ranked."""

import pytest
import torch

from cadc.errors import CadcError
from cadc.models.sequence.histories import ItemHistories
from tests.models.sequence.sequences import items_before


@pytest.mark.parametrize("source", ["all", "sample"])
def test_items_before_a_row_are_those_that_a_loop_finds(log, source):
    sample = log.rows("train")[::4]
    histories = ItemHistories(log.schema, source)
    histories.begin(log, sample)
    rows = sample[::7]
    before = histories.before_rows(log.gather(rows))
    held = sample if source == "sample" else log.rows("train")
    expected = items_before(log, rows, held)
    for place, (items, n_items) in enumerate(expected):
        first, end, last = (int(getattr(before, name)[place]) for name in ("first", "end", "last"))
        assert before.items[first:end].tolist() == items[: max(n_items - 1, 0)]
        assert last - first == max(n_items - 1, 0)


@pytest.mark.parametrize("most", [1 << 31, 6])
def test_what_is_remembered_replaces_what_was(log, most):
    histories = ItemHistories(log.schema, most=most)
    histories.begin(log, log.rows("train")[:10])
    users = log.users(torch.arange(1, 20))
    of_training = histories.of_users(users)
    known = torch.cat([log.rows("train"), log.rows("validation")])
    histories.remember(log, known)
    found = histories.of_users(users)
    assert (found.end - found.first >= of_training.end - of_training.first).all()
    first_rows = [int((log.entity_rows("user", known) == user).nonzero()[0]) for user in range(1, 20)]
    expected = items_before(log, known[first_rows], known, now=1 << 40)
    for place, (items, _) in enumerate(expected):
        assert found.items[int(found.first[place]) : int(found.end[place])].tolist() == items[-most:]


def test_rows_that_are_not_of_the_log_have_no_history(log):
    histories = ItemHistories(log.schema)
    histories.begin(log, log.rows("train"))
    with pytest.raises(CadcError, match="gather from the log"):
        histories.before_rows(log.users(torch.arange(1, 4)))
