"""One experiment holds several tables of one's own, each by its description."""

from pathlib import Path

import pandas as pd
import pytest
import yaml

from cadc.experiment import Tuned, load_experiment
from cadc.experiment.tuned import with_tuned
from cadc.ledger.store import Ledger
from cadc.tuning.tasks import tasks
from tests.data.made_up_sales import ROLES, made_up_rows
from tests.support.commands import cadc


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder `mine` with two tables, one of which says its parts, and an experiment over both."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CADC_RUNS", str(tmp_path / "runs"))
    mine = Path("mine")
    mine.mkdir()
    roles = {key: own for key, own in ROLES.items() if key in ("user", "item", "label")}
    frame = pd.DataFrame(made_up_rows())
    frame.to_csv(mine / "shop.csv", index=False)
    frame[::-1].assign(set=["train", "train", "train", "test"] * 50).to_csv(mine / "blog.csv", index=False)
    for name, more in (("shop", {}), ("blog", {"part": "set"})):
        content = {"name": name, "path": f"{name}.csv", **roles, **more}
        (mine / f"{name}.yaml").write_text(yaml.safe_dump(content))
    content = {
        "title": "Two tables",
        "common": ["data=table", "data.description=mine/shop.yaml,mine/blog.yaml"],
        "seeds": [0],
        "arms": {"items": ["model=bias"], "means": ["model=label_mean"]},
        "references": [{"arm": "items", "metric": "auc"}],
        "tune": {"space": {"items": {"factorization": {"l2_bias": {"choices": [1.0, 10.0]}}}}, "trials": 2},
    }
    (mine / "experiment.yaml").write_text(yaml.safe_dump(content))
    return mine


def test_tables_are_kept_apart_and_each_is_split_and_tuned_in_its_own_way(folder):
    experiment = load_experiment("mine")
    assert experiment.tune is not None
    studies = [dict(task.at)["data.description"] for task in tasks(experiment, experiment.tune)]
    assert studies == ["mine/shop.yaml", "mine/blog.yaml"]
    answer = cadc("experiment", "mine")
    assert answer.status == 0, answer.err
    table = pd.read_csv("results/mine/table.csv")
    assert table[["dataset", "arm"]].values.tolist() == [
        [name, arm] for name in ("shop", "blog") for arm in ("items", "means")
    ]
    compared = pd.read_csv("results/mine/comparison.csv")
    for name in ("shop", "blog"):
        own = table[table["dataset"] == name].set_index("arm")["auc_mean"]
        difference = compared[compared["dataset"] == name]["difference"].dropna().tolist()
        assert difference == pytest.approx([own["means"] - own["items"]], abs=1e-3)
    records = [Ledger().record(name) for name in Ledger().ids()]
    rows = {record["data"]["name"]: record["data"]["rows"]["test"] for record in records}
    assert rows == {"shop": 20, "blog": 50}


def test_tables_of_one_name_are_refused_before_anything_is_run(folder):
    for name in ("shop", "blog"):
        path = folder / f"{name}.yaml"
        path.write_text(path.read_text().replace(f"name: {name}\n", ""))
    answer = cadc("experiment", "mine")
    assert answer.status == 1
    assert "2 data sets have the name 'table', such as those of 'shop.csv' and 'blog.csv'; give each" in answer.err
    assert not list(Path("runs").glob("*/record.json"))


def test_settings_of_a_table_are_found_however_its_folder_is_written():
    chosen = [
        Tuned("items", {"data.description": f"{where}{name}.yaml"}, (f"trainer.learning_rate={rate}",))
        for where, name, rate in (("mine/", "shop", 1), ("mine/", "blog", 2), ("", "blog", 3))
    ]
    for written, rate in (("./mine/blog.yaml", 2), ("/at/mine/shop.yaml", 1), ("blog.yaml", 3), ("mine/blog.yaml", 2)):
        found = with_tuned(chosen, "items", ["data=table", f"data.description={written}"])
        assert f"trainer.learning_rate={rate}" in found, written
