"""Which ids occur in some rows, compared with a loop over the rows."""

import torch

from cadc.data.seen_ids import seen_ids
from tests.support.helpers import decode, small_synthetic_log


def test_seen_ids_are_those_of_a_loop_over_rows_and_bags():
    log = small_synthetic_log()
    rows = log.rows("train")[5:40]
    raw = decode(log, rows)
    for name, mask in seen_ids(log, rows).items():
        values = log.vocabulary(name).tolist()
        told = {value for found in raw[name] for value in (found if isinstance(found, list) else [found])} - {None}
        assert {values[number - 1] for number in torch.nonzero(mask)[:, 0].tolist()} == told
        assert not mask[0]


def test_only_the_fields_asked_for_are_looked_at():
    log = small_synthetic_log()
    assert set(seen_ids(log, log.rows("train"), ["item"])) == {"item"}
