"""The claims of the repository: verdicts follow from the committed comparisons, and `results/claims.md` says them."""

import shutil
from functools import cache
from io import StringIO
from pathlib import Path

import pandas as pd
import pytest

from cadc.experiment import load_experiment, names
from cadc.experiment.claims import Compared
from cadc.reporting.claims.tested import examine
from cadc.reporting.claims.written import frame
from cadc.reporting.lookup import committed_records
from cadc.storage.csv_tables import csv_text
from tests.support.commands import cadc

RESULTS = Path(__file__).parents[3] / "results"


@pytest.fixture(scope="module")
def found():
    return examine([load_experiment(name) for name in names()], RESULTS)


@cache
def committed(name):
    """Return the comparison of an experiment and the ids of its records."""
    records = committed_records(RESULTS / name)
    return pd.read_csv(RESULTS / name / "comparison.csv"), {record["id"] for record in records}


def test_every_claim_has_a_verdict_and_what_has_results_has_a_figure(found):
    claimed = [claim.text for name in names() for claim in load_experiment(name).claims]
    assert sorted(one.claim.text for one in found) == sorted(claimed)
    assert {one.verdict for one in found} <= {"holds", "fails", "undecided", "not run"}
    for one in found:
        if not (RESULTS / one.experiment).exists():
            assert one.verdict == "not run"


def test_figures_are_those_of_the_committed_comparisons(found):
    checked = 0
    for one in found:
        path = RESULTS / one.experiment / "comparison.csv"
        if not isinstance(one.claim.test, Compared) or one.claim.test.is_chosen or not path.exists():
            continue
        lines, known = committed(one.experiment)
        for own in one.evidence:
            if own.verdict == "not run":
                continue
            same = lines[
                (lines["dataset"] == own.dataset) & (lines["arm"] == own.arm) & (lines["metric"] == own.quantity)
            ]
            same = same[same["rate"].isna() if own.rate is None else same["rate"] == own.rate]
            line = same[same["difference"] == own.value].iloc[0]
            assert (own.seeds, own.low, own.high) == (line["seeds"], line["low"], line["high"])
            assert {record["id"] for record in own.runs} <= known
            assert len(own.runs) == 2 * own.seeds
            checked += 1
    assert checked > 20


def test_the_committed_list_is_that_of_the_results(found):
    """Where this fails, `cadc claims --commit` writes the list again."""
    of_code = ["runs_of_present_code"]  # which changes with the code
    kept = pd.read_csv(RESULTS / "claims.csv", dtype=str, keep_default_na=False).drop(columns=of_code)
    made = pd.read_csv(StringIO(csv_text(frame(found))), dtype=str, keep_default_na=False).drop(columns=of_code)
    pd.testing.assert_frame_equal(made, kept)


def test_runs_of_the_present_code_are_counted(tmp_path, monkeypatch):
    name = "mf_solvers"
    shutil.copytree(RESULTS / name, tmp_path / name)
    experiment = load_experiment(name)
    codes = {record["code"]["hash"] for record in committed_records(RESULTS / name)}
    monkeypatch.setattr("cadc.reporting.claims.tested.run_code", lambda settings: "another")
    assert {len(one.present) for one in examine([experiment], tmp_path)} == {0}
    (code, *_) = codes
    monkeypatch.setattr("cadc.reporting.claims.tested.run_code", lambda settings: code)
    for one in examine([experiment], tmp_path):
        of_code = [run for run, record in one.runs.items() if record["code"]["hash"] == code]
        assert sorted(one.present) == sorted(of_code)


def test_the_command_lists_and_writes(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert "results is not a folder; name the results with --results" in cadc("claims", "--commit").sentence
    assert cadc("claims", "paper_two_tower").status == 0, "those of the source tree"
    answer = cadc("claims", "paper_two_tower", "--results", RESULTS, "--output", tmp_path / "made")
    assert answer.status == 0, answer.err
    assert answer.out.splitlines()[-1] == f"written to {tmp_path}/made/claims.md and {tmp_path}/made/claims.csv"
    page = (tmp_path / "made" / "claims.md").read_text()
    for claim in load_experiment("paper_two_tower").claims:
        assert page.count(claim.text) == 2
    assert "leave out names and --output" in cadc("claims", "views", "--commit", "--results", RESULTS).sentence
    assert not (tmp_path / "results").exists()
