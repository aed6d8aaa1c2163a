"""`cadc ledger export`: the records as a flat table."""

import json
from io import StringIO

import pandas as pd
import pytest

from cadc.ledger import Ledger, load
from tests.ledger.conftest import record
from tests.support.commands import cadc

READ = {
    ".csv": pd.read_csv,
    ".parquet": pd.read_parquet,
    ".jsonl": lambda path: pd.read_json(path, lines=True, convert_dates=False, precise_float=True),
}
COLUMNS = ["config.sampler.rate", "metrics.test/auc", "cost.total_s", "bytes.embedding", "config.choices.model"]


def export(*words):
    answer = cadc("ledger", "export", *words)
    assert answer.status == 0, answer.err
    return answer.out


@pytest.mark.parametrize("suffix", READ)
def test_a_file_holds_what_the_data_frame_holds(looked_at, tmp_path, suffix):
    path = tmp_path / f"runs{suffix}"
    assert export(path) == f"6 runs written to {path}\n"
    table, frame = READ[suffix](path).set_index("id"), load().set_index("id")
    assert sorted(table.index) == sorted(frame.index) == sorted(looked_at.values())
    for column in COLUMNS:
        assert table[column].to_dict() == frame[column].to_dict(), column
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == [f"runs{suffix}"]


def test_columns_are_those_of_the_data_frame(looked_at):
    table = pd.read_csv(StringIO(export()))
    assert set(table.columns) == set(load().columns)


def test_whole_numbers_stay_whole_beside_missing_ones(looked_at, tmp_path):
    export(tmp_path / "runs.parquet")
    table = pd.read_parquet(tmp_path / "runs.parquet").set_index("id")
    assert table.loc[looked_at["base"], "rows.kept"] == 2400
    assert str(table["rows.kept"].dtype) == "Int64"
    assert pd.isna(table.loc[looked_at["bias"], "rows.kept"])
    assert ",2400," in export()
    lines = [json.loads(line) for line in _jsonl(tmp_path)]
    assert {line["rows.kept"] for line in lines if line["id"] == looked_at["bias"]} == {None}


def _jsonl(tmp_path):
    export(tmp_path / "runs.jsonl")
    return (tmp_path / "runs.jsonl").read_text().splitlines()


def test_lists_are_texts_in_tables_and_lists_in_json(looked_at, tmp_path):
    export(tmp_path / "runs.parquet")
    table = pd.read_parquet(tmp_path / "runs.parquet").set_index("id")
    assert table.loc[looked_at["base"], "config.model.top_mlp"] == "[128, 64]"
    lines = {line["id"]: line for line in map(json.loads, _jsonl(tmp_path))}
    assert lines[looked_at["base"]]["config.model.top_mlp"] == [128, 64]


def test_status_chooses(made_up):
    made_up(record("a"), record("b", status="failed", reason="x"), unfinished=[{"id": "c", "config": {}}])
    chosen = {
        status: list(pd.read_csv(StringIO(export("--status", status)))["id"])
        for status in ("finished", "failed", "interrupted", "all")
    }
    assert chosen == {"finished": ["a"], "failed": ["b"], "interrupted": ["c"], "all": ["a", "b", "c"]}
    assert "interrupted" in export("--status", "all")
    assert cadc("ledger", "export", "--status", "sad").status == 2


@pytest.mark.parametrize("suffix", READ)
def test_an_empty_ledger_gives_an_empty_table(tmp_path, suffix):
    assert "0 runs written" in export(tmp_path / f"runs{suffix}")
    if suffix != ".jsonl":
        assert list(READ[suffix](tmp_path / f"runs{suffix}").columns) == ["id", "status"]


@pytest.mark.parametrize("name", ["runs.xlsx", "runs", "runs.CSV.gz"])
def test_another_suffix_is_refused(looked_at, tmp_path, name):
    answer = cadc("ledger", "export", tmp_path / name)
    assert answer.status == 2
    assert ".csv, .parquet, .jsonl" in answer.sentence
    assert not list(tmp_path.glob("runs?*"))


@pytest.mark.parametrize("suffix", [".csv", ".parquet", ".jsonl"])
def test_a_folder_that_does_not_exist_is_named(looked_at, tmp_path, suffix):
    answer = cadc("ledger", "export", str(tmp_path / "gone" / f"runs{suffix}"))
    assert answer.status == 2
    assert f"{tmp_path / 'gone'} is not a folder" in answer.sentence


def test_a_failing_write_leaves_the_file_before_and_nothing_beside_it(looked_at, tmp_path, monkeypatch):
    path = tmp_path / "runs.csv"
    path.write_text("before")

    def fail(*words, **options):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pd.DataFrame, "to_csv", fail)
    assert cadc("ledger", "export", path).status == 1
    assert path.read_text() == "before"
    assert not list(tmp_path.glob(".partial*"))


def test_damaged_records_are_left_out_and_named(made_up, tmp_path):
    made_up(record("a"), "{")
    answer = cadc("ledger", "export", tmp_path / "runs.csv")
    assert answer.status == 1
    assert answer.err.splitlines()[0].startswith("left out: ")
    assert list(pd.read_csv(tmp_path / "runs.csv")["id"]) == ["a"]


@pytest.mark.parametrize("suffix", READ)
def test_columns_of_mixed_kinds_and_huge_numbers_are_written(made_up, tmp_path, suffix):
    values = [1, "one", None, [1], 10**30, 1.5, True, 2**53 + 1]
    made_up(*(record(f"r{number}", extra=value, big=2**63 + number) for number, value in enumerate(values)))
    export(tmp_path / f"runs{suffix}")
    if suffix == ".jsonl":
        found = [json.loads(line)["extra"] for line in (tmp_path / "runs.jsonl").read_text().splitlines()]
        assert found == values
    else:
        table = READ[suffix](tmp_path / f"runs{suffix}")
        texts = [None if pd.isna(value) else str(value) for value in table["extra"]]
        assert texts == ["1", "one", None, "[1]", str(10**30), "1.5", "true", str(2**53 + 1)]
        assert [int(value) for value in table["big"]] == [2**63 + number for number in range(len(values))]


def test_records_of_the_first_schema_version_are_exported(made_up, old_records):
    made_up(*old_records)
    table = pd.read_csv(StringIO(export())).set_index("id")
    for found in old_records:
        assert table.loc[found["id"], "metrics.test/auc"] == found["metrics"]["test/auc"]
    assert len(table) == len(list(Ledger()))
