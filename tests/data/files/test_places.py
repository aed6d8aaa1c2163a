"""A folder of files is read as one log, and refused where its files differ."""

import numpy as np
import pandas as pd
import pytest

from cadc.data.files.places import TableFiles
from cadc.data.prepare import prepare
from cadc.data.sources.criteo import COLUMNS, Criteo
from cadc.data.sources.table import Table
from cadc.data.split.random import RandomSplit
from cadc.errors import DataError
from tests.data.made_up_sales import ROLES
from tests.data.small_sources import write_criteo


@pytest.fixture
def frame(path):
    return pd.read_csv(path, dtype={"customer": str}, keep_default_na=False)


def parts(frame, n):
    return [frame.iloc[own] for own in np.array_split(np.arange(len(frame)), n)]


def test_files_are_read_in_the_order_of_the_numbers_in_their_names(path, frame, tmp_path):
    folder = tmp_path / "log"
    (folder / "later").mkdir(parents=True)
    for number, part in enumerate(parts(frame, 12)):
        part.to_parquet(folder / ("later" if number > 9 else "") / f"part-{number}.parquet")
    (folder / "_SUCCESS").write_text("")
    (folder / ".part-0.parquet.crc").write_bytes(b"\0")
    own = Table(str(folder), **ROLES)
    assert [file.name for file in own._files()[""].files][::-1] == [
        f"part-{n}.parquet" for n in reversed([10, 11, *range(10)])
    ]
    log = prepare(Table(str(folder), **ROLES), RandomSplit())
    whole = prepare(Table(str(path), **ROLES), RandomSplit())
    assert sum(log.meta["rows"].values()) == sum(whole.meta["rows"].values())
    assert sorted(log.entity_keys("user")) == sorted(whole.entity_keys("user"))


def test_a_folder_is_the_log_of_the_rows_of_its_files(path, frame, tmp_path):
    folder = tmp_path / "log"
    folder.mkdir()
    for number, part in enumerate(parts(frame, 3)):
        part.to_csv(folder / f"{number}.csv", index=False)
    log = prepare(Table(str(folder), **ROLES), RandomSplit())
    assert log.content_hash == prepare(Table(str(path), **ROLES), RandomSplit()).content_hash


def test_each_part_may_be_a_folder(frame, tmp_path):
    for name, own in zip(("train", "test"), parts(frame, 2), strict=True):
        (tmp_path / name).mkdir()
        for number, part in enumerate(parts(own, 2)):
            part.to_parquet(tmp_path / name / f"{number}.parquet")
    table = Table(str(tmp_path / "train"), test_path=str(tmp_path / "test"), **ROLES)
    assert {*table.fingerprint()} == {"train: train/", "test: test/"}
    (tmp_path / "test" / "0.parquet").unlink()
    (tmp_path / "test" / "1.parquet").unlink()
    frame[:0].to_parquet(tmp_path / "test" / "0.parquet")
    with pytest.raises(DataError, match="test, the folder of the test part, holds no rows"):
        list(table.read().chunks)


def test_the_fingerprint_of_a_folder_is_that_of_its_files_wherever_they_lie(frame, tmp_path):
    folder = tmp_path / "a" / "log"
    folder.mkdir(parents=True)
    for number, part in enumerate(parts(frame, 2)):
        part.to_csv(folder / f"{number}.csv", index=False)
    before = TableFiles(str(folder)).fingerprint()
    (tmp_path / "a").rename(tmp_path / "b")
    folder = tmp_path / "b" / "log"
    assert TableFiles(f"{folder}/").fingerprint() == before == ("log/", before[1])
    (folder / "1.csv").rename(folder / "2.csv")
    assert TableFiles(str(folder)).fingerprint() != before


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda part: part.drop(columns="day"), "has no column 'day'"),
        (lambda part: part.drop(columns="untold"), "it lacks the column 'untold'. Give all files"),
        (lambda part: part.assign(more=1), "it also has the column 'more'. Give all files"),
        (lambda part: part.assign(more=1, most=2), "it also has the columns 'more', 'most'. Give all files"),
        (lambda part: part.assign(price="3"), "its column 'price' holds large_string, expected double. Give all"),
    ],
)
def test_a_file_of_another_schema_is_named_with_what_differs(frame, tmp_path, change, said):
    folder = tmp_path / "log"
    folder.mkdir()
    for number, part in enumerate(parts(frame.assign(untold=1), 3)):
        (change(part) if number == 2 else part).to_parquet(folder / f"{number}.parquet")
    with pytest.raises(DataError) as error:
        Table(str(folder), **ROLES).read()
    assert str(error.value).startswith(f"{folder / '2.parquet'} ")
    assert said in str(error.value).replace(" string,", " large_string,")


def test_a_file_that_is_no_table_is_named(frame, tmp_path):
    folder = tmp_path / "log"
    folder.mkdir()
    frame.to_csv(folder / "0.csv", index=False)
    (folder / "README.md").write_text("# A log")
    with pytest.raises(DataError, match=r"README\.md ends in none of"):
        Table(str(folder), **ROLES).read()


@pytest.mark.parametrize("kind", ["days without suffix", "compressed", "parquet"])
def test_criteo_in_a_folder_is_the_log_of_its_file(tmp_path, monkeypatch, kind):
    monkeypatch.setenv("CADC_DATA_DIR", str(tmp_path))
    rows = write_criteo(tmp_path / "criteo")
    expected = prepare(Criteo(min_count=2), RandomSplit())
    folder = tmp_path / "days"
    folder.mkdir()
    frame = pd.DataFrame(rows, columns=list(COLUMNS))
    for number, part in enumerate(parts(frame, 2)):
        if kind == "parquet":
            integers = [name for name in COLUMNS if name[0] == "I"]
            numbers = part[integers].replace("", None).astype("Int32")
            part.assign(label=part["label"].astype(int), **numbers).to_parquet(folder / f"day_{number}.parquet")
        else:
            part.to_csv(
                folder / f"day_{number}{'.tsv.gz' if kind == 'compressed' else ''}", sep="\t", header=False, index=False
            )
    found = prepare(Criteo(min_count=2, path=str(folder)), RandomSplit())
    assert found.content_hash == expected.content_hash
    assert found.meta["edition"] == "local"


def test_links_of_a_folder_that_lead_nowhere_or_to_folders_are_refused_and_those_to_files_are_read(frame, tmp_path):
    folder, aside = tmp_path / "log", tmp_path / "aside"
    folder.mkdir()
    aside.mkdir()
    frame.to_csv(folder / "a.csv", index=False)
    frame.to_csv(aside / "b.csv", index=False)
    (folder / "b.csv").symlink_to(aside / "b.csv")
    assert [file.name for file in TableFiles(str(folder)).files] == ["a.csv", "b.csv"]
    (folder / "c.csv").symlink_to(tmp_path / "nowhere.csv")
    with pytest.raises(DataError, match=r"c\.csv cannot be read: no such file"):
        TableFiles(str(folder)).require(list(frame.columns))
    (folder / "c.csv").unlink()
    (folder / "more").symlink_to(aside)
    with pytest.raises(DataError, match=r"log/more is a link to a folder, which is not followed"):
        TableFiles(str(folder)).require(list(frame.columns))
