"""Data sets in the parts of benchmarks: what is read, which part it belongs to, and what differs from publication."""

import hashlib

import pandas as pd
import pytest

from cadc.data.prepare import prepare
from cadc.data.sources import FrappeX1, Gowalla, MovielensLatestX1, Yelp2018
from cadc.data.split.given import GivenSplit
from cadc.data.split.split import SPLITS
from cadc.errors import NotDownloadable
from tests.data import small_sources
from tests.support.helpers import decode

WRITE = {
    FrappeX1: small_sources.write_frappe_x1,
    MovielensLatestX1: small_sources.write_movielenslatest_x1,
    Gowalla: small_sources.write_lightgcn_parts,
    Yelp2018: small_sources.write_lightgcn_parts,
}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    for cls, write in WRITE.items():
        write(tmp_path / "publishers" / cls.name)
    monkeypatch.setenv("CADC_DATA_DIR", str(tmp_path / "publishers"))
    return tmp_path / "publishers"


@pytest.mark.parametrize(("cls", "names"), [(FrappeX1, ("user", "item")), (MovielensLatestX1, ("user_id", "item_id"))])
def test_rows_and_parts_are_those_of_the_files(folder, cls, names):
    log = prepare(cls(), GivenSplit())
    for part, file in zip(SPLITS, cls.files, strict=True):
        raw = pd.read_csv(folder / cls.name / file, dtype=str)
        rows = log.rows(part)
        assert log.labels(rows).tolist() == raw["label"].astype(float).tolist()
        context = [column for column in raw if column not in ("label", *names)]
        known = {column: set(log.vocabulary(column).tolist()) for column in context}
        found = decode(log, rows)
        for column in context:
            assert found[column] == [own if own in known[column] else None for own in raw[column]]
        for side, column in zip(("user", "item"), names, strict=True):
            assert log.entity_keys(side)[log.column(side, part) - 1].tolist() == raw[column].tolist()


def test_parts_of_lightgcn_leave_validation_to_the_split(folder):
    log = prepare(Gowalla(), GivenSplit())
    lines = [line.split() for line in (folder / "gowalla" / "test.txt").read_text().splitlines()]
    pairs = {(int(user), int(item)) for user, *items in lines for item in items}
    users, items = (log.entity_keys(side)[log.column(side, "test") - 1].tolist() for side in ("user", "item"))
    assert set(zip(users, items, strict=True)) == pairs
    assert log.n_rows("validation") > 0
    assert log.labels(log.rows("train")).unique().tolist() == [1.0]


@pytest.mark.parametrize("cls", WRITE)
def test_other_numbers_than_the_published_ones_are_remarked_on(folder, cls):
    remarks = "\n".join(prepare(cls(), GivenSplit()).meta["remarks"])
    for part, published in cls.n_rows.items():
        assert f" {part} rows, and {published:,} were published" in remarks
    assert ("40 users, and " in remarks) == bool(cls.n_entities)


def test_the_published_numbers_need_no_remark(folder, monkeypatch):
    log = prepare(Gowalla(), GivenSplit())
    counts = {
        part: sum(len(line.split()) - 1 for line in (folder / "gowalla" / f"{part}.txt").open())
        for part in ("train", "test")
    }
    monkeypatch.setattr(Gowalla, "n_rows", counts)
    monkeypatch.setattr(Gowalla, "n_entities", {side: log.n_entities(side) - 1 for side in ("user", "item")})
    raw = Gowalla().read()
    assert sum(len(chunk.label) for chunk in raw.chunks) == sum(counts.values())
    assert [remark for remark in raw.remarks if "published" in remark] == []


def test_files_count_as_published_by_their_md5(folder, monkeypatch):
    assert FrappeX1().edition(FrappeX1().fingerprint()) == "local"
    own = {file: hashlib.md5((folder / "frappe_x1" / file).read_bytes()).hexdigest() for file in FrappeX1.files}
    monkeypatch.setattr(FrappeX1, "md5", own)
    assert FrappeX1().edition(FrappeX1().fingerprint()) == "published"
    assert Gowalla().edition(Gowalla().fingerprint()) == "local", "no checksum of it is published"


def test_a_missing_folder_is_asked_for_by_name():
    with pytest.raises(NotDownloadable, match=r"yelp2018 must be fetched by hand: put train.txt, test.txt from https"):
        Yelp2018().fingerprint()
