"""A reference in `experiment.yaml` adds the comparison to the table; without one nothing changes."""

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest
import yaml

from cadc.evaluation.statistics import compare
from cadc.ledger import Ledger
from tests.cli.conftest import TINY_EXPERIMENT, write_experiment
from tests.support.commands import cadc

ADDED = [f"auc_difference{end}" for end in ("", "_low", "_high")]
ADDED += ["p_holm", "p_margin_holm", "seeds_compared", "verdict"]
FILES = ("table.csv", "table.md", "table.tex", "comparison.csv", "records.jsonl", "figure.svg")


@pytest.fixture
def compared(finished, experiments):
    """The tiny experiment, now with a reference."""
    description = TINY_EXPERIMENT | {"reference": {"arm": "random", "rate": 1}, "margin": 0.05}
    (experiments / "tiny" / "experiment.yaml").write_text(yaml.safe_dump(description, sort_keys=False))
    return finished


def scores(**wanted):
    """Return the saved scores of the runs of a model and rate, in the order of their seeds."""
    runs = [record for record in Ledger() if record["config"]["choices"]["model"] == wanted["model"]]
    if "rate" in wanted:
        runs = [record for record in runs if record["config"]["sampler"]["rate"] == wanted["rate"]]
        runs = [record for record in runs if record["config"]["choices"]["initializer"] == wanted["initializer"]]
    runs.sort(key=lambda record: record["config"]["data"]["split_seed"])
    return [pd.read_parquet(Ledger().path(record["id"]) / "scores.parquet") for record in runs]


def test_a_reference_adds_columns_that_are_computed_from_the_saved_scores(compared):
    answer = cadc("report", "tiny")
    assert answer.status == 0, answer.err
    assert "Differences in auc to random at rate 1" in " ".join(answer.out.split())
    table, before = pd.read_csv("outputs/tiny/table.csv"), pd.read_csv(compared / "table.csv")
    assert list(table.columns) == [*before.columns, *ADDED]
    pd.testing.assert_frame_equal(table[before.columns], before)
    rows = table.set_index(["arm", "rate"])
    assert rows.loc[("random", 1.0), "verdict"] == "reference"
    reference = scores(model="dlrm", rate=1, initializer="random")
    frozen = compare(scores(model="dlrm", rate=0.2, initializer="mf"), reference, margin=0.05).interval
    row = rows.loc[("mf frozen", 0.2)]
    comparison = pd.read_csv("outputs/tiny/comparison.csv").set_index(["arm", "rate"])
    line = comparison.loc[("mf frozen", 0.2)]
    assert tuple(line[["low_95", "high_95"]]) == pytest.approx((frozen.low, frozen.high))
    assert tuple(row[ADDED[:3]]) == pytest.approx((frozen.estimate, line["low"], line["high"]), abs=1e-6)
    assert line["low"] < frozen.low < frozen.high < line["high"]  # one of a family
    oracle = compare(scores(model="oracle"), reference, margin=0.05).interval
    assert table.set_index("arm").loc["oracle", "auc_difference"] == pytest.approx(oracle.estimate, abs=1e-6)
    assert json.loads(Path("outputs/tiny/provenance.json").read_text())["references"] == [
        {
            "arm": "random",
            "rate": 1.0,
            "metric": "auc",
            "margin": 0.05,
            "arms": [],
            "rates": [],
            "embedding": None,
            "embeddings": [],
            "mean_size": None,
            "mean_sizes": [],
        }
    ]
    assert (Path("outputs/tiny") / "figure.svg").read_bytes() == (compared / "figure.svg").read_bytes()


def test_records_and_comparison_alone_give_the_same_files(compared, monkeypatch, tmp_path):
    assert cadc("report", "tiny").status == 0
    shutil.move("outputs/tiny", tmp_path / "before")
    Path("outputs/tiny").mkdir()
    for name in ("records.jsonl", "comparison.csv"):
        shutil.copy(tmp_path / "before" / name, "outputs/tiny")
    monkeypatch.setenv("CADC_RUNS", str(tmp_path / "no_runs"))
    answer = cadc("report", "tiny")
    assert answer.status == 0, answer.err
    for name in FILES:
        assert (Path("outputs/tiny") / name).read_bytes() == (tmp_path / "before" / name).read_bytes(), name


def test_a_comparison_kept_before_delong_was_beside_it_still_serves(compared, monkeypatch, tmp_path):
    assert cadc("report", "tiny").status == 0
    table = Path("outputs/tiny/table.csv").read_bytes()
    kept = pd.read_csv("outputs/tiny/comparison.csv", dtype=str).drop(columns="delong_se")
    kept.to_csv("outputs/tiny/comparison.csv", index=False)
    Path("outputs/tiny/provenance.json").unlink()  # which named no files then
    monkeypatch.setenv("CADC_RUNS", str(tmp_path / "no_runs"))
    answer = cadc("report", "tiny")
    assert answer.status == 0, answer.err
    assert "left out" not in answer.err
    assert Path("outputs/tiny/table.csv").read_bytes() == table
    again = pd.read_csv("outputs/tiny/comparison.csv")
    assert again["delong_se"].isna().all()
    assert not again["difference"].isna().all()


def test_records_alone_give_the_table_without_a_comparison_and_a_sentence(compared, monkeypatch, tmp_path):
    folder = Path("outputs/tiny")
    folder.mkdir(parents=True)
    shutil.copy(compared / "records.jsonl", folder)
    (folder / "comparison.csv").write_text("of other runs\n")
    monkeypatch.setenv("CADC_RUNS", str(tmp_path / "no_runs"))
    answer = cadc("report", "tiny")
    assert answer.status == 0
    assert "the comparison with random at rate 1 is left out: scores.parquet of 14 of 14 runs is not in" in answer.err
    assert (folder / "table.csv").read_bytes() == (compared / "table.csv").read_bytes()
    assert (folder / "table.md").read_bytes() == (compared / "table.md").read_bytes()
    assert not (folder / "comparison.csv").exists()


def test_a_part_without_the_reference_is_reported_without_a_comparison(compared):
    answer = cadc("report", "tiny", "sampler.rate=0.2")
    assert answer.status == 0
    assert "is left out: it is not in this table" in answer.err
    assert "verdict" not in pd.read_csv("outputs/tiny-sampler.rate=0.2/table.csv")


def test_without_a_reference_there_is_no_comparison(finished):
    assert cadc("report", "tiny").status == 0
    assert not Path("outputs/tiny/comparison.csv").exists()
    assert "references" not in json.loads(Path("outputs/tiny/provenance.json").read_text())
    assert "verdict" not in Path("outputs/tiny/table.tex").read_text()


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"reference": "rndom"}, "'rndom' is not an arm; did you mean random"),
        ({"reference": {"arm": "random", "rat": 1}}, "expected an arm, or {arm: NAME, rate: NUMBER}"),
        ({"reference": {"rate": 1}}, "reference is {'rate': 1}; expected an arm"),
        ({"reference": {"arm": "random", "rate": "all"}}, "reference.rate is 'all'; expected"),
        ({"reference": 3}, "reference is 3; expected an arm"),
        ({"reference": "random", "margin": -0.1}, "margin is -0.1; expected 0 or more"),
        ({"reference": "random", "margin": True}, "margin is True; expected"),
        ({"reference": "random", "metric": "acc"}, "there is no metric 'acc'"),
        ({"metric": "auc"}, "sets metric but no reference"),
        ({"margin": 0.1, "metric": "auc"}, "but no reference"),
        ({"reference": "random", "metric": "ece"}, "cannot be compared by ece"),
        (
            {"choose": {"arm": "random", "metric": "brier"}},
            "choose.metric is brier, which runs do not record on validation",
        ),
    ],
    ids=str,
)
def test_a_reference_that_is_not_understood_is_a_sentence(experiments, changes, sentence):
    write_experiment(experiments, "wrong", **changes)
    answer = cadc("report", "wrong")
    assert answer.status == 2
    assert sentence in answer.sentence
    assert "experiment.yaml" in answer.sentence
