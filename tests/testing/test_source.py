"""`check_source` refuses sources that break their contract, and says how."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from cadc.data.raw import Chunk, EntityTable, RawLog
from cadc.data.schema import Field, Schema
from cadc.data.sources.published import PublishedFiles
from cadc.data.sources.source import Source
from cadc.errors import DataError
from cadc.provenance.fingerprint import file_hash
from cadc.testing import check_source
from tests.testing.refused import refused


class Clicks(Source):
    """Lines of user, item and click."""

    name = "clicks"

    def __init__(self, path: str | None = None):
        self.path = path

    def fingerprint(self):
        return {} if self.path is None else {Path(self.path).name: file_hash(Path(self.path))}

    def edition(self, fingerprint):
        return "local" if self.path else "generated"

    def rows(self):
        if self.path is None:
            return [(row % 5, row % 7, row % 2) for row in range(60)]
        try:
            rows = [tuple(int(part) for part in line.split()) for line in Path(self.path).read_text().splitlines()]
            if not rows or any(len(row) != 3 for row in rows):
                raise ValueError("expected lines of three numbers")
        except ValueError as error:
            raise DataError(f"{self.path}: {error}") from error
        return rows

    def read(self):
        user, item, label = np.array(self.rows()).T
        schema = Schema((Field("user", "user"), Field("item", "item")))
        tables = {"user": EntityTable(np.arange(5)), "item": EntityTable(np.arange(7))}
        ids = {"user": user.astype(np.int32), "item": item.astype(np.int32)}
        return RawLog(schema, tables, iter([self.chunk(Chunk(label.astype(np.float32), ids))]))

    def chunk(self, chunk):
        return chunk


def changed(name, **columns):
    """A class whose chunk has other columns."""

    def chunk(self, chunk):
        return replace(chunk, **{key: make(chunk) for key, make in columns.items()})

    return type(name, (Clicks,), {"chunk": chunk})


class Nameless(Clicks):
    name = ""


class OddEdition(Clicks):
    def edition(self, fingerprint):
        return "mine"


class ShortHash(Clicks):
    def fingerprint(self):
        return {"clicks.txt": "abc"}


class Forgetful(Clicks):
    calls = 0

    def rows(self):
        type(self).calls += 1
        return super().rows()[: 40 + type(self).calls]


class TwiceTheSameUser(Clicks):
    def read(self):
        raw = super().read()
        raw.entities["user"] = EntityTable(np.array([0, 1, 2, 3, 3]))
        return raw


class NoGender(Clicks):
    def read(self):
        raw = super().read()
        return RawLog(Schema((*raw.schema.fields, Field("gender", "user"))), raw.entities, raw.chunks)


class ReadsAnything(Clicks):
    def rows(self):
        try:
            return super().rows()
        except DataError:
            return [(0, 0, row % 2) for row in range(50)]


class ReadsOnlyWhatFits(ReadsAnything):
    def rows(self):
        try:
            return super(ReadsAnything, self).rows()
        except DataError:
            raise DataError("a line is wrong.") from None


GENERATED = {
    Nameless: ("name",),
    OddEdition: ("'mine'", "published, local"),
    ShortHash: ("clicks.txt", "SHA-256"),
    Forgetful: ("different rows the second time",),
    TwiceTheSameUser: ("duplicated", "user"),
    NoGender: ("gender",),
    changed("HalfLabels", label=lambda chunk: chunk.label / 2): ("0.5", "neither 0 nor 1"),
    changed("DoubleLabels", label=lambda chunk: chunk.label.astype(float)): ("float64", "float32"),
    changed("NoItems", entities=lambda chunk: {"user": chunk.entities["user"]}): ("['user']", "item"),
    changed("FarItems", entities=lambda c: {**c.entities, "item": c.entities["item"] + 1}): ("item 7", "7 rows"),
    changed("ShortTime", time=lambda chunk: np.arange(3)): ("60 labels", "3 values of time"),
    changed("FloatTime", time=lambda chunk: np.arange(60.0)): ("int64",),
    changed("Context", context=lambda chunk: {"hour": np.arange(60)}): ("hour", "schema"),
    changed("Dense", dense=lambda chunk: np.zeros((60, 2), np.float32)): ("2 dense columns",),
    changed("Oracle", oracle=lambda chunk: np.full(60, 0.5, np.float32)): ("extra_columns",),
    changed("Ratings", rating=lambda chunk: np.ones(60, np.float32)): ("extra_columns",),
    changed("DoubleRatings", rating=lambda chunk: np.ones(60)): ("ratings", "float32"),
    changed("MissingRatings", rating=lambda chunk: np.full(60, np.nan, np.float32)): ("ratings", "finite"),
    changed("ShortRatings", rating=lambda chunk: np.ones(3, np.float32)): ("60 labels", "3 values of rating"),
    dict: ("not derived from cadc.data.sources.source.Source",),
}


@pytest.mark.parametrize("cls", GENERATED, ids=lambda cls: cls.__name__)
def test_a_broken_source_is_refused_and_the_reason_is_named(cls):
    said = refused(check_source, cls)
    for part in GENERATED[cls]:
        assert part in said
    assert cls.__name__ in said


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "clicks.txt"
    path.write_text("\n".join(f"{row % 5} {row % 7} {row % 2}" for row in range(60)))
    return str(path)


def test_sound_sources_pass_and_leave_the_file_as_it_is(path):
    before = Path(path).read_bytes()
    check_source(Clicks)
    check_source(Clicks, path=path)
    assert Path(path).read_bytes() == before


def test_a_source_that_takes_damaged_rows_is_refused(path):
    said = refused(check_source, ReadsAnything, path=path)
    assert "clicks.txt" in said and "empty" in said and "accepted" in said
    said = refused(check_source, ReadsOnlyWhatFits, path=path)
    assert "without its name" in said and "a line is wrong" in said


def test_files_of_a_publisher_are_damaged_in_a_copy(tmp_path, monkeypatch):
    class Lenient(PublishedFiles):
        name = "lenient"
        url = "https://example.org"
        by_hand = True
        files = ("clicks.txt",)

        def read(self):
            self.folder.joinpath("clicks.txt").read_text()
            return Clicks().read()

    folder = tmp_path / "lenient"
    folder.mkdir()
    (folder / "clicks.txt").write_text("0 0 1\n")
    monkeypatch.setenv("CADC_DATA_DIR", str(tmp_path))
    assert "clicks.txt, empty, was accepted" in refused(check_source, Lenient)
    assert (folder / "clicks.txt").read_text() == "0 0 1\n"
