"""Ids and values from the data never become paths: whatever they are, the same files are written."""

import numpy as np
import pandas as pd
import pytest

from cadc.data.prepare import prepare
from cadc.data.raw import Chunk, EntityTable, RaggedValues, RawLog
from cadc.data.schema import Field, Schema
from cadc.data.sources.source import Source
from cadc.data.split.random import RandomSplit
from cadc.errors import DataError
from tests.support.commands import cadc, train

HOSTILE = [
    "../../x",
    "/etc/passwd",
    "a\0b",
    "two\nlines",
    "..",
    ".",
    "~/x",
    "C:\\x",
    "$(touch x)",
    "`x`",
    "%s",
    "-rf",
]


class NamedEntities(Source):
    """A data set whose users, items, tags and hours are texts of one's choice.

    Parameters
    ----------
    names : of the users; items, tags and hours are called the same.
    """

    name = "named"

    def __init__(self, names: list[str]) -> None:
        self.names = names

    def fingerprint(self):
        return {}

    def edition(self, fingerprint):
        return "generated"

    def read(self):
        names = np.array(self.names, object)
        n = len(names)
        fields = (
            Field("user", "user"),
            Field("item", "item"),
            Field("tags", "item", bag=True),
            Field("hour", "context"),
        )
        user, item = (part.ravel().astype(np.int32) for part in np.meshgrid(np.arange(n), np.arange(n)))
        chunk = Chunk(((user + item) % 2).astype(np.float32), {"user": user, "item": item}, {"hour": names[user]})
        bags = {"tags": RaggedValues(names, np.arange(n + 1))}
        return RawLog(Schema(fields), {"user": EntityTable(names), "item": EntityTable(names, {}, bags)}, [chunk])


def files(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def test_the_same_files_are_written_whatever_the_ids_are(tmp_path, monkeypatch):
    written = []
    for kind, names in (("hostile", HOSTILE), ("harmless", [f"name {n}" for n in range(len(HOSTILE))])):
        monkeypatch.setenv("CADC_CACHE", str(tmp_path / kind / "cache"))
        log = prepare(NamedEntities(names), RandomSplit())
        assert set(log.entity_keys("user")) == set(names)
        assert set(log.vocabulary("tags")) <= set(names)
        written.append(files(log.folder))
        assert all((tmp_path / kind / "cache").resolve() in path.resolve().parents for path in log.folder.rglob("*"))
    assert written[0] == written[1]
    assert files(tmp_path) == sorted(
        f"{kind}/cache/prepared/{folder.name}/{name}"
        for kind in ("hostile", "harmless")
        for folder in (tmp_path / kind / "cache" / "prepared").iterdir()
        for name in written[0]
    )


@pytest.mark.parametrize("name", [*HOSTILE, "", "a/b", "a.b", "a b", "a" * 5 + "\n"])
def test_a_field_whose_name_could_be_a_path_is_refused(name):
    with pytest.raises(DataError, match="a field is named"):
        Field(name, "user")


def test_hostile_ids_to_be_scored_count_as_unknown_and_write_nothing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run = train("model=bias").name
    table = pd.DataFrame({"user": HOSTILE, "item": HOSTILE, "hour": HOSTILE, "recency": 0.0})
    table.to_parquet("rows.parquet")
    before = files(tmp_path)
    answer = cadc("predict", run, "rows.parquet", "--output", "scored.parquet")
    assert answer.status == 0, answer.err
    scored = pd.read_parquet("scored.parquet")
    assert list(scored["user"]) == HOSTILE
    assert len(set(scored["probability"])) == 1
    assert files(tmp_path) == sorted([*before, "scored.parquet"])


def test_several_values_in_place_of_an_id_are_named(tmp_path):
    run = train("model=bias").name
    table = pd.DataFrame({"user": [[1], [2, 3]], "item": 1, "hour": 1, "recency": 0.0})
    table.to_parquet(tmp_path / "rows.parquet")
    answer = cadc("predict", run, tmp_path / "rows.parquet")
    assert answer.status == 1
    assert "column user holds list" in answer.sentence
