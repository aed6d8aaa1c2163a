"""`cadc experiment` of an analysis: an experiment without a grid of runs."""

import json
from pathlib import Path

import pandas as pd
import pytest

from cadc.provenance.environment import environment
from tests.cli.conftest import write_experiment
from tests.support.commands import TINY, cadc, runs

QUICK = ["analysis.size=16", "analysis.steps=3", "analysis.single_steps=2", "analysis.trials=2"]


@pytest.fixture
def picture(experiments):
    """The experiments with an analysis among them, whose quick look is quick."""
    folder = experiments / "picture"
    folder.mkdir()
    (folder / "experiment.yaml").write_text(
        "title: A picture\nclaim: it is one\nsource: made up\nanalysis:\n  _target_: cadc.analyses.inr_image.InrImage\n"
        f"  seed: 1\nfast: [{', '.join(QUICK)}]\n"
    )
    return experiments


def test_a_quick_look_goes_into_outputs_with_table_figure_and_provenance(picture):
    answer = cadc("experiment", "picture", "--fast", "analysis.steps=2")
    assert answer.status == 0, answer.err
    assert answer.out.splitlines()[-1] == "written to outputs/picture-fast,analysis.steps=2"
    folder = Path("outputs/picture-fast,analysis.steps=2")
    assert sorted(path.name for path in folder.iterdir()) == [
        "figure.png", "figure.svg", "provenance.json", "table.csv", "table.md",
    ]  # fmt: skip
    table = pd.read_csv(folder / "table.csv")
    assert (folder / "table.md").read_text().startswith(f"| {' | '.join(table.columns)} |")
    assert "`psnr`: dB" in (folder / "table.md").read_text()
    assert f"Seconds were taken on {environment()['cpu']} with " in (folder / "table.md").read_text()
    provenance = json.loads((folder / "provenance.json").read_text())
    assert provenance["command"] == "cadc experiment picture --fast analysis.steps=2"
    options = {"seed": 1, "size": 16, "steps": 2, "single_steps": 2, "trials": 2}
    assert provenance["analysis"] == {"_target_": "cadc.analyses.inr_image.InrImage", **options}
    assert (provenance["claim"], provenance["runs"]) == ("it is one", {})
    assert runs() == []


def test_the_output_may_be_named_and_the_whole_analysis_goes_into_results(picture, tmp_path):
    assert cadc("experiment", "picture", "--fast", "--output", tmp_path / "here").status == 0
    assert (tmp_path / "here" / "table.csv").exists()
    file = picture / "picture" / "experiment.yaml"
    file.write_text(file.read_text().replace("  seed: 1\n", "  size: 16\n  steps: 2\n  single_steps: 2\n  trials: 1\n"))
    assert cadc("experiment", "picture").status == 0
    assert Path("results/picture/table.csv").exists()
    assert not Path("outputs").exists()


def test_all_experiments_run_analyses_too_unless_overrides_are_for_runs(picture):
    (picture / "tiny" / "experiment.yaml").unlink()
    write_experiment(picture, "one", common=[*TINY], seeds=[0], arms={"oracle": ["model=oracle"]}, fast=["seed=0"])
    answer = cadc("experiment", "--all", "--fast")
    assert answer.status == 0, answer.err
    assert answer.out.splitlines()[-1].split() == ["picture", "written", "to", "outputs/picture-fast"]
    answer = cadc("experiment", "--all", "--fast", "data.n_rows=2000")
    assert answer.status == 0, answer.err
    assert answer.out.splitlines()[-1] == "picture  is an analysis, to which overrides of runs do not apply"
    answer = cadc("report", "--all", "--fast")
    assert answer.status == 0, answer.err
    assert answer.out.splitlines()[-1] == "picture  is an analysis, which has no runs to report"


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["experiment", "picture", "seed=3"], "has no key seed"),
        (["experiment", "picture", "analysis.sede=3"], "analysis.sede is not an option of InrImage; did you mean seed"),
        (["experiment", "picture", "--tune"], "has no key tune"),
        (["report", "picture"], "has no runs to report; run `cadc experiment picture`"),
        (["sync", "--experiment", "picture"], "none of the runs of the results"),
    ],
    ids=str,
)
def test_what_does_not_apply_to_an_analysis_is_reported(picture, words, sentence):
    answer = cadc(*words)
    assert answer.status in (1, 2)
    assert sentence in answer.sentence
    assert not Path("results").exists()


def test_a_folder_that_cannot_be_written_is_a_sentence(picture, tmp_path):
    (tmp_path / "file").write_text("mine")
    answer = cadc("experiment", "picture", "--fast", "--output", tmp_path / "file")
    assert answer.status == 2
    assert "cannot be written" in answer.sentence
    assert (tmp_path / "file").read_text() == "mine"
