"""`cadc report FOLDER`: results as they are, from anywhere, without the experiment or its runs."""

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest
import yaml

from cadc import paths
from tests.cli.conftest import N_RUNS, TINY_EXPERIMENT
from tests.support.commands import cadc

SAME = ("table.csv", "table.md", "figure.svg", "records.jsonl")
REFERENCE = {"reference": {"arm": "random", "rate": 1}, "margin": 0.05}


@pytest.fixture
def results(finished, experiments, tmp_path, monkeypatch):
    """Results of the tiny experiment with a comparison, far from the working directory; its runs are gone."""
    (experiments / "tiny" / "experiment.yaml").write_text(yaml.safe_dump(TINY_EXPERIMENT | REFERENCE, sort_keys=False))
    folder = tmp_path / "far" / "results" / "tiny"
    assert cadc("report", "tiny", "--output", folder).status == 0
    monkeypatch.setenv("CADC_RUNS", str(tmp_path / "no_runs"))
    return folder


def content(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize("is_known", [True, False])
def test_results_are_reported_by_their_path(results, experiments, is_known):
    before = content(results)
    if not is_known:
        shutil.rmtree(experiments / "tiny")
    answer = cadc("report", results)
    assert answer.status == 0, answer.err
    assert answer.out.splitlines()[-1] == "written to outputs/tiny"
    assert f"read {N_RUNS} runs from {results}" in answer.err
    made = content(Path("outputs/tiny"))
    for name in (*SAME, "comparison.csv"):
        assert made[name] == before[name], name
    assert content(results) == before
    assert json.loads(made["provenance.json"])["claim"] == TINY_EXPERIMENT["claim"]


def test_results_stay_as_they_were_asked_for_when_the_experiment_becomes_another(results, experiments):
    arms = {"random": TINY_EXPERIMENT["arms"]["random"], "new": ["model=platt"]}
    (experiments / "tiny" / "experiment.yaml").write_text(
        yaml.safe_dump(TINY_EXPERIMENT | {"arms": arms, "title": "Another"}, sort_keys=False)
    )
    answer = cadc("report", results)
    assert answer.status == 0, answer.err
    assert "A tiny experiment" in answer.out
    assert (Path("outputs/tiny") / "table.csv").read_bytes() == (results / "table.csv").read_bytes()


def test_results_are_written_in_their_place_only_when_told(results):
    (results / "table.csv").unlink()
    answer = cadc("report", results, "--commit")
    assert answer.status == 0, answer.err
    assert answer.out.splitlines()[-1] == f"written to {results}"
    assert len(pd.read_csv(results / "table.csv")) == 7
    assert not Path("outputs").exists()


def test_committed_results_are_written_only_when_told(results):
    shutil.copytree(results, "results/tiny")
    before = content(Path("results/tiny"))
    assert cadc("report", "tiny").status == 0
    assert content(Path("results/tiny")) == before
    (Path("results/tiny") / "table.csv").write_text("old")
    assert cadc("report", "tiny", "--commit").status == 0
    assert (Path("results/tiny") / "table.csv").read_bytes() == before["table.csv"]


def test_results_of_the_source_tree_are_found_from_any_folder(results, monkeypatch):
    monkeypatch.setattr(
        paths, "_packaged", lambda name: results.parent if name == "results" else paths.PACKAGE.parent / name
    )
    answer = cadc("report", "tiny")
    assert answer.status == 0, answer.err
    assert f"read {N_RUNS} runs from {results}" in answer.err


def test_a_folder_of_nothing_is_a_sentence(results):
    answer = cadc("report", results.parent)
    assert answer.status == 2
    assert "holds neither an experiment.yaml nor results; name an experiment, or a folder of one" in answer.sentence


def test_results_cannot_be_overridden(results):
    answer = cadc("report", results, "seed=0")
    assert answer.status == 2
    assert "is a folder of results, whose runs are given" in answer.sentence


@pytest.mark.parametrize(
    ("file", "text", "sentence"),
    [
        ("provenance.json", None, "cannot be read (no such file or directory)"),
        ("provenance.json", "[]", "cannot be read (it is not an object)"),
        ("provenance.json", '{"experiment": "tiny"}', "does not list the runs that these results are of"),
        ("provenance.json", '{"experiment": "tiny", "runs": {"a": ["../x"]}}', "'../x' is not the id of a run"),
        ("provenance.json", '{"experiment": "tiny", "runs": {"a": ["x"]}}', "does not say what was asked for"),
        ("records.jsonl", None, f"lacks {N_RUNS} of {N_RUNS} runs that provenance.json names"),
        ("records.jsonl", "{", "line 1 is not a record"),
    ],
)
def test_damaged_results_are_a_sentence(results, file, text, sentence):
    (results / file).unlink()
    if text is not None:
        (results / file).write_text(text)
    answer = cadc("report", results)
    assert answer.status == 1
    assert sentence in answer.sentence
    assert str(results / file) in answer.sentence
