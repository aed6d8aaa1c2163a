"""Tables that start from vectors in a file, whatever framework wrote it."""

import numpy as np
import pandas as pd
import pytest
import torch

from cadc.embeddings.initializers.random import RandomInitializer
from cadc.embeddings.initializers.table import TableInitializer
from cadc.errors import DataError, UsageError
from cadc.randomness import torch_generator

DIM = 4


def frame(ids, seed=0, dim=DIM):
    values = np.random.default_rng(seed).normal(size=(len(ids), dim)).astype(np.float32)
    return pd.DataFrame({"movie": ids} | {f"v{column}": values[:, column] for column in range(dim)}), values


def write(path, table):
    table.to_parquet(path)
    return str(path)


def start(log, **options):
    options = {"fields": ("item",), "id_column": "movie"} | options
    return TableInitializer(**options).targets(log, DIM, None, torch_generator(0, "tables"))


def test_vectors_go_to_the_rows_of_their_raw_ids_and_others_start_from_random_values(log, tmp_path, capsys):
    ids = log.vocabulary("item")[::2][::-1]
    table, values = frame([*ids, 10**9])
    tables = start(log, path=write(tmp_path / "movies.parquet", table), std=0.3)
    plain = RandomInitializer(std=0.3).targets(log, DIM, None, torch_generator(0, "tables"))
    for row, (raw, found) in enumerate(zip(log.vocabulary("item"), tables["item"][1:], strict=True), 1):
        place = np.flatnonzero(table["movie"] == raw)
        expected = torch.from_numpy(values[place[0]]) if len(place) else plain["item"][row]
        assert torch.equal(found, expected)
    assert all(torch.equal(tables[name], plain[name]) for name in plain if name != "item")
    n = len(ids)
    said = f"{n / (n + 1):.1%} of {n + 1} ids are values of item; {n / len(log.vocabulary('item')):.1%} of its values"
    assert capsys.readouterr().err == f"{tmp_path / 'movies.parquet'}: {said} have a vector\n"


@pytest.mark.parametrize("kind", ["texts", "whole numbers as text", "lists", "double lists"])
def test_ids_and_vectors_of_other_types(log, tmp_path, kind):
    table, values = frame(log.vocabulary("item"))
    lists = pd.DataFrame({"movie": table["movie"], "vector": list(values)})
    if kind == "texts":
        table = table.assign(movie=table["movie"].astype(str))
    elif kind == "whole numbers as text":
        table = table.assign(movie=table["movie"].astype("string"))
    elif kind == "lists":
        table = lists
    else:
        table = lists.assign(vector=[row.astype(float).tolist() for row in values])
    tables = start(log, path=write(tmp_path / "movies.parquet", table))
    assert np.array_equal(tables["item"][1:].numpy(), values)


def test_a_missing_id_is_unknown(log, tmp_path):
    table, values = frame(log.vocabulary("item"))
    table["movie"] = table["movie"].astype("Int64")
    table.loc[3, "movie"] = None
    tables = start(log, path=write(tmp_path / "movies.parquet", table))
    assert np.array_equal(tables["item"][0].numpy(), values[3])
    scaled = start(log, path=str(tmp_path / "movies.parquet"), scale_to=0.1)
    spread = np.delete(values, 3, axis=0).std(ddof=1)
    assert np.allclose(scaled["item"][0].numpy(), values[3] * (0.1 / spread), rtol=1e-5)


def test_imported_tables_are_scaled_and_frozen_as_asked(log, tmp_path):
    path = write(tmp_path / "movies.parquet", frame(log.vocabulary("item"))[0])
    tables = start(log, path=path, scale_to=0.01)
    assert float(tables["item"][1:].std()) == pytest.approx(0.01, rel=1e-4)
    frozen = TableInitializer(path=path, fields=("item",), freeze=True).frozen_fields(log.schema, None)
    assert set(frozen) == {"item"}


def changed(table, row, column, value):
    table = table.copy()
    table[column] = table[column].astype(object if isinstance(value, str) else table[column].dtype)
    table.loc[row, column] = value
    return table


BROKEN = {
    "nan": (
        lambda t: changed(t, 6, "v2", np.nan),
        r"row 7 \(id '\d+'\): its vector holds a number that is missing, NaN",
    ),
    "infinite": (lambda t: changed(t, 2, "v0", np.inf), r"row 3 \(id '\d+'\).* as 1 of 80 do"),
    "twice": (lambda t: changed(t, 5, "movie", t["movie"][1]), r"row 6: the id '\d+' is duplicated"),
    "text": (lambda t: t.assign(v1="much"), r"column 'v1' holds (large_)?string; expected numbers"),
    "no ids": (lambda t: t.rename(columns={"movie": "item"}), r"has no column 'movie' of ids; it has item, v0"),
    "no vectors": (lambda t: t[["movie"]], r"holds no vectors: it has 80 rows of 0 numbers"),
    "no rows": (lambda t: t[:0], r"holds no vectors: it has 0 rows"),
    "other ids": (lambda t: t.assign(movie=t["movie"] + 10**6), r"0 of 80 ids are values of item in this log"),
    "ragged": (
        lambda t: pd.DataFrame({"movie": t["movie"], "v": [[1.0] * (3 if row == 4 else 4) for row in range(len(t))]}),
        "row 5: its vector has 3 numbers; the first has 4",
    ),
    "missing list": (
        lambda t: pd.DataFrame({"movie": t["movie"], "v": [None if row == 4 else [1.0] * 4 for row in range(len(t))]}),
        "row 5: its vector has 0 numbers; the first has 4",
    ),
}


@pytest.mark.parametrize("fault", BROKEN)
def test_a_file_that_is_not_what_it_should_be(log, tmp_path, fault):
    change, said = BROKEN[fault]
    path = write(tmp_path / "movies.parquet", change(frame(log.vocabulary("item"))[0]))
    with pytest.raises(DataError, match=said) as caught:
        start(log, path=path)
    assert "movies.parquet" in str(caught.value)


def test_one_id_in_a_hundred_is_enough(log, tmp_path, capsys):
    table, _ = frame([*range(10**6, 10**6 + 99), log.vocabulary("item")[0]])
    start(log, path=write(tmp_path / "movies.parquet", table))
    assert "1.0% of 100 ids are values of item" in capsys.readouterr().err
    table, _ = frame([*range(10**6, 10**6 + 100), log.vocabulary("item")[0]])
    with pytest.raises(DataError, match="1 of 101 ids are values of item"):
        start(log, path=write(tmp_path / "movies.parquet", table))


def test_vectors_of_another_length_are_refused_with_both_lengths(log, tmp_path):
    path = write(tmp_path / "movies.parquet", frame(log.vocabulary("item"), dim=6)[0])
    with pytest.raises(UsageError, match=r"6 columns for item.* is 4.*embedding\.dim=6"):
        start(log, path=path)


def test_a_file_that_changed_is_refused(log, tmp_path):
    path = write(tmp_path / "movies.parquet", frame(log.vocabulary("item"))[0])
    pinned = TableInitializer.pinned({"path": path})
    assert TableInitializer.pinned(pinned) == pinned
    start(log, **pinned)
    write(tmp_path / "movies.parquet", frame(log.vocabulary("item"), seed=1)[0])
    with pytest.raises(DataError, match=rf"has changed: .*initializer\.sha256 is {pinned['sha256']}"):
        start(log, **pinned)


def test_what_cannot_be_read_is_a_sentence(log, tmp_path):
    (tmp_path / "movies.parquet").write_text("no parquet")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="cannot be read as Parquet"):
        start(log, path=str(tmp_path / "movies.parquet"))
    with pytest.raises(DataError, match="cannot be read: no such file"):
        start(log, path=str(tmp_path / "nowhere.parquet"))
    with pytest.raises(DataError, match="empty holds no vectors"):
        start(log, path=str(tmp_path / "empty"), fields=())
    with pytest.raises(UsageError, match="say which with initializer"):
        start(log, path=write(tmp_path / "movies.parquet", frame([1])[0]), fields=())
    with pytest.raises(UsageError, match="field film"):
        start(log, path=str(tmp_path / "movies.parquet"), fields=("film",))
    with pytest.raises(UsageError, match=r"initializer\.path is not set"):
        TableInitializer()
