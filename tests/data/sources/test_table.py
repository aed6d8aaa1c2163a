"""A table of one's own: CSV and Parquet give the same log, on which commands train and by which they score."""

import csv
from io import StringIO
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cadc.data import columns as columns_module
from cadc.data.files import parquet
from cadc.data.prepare import prepare
from cadc.data.sources.table import Table
from cadc.data.split.random import RandomSplit
from cadc.data.split.split import SPLITS
from cadc.data.transform import NoTransform
from cadc.errors import DataError
from tests.data.made_up_sales import ROLES, made_up_rows
from tests.support.commands import TINY, cadc
from tests.support.helpers import decode


def test_every_row_carries_the_values_of_its_line(path):
    log = prepare(Table(str(path), **ROLES), RandomSplit(), transform=NoTransform())
    rows = made_up_rows()
    train = [rows[row] for row in log.column("row", "train")]
    assert [field.name for field in log.schema.fields] == ["user", "country", "item", "brand", "tags", "device"]
    assert log.schema.dense == ("price",)
    names = {"user": "customer", "item": "product"}
    for split in SPLITS:
        found = decode(log, log.rows(split))
        for place, row in enumerate(log.column("row", split)):
            for field in log.schema.single:
                name = names.get(field.name, field.name)
                known = {other[name] for other in train} - {""}
                assert found[field.name][place] == (rows[row][name] if rows[row][name] in known else None)
            assert found["tags"][place] == sorted(tag for tag in rows[row]["tags"].split("|") if tag)
            assert log.column("label", split)[place] == rows[row]["bought"]
            assert log.column("dense", split)[place, 0] == np.float32(rows[row]["price"])
            assert log.column("time", split)[place] == pd.Timestamp(rows[row]["day"]).timestamp()


def test_csv_tsv_and_parquet_in_blocks_of_any_size_give_the_same_log(path, tmp_path, monkeypatch, empty_cache):
    expected = prepare(Table(str(path), **ROLES), RandomSplit()).content_hash
    frame = pd.read_csv(path, dtype={"customer": str}, keep_default_na=False)
    frame.to_csv(tmp_path / "sales.tsv", sep="\t", index=False)
    frame["day"] = pd.to_datetime(frame["day"])
    frame["brand"] = frame["brand"].astype("category")
    frame["device"] = frame["device"].replace("", None)
    frame["bought"] = frame["bought"] == 1
    frame.to_parquet(tmp_path / "sales.parquet")
    empty_cache.rename(empty_cache.with_name("set aside"))
    monkeypatch.setattr(columns_module, "BLOCK_BYTES", 1 << 11)
    monkeypatch.setattr(parquet, "BATCH_ROWS", 7)
    for name in ("sales.csv", "sales.tsv", "sales.parquet"):
        source = Table(str(tmp_path / name), **ROLES)
        assert sum(1 for _ in source.read().chunks) > 3
        assert prepare(source, RandomSplit()).content_hash == expected, name


@pytest.mark.parametrize("separator", [";", "\t", "|", ","])
@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".txt.gz", ".csv.gz"])
def test_separator_is_that_by_which_the_header_holds_the_columns(path, tmp_path, separator, suffix):
    frame = pd.read_csv(path, dtype=str, keep_default_na=False).drop(columns="tags")
    # More commas than separators, but in quotes; and the mark with which spreadsheets begin a file.
    frame["a,b,c,d,e,f,g,h;,,,,,"] = "x,y;z|\t"
    frame.to_csv(tmp_path / f"sales{suffix}", sep=separator, index=False, encoding="utf-8-sig")
    roles = {key: value for key, value in ROLES.items() if key != "item_bags"}
    found = prepare(Table(str(tmp_path / f"sales{suffix}"), quoting="double", **roles), RandomSplit())
    assert found.content_hash == prepare(Table(str(path), **roles), RandomSplit()).content_hash


def test_file_that_its_suffix_describes_is_not_read_in_another_way(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("u;x;z,y\n" + "a;b;c,0\nd;e;f,1\n" * 10)
    log = prepare(Table(str(path), user="u;x;z", label="y"), RandomSplit())
    assert set(log.entity_keys("user")) == {"a;b;c", "d;e;f"}


@pytest.mark.parametrize("block", [1 << 23, 1 << 8])
def test_feature_is_that_of_the_first_row_that_holds_one(tmp_path, monkeypatch, block):
    monkeypatch.setattr(columns_module, "BLOCK_BYTES", block)
    rng = np.random.default_rng(0)
    items = rng.integers(8, size=600)
    # Item 7 has neither in any row.
    features = [*((f"i{item}", f"c{item}", "a|b") for item in range(7)), ("i7", "", "")]
    full = [(*features[item], row % 2) for row, item in enumerate(items)]
    holed = [(item, *("" if rng.random() < 0.7 else text for text in texts), label) for item, *texts, label in full]
    logs = []
    for name, rows in (("full", full), ("holed", holed)):
        path = tmp_path / f"{name}.csv"
        path.write_text("".join(f"{','.join(map(str, row))}\n" for row in [("item", "kind", "tags", "y"), *rows]))
        source = Table(str(path), item="item", label="y", item_fields=["kind"], item_bags=["tags"])
        assert (sum(1 for _ in source.read().chunks) > 3) == (block < 1 << 20)
        logs.append(prepare(source, RandomSplit()))
    assert logs[0].content_hash == logs[1].content_hash


@pytest.mark.parametrize("block", [1 << 23, 1 << 5])
@pytest.mark.parametrize("texts", [["", "a", "b"], ["a", "", "b"], ["", "a", "a", "", "b"]])
def test_two_features_are_a_fault_whatever_empty_ones_stand_between(tmp_path, monkeypatch, block, texts):
    monkeypatch.setattr(columns_module, "BLOCK_BYTES", block)
    path = tmp_path / "t.csv"
    path.write_text("item,kind,y\n" + "".join(f"some item,{text},1\n" for text in texts))
    with pytest.raises(DataError, match=f"row {len(texts)}: item 'some item' has kind 'b' here and 'a' before"):
        prepare(Table(str(path), item="item", label="y", item_fields=["kind"]), RandomSplit())


def test_rating_becomes_a_label_from_the_threshold_on(path):
    log = prepare(Table(str(path), user="customer", rating="stars", threshold=4), RandomSplit())
    stars = np.array([row["stars"] for row in made_up_rows()])
    assert log.column("label").tolist() == (stars[log.column("row")] >= 4).tolist()


def test_log_of_clicks_needs_neither_user_nor_item(path):
    log = prepare(Table(str(path), label="bought", context_fields=["device", "brand"], min_count=70), RandomSplit())
    assert log.entities == {}
    assert log.gather(log.rows("test")).ids.shape == (20, 2)
    counts = pd.Series([made_up_rows()[row]["device"] for row in log.column("row", "train")]).value_counts()
    assert set(log.vocabulary("device")) == {name for name, n in counts.items() if n >= 70 and name}


@pytest.mark.parametrize(
    "day", ["5", "-7", "1970-01-01", "1970-01-01T00:00:05", "1970-01-01 00:00:05.0", "1970-01-01T01:00:05Z"]
)
def test_times_are_seconds_or_dates(tmp_path, day):
    path = tmp_path / "t.csv"
    path.write_text("u,y,t\n" + f"a,0,{day}\nb,1,{day}\n" * 10)
    log = prepare(Table(str(path), user="u", label="y", time="t"), RandomSplit())
    expected = int(day) if day.lstrip("-").isdecimal() else int(pd.Timestamp(day).timestamp())
    assert set(log.column("time").tolist()) == {expected}


def test_name_is_that_of_the_records(path):
    assert prepare(Table(str(path), name="sales", **ROLES), RandomSplit()).meta["name"] == "sales"
    assert prepare(Table(str(path), **ROLES), RandomSplit()).meta["edition"] == "local"


def words(path, **roles):
    lists = {key: f"[{','.join(value)}]" if isinstance(value, list) else value for key, value in roles.items()}
    return ["data=table", f"data.path={path}", *(f"data.{key}={value}" for key, value in lists.items())]


def test_words_of_a_command_describe_a_table_too(path):
    from cadc.pipeline.settings import Settings

    source = Settings.compose(words(path, **ROLES)).source.build()
    assert prepare(source, RandomSplit()).content_hash == prepare(Table(str(path), **ROLES), RandomSplit()).content_hash


def test_path_of_any_characters_but_commas_and_quotes_needs_no_quotes(path, tmp_path):
    folder = tmp_path / "dé té=1 (2)"
    folder.mkdir()
    odd = path.rename(folder / "ガ&b.csv")
    roles = words(odd, user="customer", item="product", label="bought")
    answer = cadc("train", "-m", *roles, "seed=0,1", "--dry-run")
    assert answer.status == 0, answer.err
    again = cadc("train", "-m", *(w.replace(str(odd), f"'{odd}'") for w in roles), "seed=0,1", "--dry-run")
    ids = [[line.split()[0] for line in out.splitlines()[-2:]] for out in (answer.out, again.out)]
    assert ids[0] == ids[1]
    assert len(set(ids[0])) == 2


def test_table_can_be_trained_on_and_one_class_is_a_sentence(path):
    tiny = [word for word in TINY if not word.startswith("data")]
    roles = {"user": "customer", "item": "product", "context_fields": ["device"], "dense": ["price"]}
    answer = cadc("train", *words(path, **roles, label="bought"), *tiny)
    assert answer.status == 0, answer.err
    answer = cadc("train", *words(path, **roles, rating="stars", threshold=1), *tiny)
    assert answer.status == 1
    assert "labels of the train part of table are 1, so AUC is undefined" in answer.sentence


def test_log_of_clicks_can_be_trained_on(path):
    tiny = [word for word in TINY if not word.startswith("data")]
    answer = cadc("train", *words(path, label="bought", context_fields=["device", "brand"], dense=["price"]), *tiny)
    assert answer.status == 0, answer.err


def test_new_rows_with_texts_that_look_like_numbers_are_scored_like_the_old_ones(path, tmp_path):
    from cadc.pipeline.build import open_log
    from cadc.pipeline.settings import Settings

    roles = {"user": "customer", "item": "product", "label": "bought", "context_fields": ["device"], "dense": ["price"]}
    tiny = [word for word in TINY if not word.startswith("data")]
    answer = cadc("train", *words(path, **roles), *tiny)
    folder = Path(answer.out.splitlines()[-1]).parent
    rows = made_up_rows()
    log = open_log(Settings.compose(words(path, **roles)))
    new = tmp_path / "new.csv"
    with new.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["user", "item", "device", "price"])
        writer.writerows(
            [rows[row][name] for name in ("customer", "product", "device", "price")]
            for row in log.column("row", "test")
        )
    answer = cadc("predict", folder.name, new)
    assert answer.status == 0, answer.err
    scored = pd.read_csv(StringIO(answer.out), dtype={"user": str})
    saved = pd.read_parquet(folder / "scores.parquet")
    assert scored["user"].tolist() == saved["user"].tolist()
    np.testing.assert_allclose(scored["probability"], saved["probability"], rtol=1e-6)
    assert scored["probability"].nunique() > 10
