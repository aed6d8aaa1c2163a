"""Histories of users: their rows in order of time, in few bytes."""

import numpy as np
import pytest
import torch

from cadc.testing import small_log
from cadc.testing.logs import log_with
from cadc.views.histories import KnownRows

COLUMNS = ("label", "rating", "time")


def test_each_user_of_a_batch_has_its_rows_in_order_of_time():
    log = small_log()
    rows = log.rows("train")[::3]
    asked = torch.tensor([7, 3, 0, 7])
    found = KnownRows.of_rows(log, rows, COLUMNS).of_users(asked)
    users = log.field_ids("user", rows).numpy()
    own = {name: log.column(name)[rows.numpy()] for name in COLUMNS} | {"items": log.field_ids("item", rows).numpy()}
    for place, user in enumerate(asked.tolist()):
        of_user = [row for row in np.flatnonzero(users == user) if own["items"][row] and user]
        of_user.sort(key=lambda row: (own["time"][row], row))
        history = int(found.of[place])
        span = slice(int(found.first[history]), int(found.first[history + 1]))
        parts = {"items": found.items, "label": found.label, "rating": found.rating, "time": found.time}
        for name, values in parts.items():
            assert values[span].tolist() == own[name][of_user].tolist()


@pytest.mark.parametrize(
    "shift, dtype", [(0.0, torch.uint8), (0.5, torch.float16), (-9.0, torch.float16), (0.1, torch.float32)]
)
def test_ratings_are_kept_in_the_fewest_bytes_that_hold_them(shift, dtype, tmp_path):
    log = small_log()
    shifted = log_with(log, tmp_path / "log", rating=log.column("rating") + np.float32(shift))
    known = KnownRows.of_rows(shifted, log.rows("train"), ["rating"])
    assert known.arrays["rating"].dtype == dtype
    small = KnownRows(known.in_few_bytes(log.schema["item"].vocabulary_size))
    assert small.arrays["items"].dtype == torch.uint16
    every = small.of_users(torch.arange(log.schema["user"].vocabulary_size))
    assert every.rating.dtype == torch.float32 and every.items.dtype == torch.int64
    kept = shifted.ratings(log.rows("train"))
    assert every.rating.double().sum() == pytest.approx(float(kept.double().sum()))
    torch.testing.assert_close(every.items, known.arrays["items"].long())


def test_items_beyond_65535_keep_their_numbers():
    first, items = torch.tensor([0, 2]), torch.tensor([1 << 16, 5], dtype=torch.int32)
    known = KnownRows(KnownRows({"first": first, "items": items}).in_few_bytes((1 << 16) + 1))
    assert known.of_users(torch.tensor([0])).items.tolist() == [1 << 16, 5]
