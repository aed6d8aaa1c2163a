"""A budget that a scheme cannot meet is a row of the table that says n/a, and no failure of the experiment."""

import json
from pathlib import Path

import pandas as pd
import pytest

from cadc.ledger import Ledger
from tests.cli.conftest import write_experiment
from tests.support.commands import TINY, cadc

ARMS = {"full table": ["embedding=full", "sampler.rate=1"], "compressed": ["sampler.rate=1"]}
COMMON = [*TINY, "embedding=hashing,quantised", "embedding.ratio=2,500", "embedding.small=10", "embedding.dim=8"]


@pytest.fixture
def table(experiments):
    write_experiment(experiments, "compressed", common=COMMON, seeds=[0], arms=ARMS)
    answer = cadc("experiment", "compressed")
    assert answer.status == 0, answer.err
    assert answer.out.splitlines()[-1] == "3 finished, 2 unreachable; written to results/compressed"
    return pd.read_csv("results/compressed/table.csv")


def test_the_table_has_a_row_for_it_and_a_second_look_tries_it_no_more(table):
    assert table["embedding"].tolist() == ["full", "hashing", "hashing", "quantised", "quantised"]
    assert table["ratio"].fillna(0).tolist() == [0, 2, 500, 2, 500]
    assert table["seeds"].tolist() == [1, 1, 0, 1, 0]
    assert table["auc_mean"].isna().tolist() == [False, False, True, False, True]
    assert Path("results/compressed/table.md").read_text().count("n/a") == 4
    again = cadc("experiment", "compressed")
    assert again.out.splitlines()[-1] == "3 skipped, 2 unreachable; written to results/compressed"
    assert "the least that this scheme can do" in again.err


def test_it_is_reported_without_the_ledger_too(table, tmp_path, monkeypatch):
    before = Path("results/compressed/table.csv").read_bytes()
    assert cadc("report", "compressed").status == 0
    assert Path("outputs/compressed/table.csv").read_bytes() == before
    monkeypatch.setenv("CADC_RUNS", str(tmp_path / "nowhere"))
    assert cadc("report", "compressed").status == 0
    assert Path("outputs/compressed/table.csv").read_bytes() == before
    records = [json.loads(line) for line in Path("results/compressed/records.jsonl").read_text().splitlines()]
    assert sum(bool(record.get("unreachable")) for record in records) == 2


def test_the_ledger_says_that_it_failed_and_why(table):
    failed = [run_id for run_id, status in Ledger().statuses().items() if status == "failed"]
    assert len(failed) == 2
    assert all(Ledger().is_unreachable(run_id) for run_id in failed)
    assert "the embedding budget is" in Ledger().record(failed[0])["reason"]
    assert failed[0] not in Ledger().ids()


def test_a_grid_of_which_nothing_can_be_had_is_a_sentence(experiments):
    write_experiment(experiments, "hopeless", common=COMMON, seeds=[0], arms={"compressed": ["embedding.ratio=500"]})
    answer = cadc("experiment", "hopeless")
    assert answer.status == 1
    assert "2 of 2 runs have no result, so no table is written" in answer.err
    assert not Path("results/hopeless").exists()
