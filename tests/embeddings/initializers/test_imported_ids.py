"""Vectors from a file find the values of the log, whatever type the file keeps their ids in."""

from decimal import Decimal

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest
import torch

from cadc.data.prepare import prepare
from cadc.data.sources.table import Table
from cadc.data.split.random import RandomSplit
from cadc.embeddings.initializers.table import TableInitializer
from cadc.errors import DataError

IDS = list(range(1, 9))


@pytest.fixture
def log(tmp_path):
    path = tmp_path / "log.csv"
    path.write_text("user,y\n" + "".join(f"{IDS[row % 8]},{row % 2}\n" for row in range(160)))
    return prepare(Table(str(path), user="user", label="y"), RandomSplit())


def imported(log, path, ids):
    vectors = np.arange(2.0 * len(ids)).reshape(-1, 2)
    columns = {"value": ids, "a": pa.array(vectors[:, 0]), "b": pa.array(vectors[:, 1])}
    pa.parquet.write_table(pa.table(columns), path)
    start = {"user": torch.full((log.schema["user"].vocabulary_size, 2), -1.0)}
    return TableInitializer(path=str(path), fields=("user",)).enriched(log, 2, None, start)["user"]


@pytest.mark.parametrize(
    "ids",
    [
        pa.array(IDS),
        pa.array(IDS, pa.float64()),
        pa.array(IDS, pa.float32()),
        pa.array([Decimal(n) for n in IDS], pa.decimal128(6, 2)),
        pa.array([str(n) for n in IDS]),
        pa.array([f"{n}.0" for n in IDS]),
        pa.array([str(n).encode() for n in IDS]),
        pa.array(IDS).dictionary_encode(),
    ],
    ids=lambda ids: str(ids.type),
)
def test_ids_of_any_type_are_those_of_the_log(log, tmp_path, ids):
    table = imported(log, tmp_path / "users.parquet", ids)
    for place, value in enumerate(log.vocabulary("user"), 1):
        row = IDS.index(int(value))
        assert table[place].tolist() == [2 * row, 2 * row + 1]


@pytest.mark.parametrize(
    ("ids", "said"),
    [
        (pa.array(["1", "1.0", "2"]), "the ids '1' and '1.0' mean the same value here; keep one vector"),
        (pa.array([1.0, 2.5]), "row 2: the column of ids has a fraction"),
        (pa.array(["1", "2", "2"]), "row 3: the id '2' is duplicated"),
        (pa.array([[1], [2]]), "the column of ids holds list"),
    ],
)
def test_ids_that_are_not_clear_are_refused(log, tmp_path, ids, said):
    with pytest.raises(DataError) as error:
        imported(log, tmp_path / "users.parquet", ids)
    assert said in str(error.value)


def test_a_missing_id_is_the_unknown_one(log, tmp_path):
    table = imported(log, tmp_path / "users.parquet", pa.array([*IDS, None], pa.float64()))
    assert table[0].tolist() == [16, 17]
