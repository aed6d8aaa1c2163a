"""The split by a hash of each row's number meets its shares up to chance, and SQL finds the same parts."""

import numpy as np
import pytest

from cadc.data.split import hashed
from cadc.data.split.hashed import HashedSplit
from cadc.errors import UsageError
from cadc.randomness import hashed_uniform, numpy_generator

MIX = """CREATE MACRO mixed(value) AS (
    WITH a AS (SELECT (xor(value, value >> 30) * 13787848793156543929::UHUGEINT) & 18446744073709551615::UHUGEINT AS a),
         b AS (SELECT (xor(a, a >> 27) * 10723151780598845931::UHUGEINT) & 18446744073709551615::UHUGEINT AS b FROM a)
    SELECT xor(b, b >> 31) FROM b)"""


def test_shares_are_met_up_to_chance():
    n_rows = 200_000
    place = HashedSplit(0.1, 0.2).assign(n_rows, numpy_generator(0, "split"))
    found = np.bincount(place, minlength=3) / n_rows
    # Five standard deviations of a binomial share.
    np.testing.assert_allclose(found, [0.7, 0.1, 0.2], atol=5 * 0.5 / n_rows**0.5)


def test_rows_of_one_part_are_not_neighbours():
    place = HashedSplit(0.1, 0.1).assign(100_000, numpy_generator(0, "split"))
    held_out = (place > 0).astype(float)
    for lag in (1, 2, 16, 4096):
        assert abs(np.corrcoef(held_out[lag:], held_out[:-lag])[0, 1]) < 0.02


def test_blocks_of_any_size_give_the_same_parts(monkeypatch):
    expected = HashedSplit().assign(1000, numpy_generator(3, "split"))
    monkeypatch.setattr(hashed, "BLOCK_ROWS", 7)
    assert np.array_equal(HashedSplit().assign(1000, numpy_generator(3, "split")), expected)
    assert not np.array_equal(HashedSplit().assign(1000, numpy_generator(4, "split")), expected)


def test_shares_that_leave_no_training_rows_are_refused():
    with pytest.raises(UsageError, match="leave no rows for training"):
        HashedSplit(0.5, 0.5)


@pytest.mark.cluster("scale")
@pytest.mark.parametrize("seed", [0, 5, 2**63 - 1])
def test_sql_computes_the_same_numbers(seed):
    import duckdb

    start = (seed + 0x9E3779B97F4A7C15) % 2**64
    with duckdb.connect() as connection:
        connection.execute(MIX)
        found = connection.sql(
            f"SELECT (mixed(xor(mixed({start}::UHUGEINT), row::UHUGEINT)) >> 11)::DOUBLE / 9007199254740992 "
            "FROM range(200) numbers(row) ORDER BY row"
        ).fetchall()
    assert [value for (value,) in found] == hashed_uniform(np.arange(200), seed).tolist()
