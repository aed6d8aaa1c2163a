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
from cadc.embeddings.vectors import contents_hash
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


def write_parts(folder, ids, features, n_parts=3):
    """Write a table as Spark does: parts, of which one has no rows, beside a mark and a checksum."""
    folder.mkdir(parents=True)
    for number, own in enumerate([*np.array_split(np.arange(len(ids)), n_parts), []]):
        rows = np.asarray(own, np.int64)
        lists = pa.array([features[row].tolist() for row in rows], pa.list_(pa.float32()))
        table = pa.table({"id": pa.array(ids[rows], pa.int32()), "features": lists})
        pa.parquet.write_table(table, folder / f"part-{number:05}-c000.snappy.parquet")
        (folder / f".part-{number:05}-c000.snappy.parquet.crc").write_bytes(b"crc")
    (folder / "_SUCCESS").touch()


def test_factors_in_the_layout_of_spark_come_in_from_the_folder_of_one_field_or_of_all(log, tmp_path):
    ids, features = np.array(IDS)[::-1], np.arange(16, dtype=np.float32).reshape(8, 2)
    write_parts(tmp_path / "als" / "user.parquet", ids, features)
    start = {"user": torch.full((log.schema["user"].vocabulary_size, 2), -1.0)}
    of_one = TableInitializer(path=str(tmp_path / "als" / "user.parquet"), fields=("user",), id_column="id")
    of_all = TableInitializer(path=str(tmp_path / "als"), id_column="id")
    expected = dict(zip(ids.tolist(), features.tolist(), strict=True))
    for initializer in (of_one, of_all):
        found = initializer.enriched(log, 2, None, start)["user"]
        values = [int(value) for value in log.vocabulary("user")]
        assert found[1:].tolist() == [expected[value] for value in values]


def test_a_change_in_one_part_changes_the_hash_of_the_folder(tmp_path):
    ids, features = np.array(IDS), np.ones((8, 2), np.float32)
    write_parts(tmp_path / "als" / "user.parquet", ids, features)
    before = [contents_hash(tmp_path / "als" / own) for own in ("", "user.parquet")]
    (part,) = (tmp_path / "als" / "user.parquet").glob("part-00001*")
    pa.parquet.write_table(pa.table({"id": [1], "features": [[2.0, 2.0]]}), part)
    after = [contents_hash(tmp_path / "als" / own) for own in ("", "user.parquet")]
    assert all(one != other for one, other in zip(before, after, strict=True))


def test_parts_of_different_tables_are_refused(log, tmp_path):
    write_parts(tmp_path / "user.parquet", np.array(IDS), np.ones((8, 2), np.float32))
    pa.parquet.write_table(pa.table({"id": [1], "price": [1.0]}), tmp_path / "user.parquet" / "part-9.parquet")
    with pytest.raises(DataError, match=r"the files part-\*\.parquet in .*user\.parquet differ in their columns"):
        TableInitializer(path=str(tmp_path), id_column="id").enriched(log, 2, None, {"user": torch.zeros(9, 2)})
