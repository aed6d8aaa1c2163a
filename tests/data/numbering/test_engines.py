"""DuckDB numbers values as the dictionary in memory does, so that a log does not depend on the engine."""

import json
from itertools import pairwise

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cadc.data.log import InteractionLog
from cadc.data.numbering import on_disk
from cadc.data.numbering.engine import LARGE_BYTES, numbering_of
from cadc.data.numbering.in_memory import InMemory
from cadc.data.numbering.on_disk import OnDisk
from cadc.data.prepare import prepare
from cadc.data.sources.avazu import Avazu
from cadc.data.sources.criteo import Criteo
from cadc.data.sources.table import Table
from cadc.data.split.random import RandomSplit
from cadc.errors import UsageError
from tests.data.made_up_sales import ROLES
from tests.data.small_sources import write_avazu, write_criteo

pytestmark = pytest.mark.cluster("scale")

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=3)
PLAIN = {key: ROLES[key] for key in ("user", "item", "label", "time", "context_fields", "dense")}
"""Roles without side features, whose ids DuckDB numbers, too."""


def numbered(kind, folder, chunks):
    """Return the number of each row, and the values, as a numbering gives them after its last chunk."""
    numbering = kind(folder, "own")
    places = np.concatenate([numbering.add(chunk) for chunk in chunks])
    found = numbering.finish()
    values = found.values.to_pylist() if isinstance(found.values, pa.Array) else found.values.tolist()
    if found.of_places is not None:
        places = np.where(places >= 0, found.of_places[places], -1)
    return places.tolist(), values


@given(st.lists(st.lists(st.one_of(st.none(), TEXTS), max_size=12), min_size=1, max_size=5), st.booleans())
@settings(deadline=None, max_examples=12)
def test_texts_get_the_same_numbers(tmp_path_factory, chunks, arrow):
    arrays = [pa.array(chunk, pa.string()) if arrow else np.array(chunk, object) for chunk in chunks]
    folder = tmp_path_factory.mktemp("numbering")
    expected = numbered(InMemory, folder, arrays)
    assert numbered(OnDisk, folder, arrays) == expected
    # An independent count: a value's number is that of the values before it.
    rows = [value for chunk in chunks for value in chunk]
    order = list(dict.fromkeys(value for value in rows if value))
    assert expected == ([order.index(value) if value else -1 for value in rows], order)


def test_whole_numbers_get_the_same_numbers(tmp_path):
    chunks = [np.array([5, -3, 5]), np.array([7, -3]), np.array([], np.int64)]
    assert numbered(OnDisk, tmp_path, chunks) == numbered(InMemory, tmp_path, chunks) == ([0, 1, 0, 2, 1], [5, -3, 7])


def test_a_column_without_rows_has_no_values(tmp_path):
    found = OnDisk(tmp_path, "own").finish()
    assert len(found) == 0


def test_values_beyond_its_memory_are_written_to_disk(tmp_path, monkeypatch):
    monkeypatch.setattr(on_disk, "MEMORY", "24MB")
    monkeypatch.setattr(on_disk, "BLOCK_ROWS", 1 << 12)
    texts = np.char.add("a value that is not short at all ", np.random.default_rng(0).permutation(250_000).astype(str))
    numbering, spilled = OnDisk(tmp_path, "own"), tmp_path / "own.spilled"
    seen = set()
    batches = on_disk._batches

    def watched(*arguments):
        for batch in batches(*arguments):
            seen.update(path.name for path in spilled.glob("*"))
            yield batch

    monkeypatch.setattr(on_disk, "_batches", watched)
    places = np.concatenate([numbering.add(pa.array(part.tolist())) for part in np.array_split(texts, 4)])
    found = numbering.finish()
    assert seen, "nothing was spilled, so this tests nothing"
    assert found.of_places[places].tolist() == list(range(len(texts)))
    assert found.values.to_pylist() == texts.tolist()


def files_of(folder):
    """Return the content of the files of a prepared log, by name."""
    found = {path.name: path.read_bytes() for path in folder.glob("*.npy")}
    found |= {path.name: pd.read_parquet(path).iloc[:, 0].tolist() for path in folder.glob("*.parquet")}
    meta = json.loads((folder / "meta.json").read_text())
    return found | {"meta": {key: value for key, value in meta.items() if key != "prepare_s"}}


def assert_engines_agree(make, empty_cache):
    logs = []
    for number, engine in enumerate(("memory", "duckdb")):
        log = prepare(make(engine), RandomSplit())
        logs.append(files_of(log.folder))
        empty_cache.rename(empty_cache.with_name(f"set aside {number}"))
    assert len(logs[0]) > 4
    for name, content in logs[0].items():
        assert logs[1][name] == content, name
    assert logs[0].keys() == logs[1].keys()


@pytest.mark.parametrize("roles", [PLAIN, ROLES], ids=["plain ids", "ids with side features"])
@pytest.mark.parametrize("suffix", [".csv", ".csv.gz", ".tsv", ".parquet", "/"])
def test_a_table_is_prepared_alike(path, tmp_path, empty_cache, roles, suffix):
    frame = pd.read_csv(path, dtype={"customer": str}, keep_default_na=False)
    place = tmp_path / f"log{suffix}"
    if suffix == "/":
        place.mkdir()
        cuts = [0, len(frame) // 3, len(frame) // 2, len(frame)]
        for number, (first, end) in enumerate(pairwise(cuts)):
            frame[first:end].to_parquet(place / f"part-{number}.parquet")
    elif suffix == ".parquet":
        frame.to_parquet(place, row_group_size=50)
    else:
        frame.to_csv(place, sep="\t" if suffix == ".tsv" else ",", index=False)
    assert_engines_agree(lambda engine: Table(str(place), **roles, engine=engine), empty_cache)


@pytest.mark.parametrize(("source", "write"), [(Criteo, write_criteo), (Avazu, write_avazu)])
def test_logs_of_clicks_are_prepared_alike(tmp_path, monkeypatch, empty_cache, source, write):
    monkeypatch.setenv("CADC_DATA_DIR", str(tmp_path))
    write(tmp_path / source.name)
    assert_engines_agree(lambda engine: source(min_count=3, engine=engine), empty_cache)


def test_a_field_without_any_value_is_prepared_alike(tmp_path, empty_cache):
    rows = [f"u{row % 9},{row % 2},{'ab'[row % 2]}," for row in range(300)]
    (tmp_path / "log.csv").write_text("\n".join(["user,label,own,empty", *rows]))
    roles = {"user": "user", "label": "label", "context_fields": ["own", "empty"]}
    assert_engines_agree(lambda engine: Table(str(tmp_path / "log.csv"), **roles, engine=engine), empty_cache)


def test_parts_in_files_of_their_own_are_prepared_alike(path, tmp_path, empty_cache):
    lines = path.read_text().splitlines(keepends=True)
    (tmp_path / "train.csv").write_text("".join(lines[:200]))
    (tmp_path / "test.csv").write_text("".join(lines[:1] + lines[200:]))
    places = {"path": str(tmp_path / "train.csv"), "test_path": str(tmp_path / "test.csv")}
    assert_engines_agree(lambda engine: Table(**places, **PLAIN, engine=engine), empty_cache)


def test_the_engine_is_no_part_of_what_a_log_is(path):
    first = prepare(Table(str(path), **PLAIN, engine="memory"), RandomSplit())
    assert prepare(Table(str(path), **PLAIN, engine="duckdb"), RandomSplit()).folder == first.folder
    assert isinstance(first, InteractionLog)


def test_large_files_are_left_to_duckdb_unless_memory_is_asked_for():
    assert numbering_of("auto", LARGE_BYTES) is OnDisk
    assert numbering_of("auto", LARGE_BYTES - 1) is numbering_of("memory", LARGE_BYTES) is InMemory
    assert numbering_of("duckdb", 0) is OnDisk


def test_without_duckdb_files_of_any_size_are_read_in_memory(monkeypatch):
    monkeypatch.setattr(on_disk, "find_spec", lambda name: None)
    assert numbering_of("auto", LARGE_BYTES) is InMemory
    with pytest.raises(UsageError, match=r"needs DuckDB, which is not installed; run `pip install 'cadc\[scale\]'`"):
        numbering_of("duckdb", 0)


def test_an_unknown_engine_is_named():
    with pytest.raises(UsageError, match=r"data\.engine is 'spark'; it must be auto, memory or duckdb"):
        Table("log.csv", engine="spark")
