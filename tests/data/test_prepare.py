import os
import subprocess
import sys

import numpy as np
import pytest

from cadc.data.prepare import prepare
from cadc.data.raw import Chunk, RawLog
from cadc.data.schema import Field, Schema
from cadc.data.sources.ml_1m import MovieLens1M
from cadc.data.sources.source import Source
from cadc.data.sources.synthetic import Synthetic
from cadc.data.split.random import RandomSplit
from cadc.errors import DataError


class Counted(MovieLens1M):
    """MovieLens 1M that counts how often it is read."""

    n_reads = 0

    def read(self):
        Counted.n_reads += 1
        return super().read()


@pytest.fixture
def folder(small_movielens, monkeypatch, empty_cache):
    monkeypatch.setenv("CADC_DATA_DIR", str(small_movielens))
    monkeypatch.setattr(Counted, "n_reads", 0)
    return small_movielens / "ml-1m"


def prepared(cache):
    return sorted(path.name for path in (cache / "prepared").iterdir())


def test_second_prepare_reads_the_cache(folder, empty_cache):
    first = prepare(Counted(), RandomSplit())
    second = prepare(Counted(), RandomSplit())
    assert Counted.n_reads == 1
    assert second.meta == first.meta
    assert prepared(empty_cache) == [first.folder.name]


def test_defaults_spelt_out_share_the_cache(folder):
    prepare(Counted(), RandomSplit())
    prepare(Counted(threshold=4), RandomSplit(validation=0.1), split_seed=0)
    assert Counted.n_reads == 1


@pytest.mark.parametrize(
    "other",
    [
        lambda: prepare(Counted(3.0), RandomSplit()),
        lambda: prepare(Counted(), RandomSplit(0.2)),
        lambda: prepare(Counted(), RandomSplit(), split_seed=1),
    ],
)
def test_other_options_split_or_seed_are_prepared_anew(folder, other):
    first = prepare(Counted(), RandomSplit())
    assert other().content_hash != first.content_hash
    assert Counted.n_reads == 2


@pytest.mark.parametrize("name", MovieLens1M.files)
def test_a_changed_raw_file_is_prepared_anew(folder, name):
    first = prepare(Counted(), RandomSplit())
    path = folder / name
    lines = path.read_text(encoding="latin-1").splitlines()
    path.write_text("\n".join(lines[::-1]), encoding="latin-1")
    second = prepare(Counted(), RandomSplit())
    assert Counted.n_reads == 2
    assert second.folder != first.folder
    assert second.meta["files"][name] != first.meta["files"][name]


def test_failed_preparation_leaves_no_folder_and_the_next_one_succeeds(folder, empty_cache):
    path = folder / "ratings.dat"
    sound = path.read_text()
    path.write_text(sound + "1::1::x::1\n")
    with pytest.raises(DataError):
        prepare(Counted(), RandomSplit())
    assert prepared(empty_cache) == []
    path.write_text(sound)
    assert prepare(Counted(), RandomSplit()).n_rows("train") == 1600


def test_prepared_folder_holds_no_leftovers_of_the_making(folder):
    log = prepare(Counted(), RandomSplit())
    assert {path.suffix for path in log.folder.iterdir()} == {".npy", ".parquet", ".json"}


PREPARE = """
import sys
from cadc.data.prepare import prepare
from cadc.data.sources.synthetic import Synthetic
from cadc.data.split import RandomSplit
print("ready", flush=True)
sys.stdin.readline()
log = prepare(Synthetic(n_rows=30000), RandomSplit())
print(log.content_hash, log.column("label").sum())
"""


def test_two_processes_that_prepare_at_once_both_succeed(empty_cache):
    start = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True, "env": dict(os.environ)}
    processes = [subprocess.Popen([sys.executable, "-c", PREPARE], **start) for _ in range(2)]
    for process in processes:
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        process.stdin.write("go\n")
        process.stdin.flush()
    outputs = [process.communicate(timeout=60)[0] for process in processes]
    assert [process.returncode for process in processes] == [0, 0]
    assert outputs[0] == outputs[1]
    assert len(prepared(empty_cache)) == 1
    assert outputs[0].startswith(prepare(Synthetic(n_rows=30000), RandomSplit()).content_hash)


class Rows(Source):
    """A source of nothing but labels and the given fields."""

    name = "rows"

    def __init__(self, n_rows, fields=()):
        self.n_rows = n_rows
        self._fields = fields
        self.fields = [field.name for field in fields]

    def fingerprint(self):
        return {}

    def edition(self, fingerprint):
        return "generated"

    def read(self):
        labels = (np.arange(self.n_rows) % 2).astype(np.float32)
        return RawLog(Schema(tuple(self._fields)), {}, [Chunk(labels)] if self.n_rows else [])


def test_files_that_change_while_they_are_read_are_refused_and_nothing_is_cached(empty_cache):
    source = Rows(10)
    hashes = iter(["before", "after", "after", "after"])
    source.fingerprint = lambda: {"rows.txt": next(hashes)}
    with pytest.raises(DataError, match="changed while they were read"):
        prepare(source, RandomSplit())
    assert prepared(empty_cache) == []
    assert prepare(source, RandomSplit()).n_rows("train") == 8


def test_log_without_rows_is_refused(empty_cache):
    with pytest.raises(DataError, match="rows holds no rows"):
        prepare(Rows(0), RandomSplit())
    assert prepared(empty_cache) == []


def test_bag_of_the_context_is_refused(empty_cache):
    with pytest.raises(DataError, match="context fields cannot be bags"):
        prepare(Rows(10, [Field("words", "context", bag=True)]), RandomSplit())


def test_log_without_users_and_items_can_be_prepared(empty_cache):
    log = prepare(Rows(20), RandomSplit())
    assert log.schema.fields == ()
    assert log.entities == {}
    assert sum(log.meta["positives"].values()) == 10
