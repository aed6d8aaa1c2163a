"""The budget of a stream: tables alone, or tables and kept rows together."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from cadc.embeddings.coding.dtypes import TORCH_DTYPES
from cadc.errors import UsageError
from cadc.streams.bytes_held import ROW_BYTES
from cadc.streams.protocol import LINEAR_TERM_BYTES, Protocol
from cadc.streams.reservoir import Reservoir
from cadc.streams.sizes import sizes_within


@given(st.data())
@settings(deadline=None, max_examples=60)
def test_tables_and_kept_rows_together_never_exceed_the_budget(data):
    n_beside = data.draw(st.integers(0, 1))
    protocol = Protocol(
        budget=data.draw(st.integers(500, 50_000)),
        rows_share=data.draw(st.floats(0, 1, exclude_max=True)),
        reservoir=data.draw(st.one_of(st.none(), st.integers(1, 500))),
        dtype=data.draw(st.sampled_from(["float32", "float16"])),
    )
    each, generator = TORCH_DTYPES[protocol.dtype].itemsize, np.random.default_rng(0)
    reservoir, n_rows, first = Reservoir(protocol.most_rows), 2, 0
    for segment in range(4):
        n_rows, n_own = n_rows + data.draw(st.integers(0, 40)), data.draw(st.integers(1, 900))
        try:
            total = protocol.numbers(segment, n_rows, n_beside * n_rows, reservoir.n_after(n_own))
        except UsageError:
            held = ROW_BYTES * reservoir.n_after(n_own) + protocol.smallest(n_rows, n_beside * n_rows)
            assert held > protocol.budget
            return
        weights = torch.rand(n_rows, generator=torch.Generator().manual_seed(segment))
        numbers = int(sizes_within(weights, total, most=10_000).sum())
        of_tables = each * numbers + LINEAR_TERM_BYTES * n_beside * n_rows
        before = ROW_BYTES * len(reservoir.rows)
        reservoir.add(np.arange(first, first + n_own), generator)
        after = ROW_BYTES * len(reservoir.rows)
        assert of_tables + max(before, after) <= protocol.budget < of_tables + after + each
        assert after <= protocol.rows_share * protocol.budget
        first += n_own


def test_rows_beside_the_budget_do_not_count_without_a_share():
    assert Protocol(budget=1000).numbers(0, n_rows=10, n_kept=10**6) == 250


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"rows_share": 0.5}, r"stream\.rows_share is 0\.5, a share of stream\.budget, which is null"),
        (
            {"rows_share": 1.0, "budget": 10},
            r"stream\.rows_share is 1\.0; it must be a share of the budget in \[0, 1\)",
        ),
        ({"rows_share": 0.5, "budget": 10, "factorize": "past"}, "reads rows that the budget does not hold"),
        ({"known": "shifted"}, r"have another basis; set stream\.warm=true"),
        ({"passes": 0}, r"stream\.passes is 0; it must be at least 1"),
        ({"keep": "recent"}, r"stream\.keep is 'recent'"),
    ],
)
def test_options_that_do_not_fit_are_refused(options, message):
    with pytest.raises(UsageError, match=message):
        Protocol(**options)


def test_rows_that_leave_too_little_for_tables_are_named():
    with pytest.raises(
        UsageError, match=r"do not hold segment 3, which has 100 rows; a number of each take 400 bytes, and 50 rows"
    ):
        Protocol(budget=800, rows_share=0.9).numbers(2, n_rows=100, n_kept=50)
