"""`cadc experiment`: a grid becomes a table, a figure, the records behind them and where they came from."""

import json
from pathlib import Path

import pandas as pd
import pytest

from cadc.ledger import Ledger
from tests.cli.conftest import N_RUNS
from tests.support.commands import cadc

COLUMNS = (
    "dataset, arm, model, factorization, initializer, freeze, sampler, rate, embedding, dim, seeds, auc_mean, "
    "auc_std, auc_ci, logloss_mean, logloss_std, logloss_ci, rows_kept, total_s_mean, embedding_bytes"
)


@pytest.fixture
def table(finished):
    return pd.read_csv(finished / "table.csv")


def test_the_table_has_these_columns_and_a_row_for_each_arm_and_rate(finished, table):
    assert ", ".join(table.columns) == COLUMNS
    assert (finished / "table.csv").read_text().splitlines()[0] == COLUMNS.replace(" ", "")
    assert list(zip(table["arm"], table["rate"].fillna(-1), strict=True)) == [
        ("random", 0.2),
        ("random", 1),
        ("mf frozen", 0.2),
        ("mf frozen", 1),
        ("MF alone", -1),
        ("biases only", -1),
        ("oracle", -1),
    ]
    assert (table["seeds"] == 2).all()
    assert (table["dataset"] == "synthetic").all()


def test_means_and_deviations_are_those_of_the_ledger(table):
    frame = Ledger().frame()
    assert len(frame) == N_RUNS
    choices = "config.choices."
    by = [f"{choices}model", f"{choices}initializer", "config.sampler.rate"]
    trained = frame[f"{choices}model"] == "dlrm"
    frame.loc[~trained, by[1:]] = ["-", -1]
    groups = frame.groupby(by)
    for row in table.to_dict("records"):
        is_trained = row["model"] == "dlrm"
        key = (row["model"], row["initializer"] if is_trained else "-", row["rate"] if is_trained else -1)
        runs = groups.get_group(key)
        for metric in ("auc", "logloss"):
            values = runs[f"metrics.test/{metric}"]
            assert row[f"{metric}_mean"] == pytest.approx(values.mean(), abs=1e-6)
            assert row[f"{metric}_std"] == pytest.approx(values.std(ddof=1), abs=1e-6)
        assert row["total_s_mean"] == pytest.approx(runs["cost.total_s"].mean(), abs=0.01)
        if is_trained:
            assert row["rows_kept"] == runs["rows.kept"].iloc[0] == round(row["rate"] * 2400)
            assert row["embedding_bytes"] == runs["bytes.embedding"].iloc[0]


def test_what_does_not_apply_to_a_control_is_empty(table):
    controls = table.set_index("arm").loc[["MF alone", "biases only", "oracle"]]
    assert controls[["initializer", "freeze", "sampler", "rate", "embedding", "rows_kept"]].isna().all(axis=None)
    assert list(controls["factorization"].fillna("")) == ["logistic", "logistic", ""]
    assert list(controls["dim"].fillna(-1)) == [16, 0, -1]
    trained = table[table["model"] == "dlrm"]
    assert list(trained["freeze"].astype(str)) == ["False", "False", "True", "True"]
    assert list(trained["factorization"].fillna("")) == ["", "", "logistic", "logistic"]


def test_the_table_in_markdown_says_the_same(finished, table):
    lines, _, notes = (finished / "table.md").read_text().partition("\n\n")
    header, _, *rows = [line.strip("| ").split("|") for line in lines.splitlines()]
    assert notes.startswith("Seconds were taken on ")
    heads = ["arm", "rate", "seeds", "AUC ± 95 %", "logloss ± 95 %", "rows", "seconds", "table bytes"]
    assert [name.strip() for name in header] == heads
    assert len(rows) == len(table)
    for cells, auc in zip(rows, table["auc_mean"], strict=True):
        assert cells[heads.index("AUC ± 95 %")].strip().partition(" ± ")[0] == f"{auc:.4f}"


def test_the_figure_names_every_arm(finished, table):
    svg = (finished / "figure.svg").read_text()
    assert all(arm in svg for arm in table["arm"])
    assert "A tiny experiment" in svg
    assert (finished / "figure.png").read_bytes().startswith(b"\x89PNG")


def test_provenance_leads_from_the_table_to_the_runs(finished):
    provenance = json.loads((finished / "provenance.json").read_text())
    assert provenance["command"] == "cadc experiment tiny"
    assert provenance["claim"] == "it is tiny"
    assert provenance["source"] == "made up"
    assert {"version", "commit", "dirty"} <= set(provenance["code"])
    ids = [run_id for ids in provenance["runs"].values() for run_id in ids]
    assert len(set(ids)) == N_RUNS
    assert all(run_id in Ledger() for run_id in ids)
    assert {arm: len(ids) for arm, ids in provenance["runs"].items()} == {
        "random": 4,
        "mf frozen": 4,
        "MF alone": 2,
        "biases only": 2,
        "oracle": 2,
    }


def test_the_records_are_kept_beside_the_table(finished):
    records = [json.loads(line) for line in (finished / "records.jsonl").read_text().splitlines()]
    assert sorted(record["id"] for record in records) == Ledger().ids()
    assert all(record == Ledger().record(record["id"]) for record in records)


def test_running_again_runs_nothing_and_writes_the_same_bytes(finished):
    before = {run_id: (Ledger().path(run_id) / "record.json").stat() for run_id in Ledger().ids()}
    answer = cadc("experiment", "tiny")
    assert answer.status == 0
    assert answer.out.splitlines()[-1] == f"{N_RUNS} skipped; written to results/tiny"
    assert answer.err.splitlines()[-1].split() == [str(N_RUNS), "skipped", "finished", "before"]
    assert {run_id: (Ledger().path(run_id) / "record.json").stat() for run_id in Ledger().ids()} == before
    for name in ("table.csv", "table.md", "figure.svg", "figure.png", "records.jsonl", "provenance.json"):
        assert (Path("results/tiny") / name).read_bytes() == (finished / name).read_bytes()


def test_the_table_is_printed(finished):
    out = cadc("report", "tiny").out
    assert "A tiny experiment" in out
    assert all(arm in out for arm in ("random", "mf frozen", "MF alone", "biases only", "oracle"))
