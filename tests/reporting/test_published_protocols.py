"""The experiments of published protocols, on made-up samples in the publishers' layouts."""

import pandas as pd
import pytest

from cadc.experiment import load_experiment
from tests.data import small_sources
from tests.support.commands import cadc

WRITE = {
    "frappe_x1": small_sources.write_frappe_x1,
    "gowalla": small_sources.write_lightgcn_parts,
}


@pytest.mark.parametrize(
    ("name", "dataset", "metric"),
    [
        ("published", "frappe_x1", "auc"),
        ("published_ranking", "gowalla", "recall@20"),
    ],
)
def test_every_arm_runs_beside_its_published_figure(name, dataset, metric, tmp_path, monkeypatch):
    WRITE[dataset](tmp_path / "publishers" / dataset)
    monkeypatch.setenv("CADC_DATA_DIR", str(tmp_path / "publishers"))
    answer = cadc("experiment", name, "--fast", f"data={dataset}", "--output", tmp_path / "out")
    assert answer.status == 0, answer.err
    table = pd.read_csv(tmp_path / "out" / "table.csv")
    experiment = load_experiment(name)
    assert table["dataset"].unique().tolist() == [dataset]
    assert set(table["arm"]) == set(experiment.arms)
    published = {(own.data, own.arm): own.value for own in experiment.published if own.metric == metric and own.arm}
    for row in table.to_dict("records"):
        value = published.get((row["dataset"], row["arm"]))
        if value is None:
            assert pd.isna(row[f"{metric}_published"])
        else:
            assert row[f"{metric}_published"] == value
            assert row[f"{metric}_difference to published"] == pytest.approx(row[f"{metric}_mean"] - value, abs=2e-6)
    text = (tmp_path / "out" / "table.md").read_text()
    assert "Published figures of" in text
    assert "were published" in answer.err, "the made-up rows are fewer than those published"
