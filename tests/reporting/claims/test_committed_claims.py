"""The claims of the repository: verdicts follow from the committed comparisons, and `results/claims.md` says them."""

import re
import shutil
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
TESTED = {
    "CADC": "2407.08108",
    "LMA": "2103.06124",
    "MPE": "2409.20305",
    "BH": "2109.02471",
    "ensemble INR": "2110.04124",
    "TT": "2101.11714",
    "ROBE": "2108.02191",
    "SCALL": "2407.15411",
    "DESS": "2308.07760",
    "BET": "2310.14884",
}
"""Papers whose claims are tested."""


@pytest.fixture(scope="module")
def kept():
    return pd.read_csv(RESULTS / "claims.csv")


def test_the_committed_list_is_that_of_the_results(kept):
    """Where this fails, `cadc claims --commit` writes the list again."""
    found = frame(examine([load_experiment(name) for name in names()], RESULTS))
    made = pd.read_csv(StringIO(csv_text(found)))
    of_code = ["runs_of_present_code"]  # which changes with the code
    pd.testing.assert_frame_equal(made.drop(columns=of_code), kept.drop(columns=of_code))


def test_every_claim_has_a_verdict(kept):
    claimed = [claim.text for name in names() for claim in load_experiment(name).claims]
    assert sorted(kept.drop_duplicates("number")["claim"]) == sorted(claimed)
    assert set(kept["verdict_on_claim"]) <= {"holds", "fails", "undecided", "not run"}
    without = kept[[not (RESULTS / name).exists() for name in kept["experiment"]]]
    assert set(without["verdict"]) <= {"not run"}
    numbers = re.findall(r"^## (\d+)\. ", (RESULTS / "claims.md").read_text(), flags=re.MULTILINE)
    assert [*map(int, numbers)] == list(kept["number"].unique())


@pytest.mark.parametrize("paper", TESTED)
def test_the_claims_of_a_paper_are_tested(kept, paper):
    assert kept["by"].str.contains(TESTED[paper], regex=False).any()


@pytest.mark.parametrize("name", [name for name in names() if (RESULTS / name / "comparison.csv").exists()])
def test_figures_are_those_of_the_committed_comparisons(kept, name):
    tests = {claim.text: claim.test for claim in load_experiment(name).claims}
    compared = [text for text, test in tests.items() if isinstance(test, Compared) and not test.is_chosen]
    lines = pd.read_csv(RESULTS / name / "comparison.csv")
    known = {record["id"] for record in committed_records(RESULTS / name)}
    own = kept[(kept["experiment"] == name) & kept["claim"].isin(compared) & (kept["verdict"] != "not run")]
    for figure in own.to_dict("records"):
        named = {"dataset": figure["dataset"], "arm": figure["arm"], "metric": figure["quantity"]}
        same = lines[(lines[list(named)] == named).all(axis="columns")]
        same = same[same["rate"].isna() if pd.isna(figure["rate"]) else same["rate"] == figure["rate"]]
        line = same[same["difference"] == figure["value"]].iloc[0]
        assert (figure["seeds"], figure["low"], figure["high"]) == (line["seeds"], line["low"], line["high"])
        runs = figure["runs"].split()
        assert set(runs) <= known
        # A model that draws nothing meets all seeds of the other.
        assert line["seeds"] + 1 <= len(runs) <= 2 * line["seeds"]


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
