"""Runs that differ in what is not part of the id are one arm; runs on different contents are never set side by side."""

import gzip
import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

import cadc as package
from cadc.ledger import Ledger
from cadc.ledger.record_hash import sealed
from tests.support.commands import cadc

COLUMNS = ["data.user=user", "data.item=item", "data.label=label"]
TABLE = ["data=table", *COLUMNS]
QUICK = ["trainer.max_epochs=1", "model.top_mlp=[8]", "model.bottom_mlp=[8]", "embedding.dim=4"]


def write_log(path: Path, seed: int = 0, extra: bool = False) -> None:
    rng = np.random.default_rng(seed)
    n = 1500
    frame = pd.DataFrame({"user": rng.integers(0, 40, n), "item": rng.integers(0, 30, n)})
    frame["label"] = (rng.random(n) < 0.3 + 0.4 * (frame["item"] % 2)).astype(int)
    if extra:
        frame["shop"] = rng.integers(0, 5, n)
    frame.to_csv(path, index=False)


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_log(Path("log.csv"))
    return tmp_path


def experiment(arms, seeds=(0, 1), common=(*TABLE, "data.path=log.csv", "data.split_seed=${seed}"), **more):
    Path("ex").mkdir(exist_ok=True)
    content = {"title": "T", "common": list(common), "seeds": list(seeds), "arms": arms, **more}
    Path("ex/experiment.yaml").write_text(yaml.safe_dump(content, sort_keys=False))


def rows(folder):
    return pd.read_csv(Path(folder) / "table.csv")[["arm", "seeds"]].to_dict("list")


def done(*words):
    answer = cadc(*words)
    assert answer.status == 0, answer.err
    return answer


CONTROLS = {"A": ["model=bias"], "B": ["model=platt"]}
SPELLINGS = {
    "an absolute path": ["data.path={here}/log.csv"],
    "a roundabout path": ["data.path=./sub/../log.csv"],
    "a copy of another name": ["data.path=copy.csv"],
    "progress": ["data.path=log.csv", "trainer.progress=false"],
    "a device": ["data.path=log.csv", "trainer.accelerator=cpu"],
    "checkpoints": ["data.path=log.csv", "trainer.checkpoint_minutes=3"],
    "defaults": ["data.path=log.csv", "trainer.patience=3", "data.split.test=0.1", "data.quoting=auto"],
    "numbers": ["data.path=log.csv", "factorization.tolerance=1e-3", "data.split.test=1e-1", "sampler.rate=1.0"],
    "a group that is not used": ["data.path=log.csv", "embedding.dim=32"],
    "a logger": ["data.path=log.csv", "logger=none"],
    "a list": ["data.path=log.csv", "data.dense=[ ]"],
    "a description": ["data.path=log.csv", "data.description={here}/sub/log.yaml"],
}


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_runs_of_another_spelling_are_one_arm(here, spelling):
    (here / "sub").mkdir()
    (here / "sub" / "log.yaml").write_text("user: user\nitem: item\nlabel: label\n")
    shutil.copy("log.csv", "copy.csv")
    words = [word.format(here=here) for word in SPELLINGS[spelling]]
    common = [word for word in TABLE if not (spelling == "a description" and word in COLUMNS)]
    done("train", *common, *words, "model=bias", "seed=0", "data.split_seed=0")
    experiment(CONTROLS, seeds=(0, 1, 2))
    done("experiment", "ex", "--output", "res")
    assert len(Ledger().ids()) == 6
    assert rows("res") == {"arm": ["A", "B"], "seeds": [3, 3]}
    table = Path("res/table.csv").read_bytes()
    if spelling != "a copy of another name":
        Path("log.csv").unlink()
    done("report", "ex", "--output", "again")
    assert Path("again/table.csv").read_bytes() == table


def test_networks_of_another_spelling_are_one_arm_too(here):
    words = [*TABLE, "data.path=log.csv", *QUICK, "seed=0", "data.split_seed=0"]
    done("train", *words, "trainer.learning_rate=1e-3", "model.top_mlp=[ 8 ]", "threads=1", "trainer.progress=false")
    experiment({"A": [*QUICK, "trainer.learning_rate=0.001"]})
    done("experiment", "ex", "--output", "res")
    assert rows("res") == {"arm": ["A"], "seeds": [2]}


def test_the_name_of_an_arm_is_what_can_change_its_results(here):
    experiment({"A": [*QUICK, "trainer.learning_rate=0.001,0.01", "trainer.progress=false,true"]}, seeds=(0,))
    done("experiment", "ex", "--output", "res")
    assert rows("res")["arm"] == ["A (trainer.learning_rate=0.001)", "A (trainer.learning_rate=0.01)"]


def test_two_runs_of_one_cell_and_equal_arms_stay_what_was_asked_for(here):
    experiment({"A": ["model=bias", "sampler.rate=1,1.0,1e0"], "A again": ["model=bias"]})
    done("experiment", "ex", "--output", "res")
    assert rows("res") == {"arm": ["A", "A again"], "seeds": [2, 2]}


def test_a_range_in_a_grid_is_of_decimal_numbers(here):
    experiment({"A": ["model=platt", "sampler.rate=range(0.1,0.5,0.1)"]}, seeds=(0,))
    done("experiment", "ex", "--output", "res")
    assert list(pd.read_csv("res/table.csv")["rate"]) == [0.1, 0.2, 0.3, 0.4]
    done("train", "-m", *TABLE, "data.path=log.csv", "model=platt", "sampler.rate=0.1,0.2,0.3,0.4", "data.split_seed=0")
    assert len(Ledger().ids()) == 4


@pytest.mark.parametrize("seeds", [(0,), (0, 1)])
def test_a_report_of_arms_on_different_contents_is_refused(here, seeds):
    experiment(CONTROLS, seeds=seeds)
    done("experiment", "ex", "--output", "one")
    write_log(Path("log.csv"), seed=1)
    answer = done("report", "ex", "--output", "old")
    assert f"{2 * len(seeds)} of {2 * len(seeds)} runs read another content than the data has now" in answer.err
    done("experiment", "ex", "--arm", "A", "--output", "two")
    answer = cadc("report", "ex", "--output", "three")
    assert answer.status == 1
    last = answer.err.splitlines()[-1]
    assert "different contents of the data set table cannot stand side by side: A read " in last
    assert "; B read " in last
    assert "run `cadc experiment`" in last
    assert not Path("three").exists()
    done("experiment", "ex", "--output", "four")
    done("report", "ex", "--output", "three")
    assert rows("three") == {"arm": ["A", "B"], "seeds": [len(seeds)] * 2}


def test_seeds_of_one_arm_on_different_contents_are_refused(here):
    """Each seed has a split of its own, so that only the files tell."""
    experiment({"A": ["model=bias"]}, seeds=(0, 1))
    done("experiment", "ex", "--output", "one")
    write_log(Path("log.csv"), seed=1)
    done("experiment", "ex", "seed=1", "--output", "two")
    Path("log.csv").unlink()
    first = [json.loads(line) for line in Path("one/records.jsonl").read_text().splitlines()]
    shutil.rmtree(Ledger().path(next(record["id"] for record in first if record["seed"] == 1)))
    answer = cadc("report", "ex", "--output", "three")
    assert answer.status == 1
    assert "different contents of the data set table" in answer.err


def test_arms_on_different_files_need_names_of_their_own(here):
    write_log(Path("other.csv"), seed=1, extra=True)
    arms = {"A": ["model=bias", "data.path=log.csv"], "B": ["model=platt", "data.path=other.csv"]}
    experiment(arms, common=TABLE)
    answer = cadc("experiment", "ex", "--output", "res")
    assert answer.status == 1
    assert "data.name" in answer.err.splitlines()[-1]
    experiment({"A": arms["A"], "B": [*arms["B"], "data.context_fields=[shop]"]}, common=TABLE)
    assert cadc("experiment", "ex", "--output", "res").status == 1
    experiment({"A": arms["A"], "B": [*arms["B"], "data.name=other"]}, common=TABLE)
    done("experiment", "ex", "--output", "res")
    assert list(pd.read_csv("res/table.csv")["dataset"]) == ["table", "other"]
    # A run of the same content under the other name is not meant, though it ended last.
    for path in Ledger().folder.glob("*/record.json"):
        record = json.loads(path.read_text())
        if record["config"]["data"]["path"] == "other.csv" and record["data"]["name"] == "table":
            path.write_text(json.dumps(sealed(record | {"finished_at": "2999-01-01T00:00:00+00:00"}), indent=1))
    done("report", "ex", "--output", "again")
    assert Path("again/table.csv").read_bytes() == Path("res/table.csv").read_bytes()


def test_arms_on_the_same_file_may_read_it_in_two_ways(here):
    write_log(Path("log.csv"), extra=True)
    Path("plain.yaml").write_text("user: user\nitem: item\nlabel: label\n")
    Path("more.yaml").write_text("user: user\nitem: item\nlabel: label\ncontext_fields: [shop]\n")
    arms = {name: ["model=platt", f"data.description={name}.yaml"] for name in ("plain", "more")}
    experiment({**arms, "both": ["model=bias", "data.description=plain.yaml,more.yaml"]}, common=TABLE[:1])
    answer = cadc("experiment", "ex", "data.path=log.csv", "--output", "res")
    assert answer.status == 0, answer.err
    assert rows("res")["arm"] == [
        "plain",
        "more",
        "both (data.context_fields=[])",
        "both (data.context_fields=[shop])",
    ]


def test_the_same_content_in_another_file_is_the_same_content(here):
    experiment(CONTROLS, seeds=(0, 1))
    done("experiment", "ex", "seed=0", "--output", "one")
    Path("log.csv.gz").write_bytes(gzip.compress(Path("log.csv").read_bytes()))
    Path("log.csv").unlink()
    done("experiment", "ex", "data.path=log.csv.gz", "--output", "two")
    assert len(Ledger().ids()) == 4
    assert rows("two") == {"arm": ["A", "B"], "seeds": [2, 2]}


def test_a_changed_description_is_another_content(here):
    write_log(Path("log.csv"), extra=True)
    Path("log.yaml").write_text("user: user\nitem: item\nlabel: label\n")
    experiment(CONTROLS, common=["data=table", "data.path=log.csv", "data.description=log.yaml"])
    done("experiment", "ex", "--output", "one")
    Path("log.yaml").write_text("user: user\nitem: item\nlabel: label\ncontext_fields: [shop]\n")
    done("experiment", "ex", "--arm", "A", "--output", "two")
    answer = cadc("report", "ex", "--output", "three")
    assert answer.status == 1
    assert "2 of 4 runs are not in" in answer.err


def test_python_compares_no_runs_of_different_contents(here):
    words = [*TABLE, "data.path=log.csv"]
    seeds = "data.split_seed=0,1"
    old = package.sweep(*words, seeds, "model=bias,platt")
    write_log(Path("log.csv"), seed=1)
    new = package.sweep(*words, seeds, "model=bias,platt")
    of = {
        name: [*frame[frame["model"] == model]["id"]]
        for name, frame, model in (
            ("old bias", old, "bias"),
            ("old platt", old, "platt"),
            ("bias", new, "bias"),
            ("platt", new, "platt"),
        )
    }
    assert "content" not in new
    listed = package.runs("finished")
    assert set(listed.groupby("content")["id"].apply(frozenset)) == {frozenset(old["id"]), frozenset(new["id"])}
    lines = package.plot(listed, x="model").axes[0].get_legend_handles_labels()[1]
    assert len(lines) == 2
    assert package.compare(of["platt"], of["bias"]).verdict
    assert package.compare(of["old platt"], of["old bias"]).verdict
    for arm, reference in (
        (of["platt"], of["old bias"]),
        (of["old platt"][:1] + of["platt"][1:], of["old bias"][:1] + of["bias"][1:]),
        (of["platt"], of["bias"] + of["old bias"]),
    ):
        with pytest.raises(package.errors.DataError, match="different contents of the data set table"):
            package.compare(arm, reference)


def test_records_of_earlier_versions_without_options_are_still_one_arm(here):
    experiment(CONTROLS)
    done("experiment", "ex", "--output", "res")
    from cadc.ledger.record_hash import sealed

    lines = []
    for line in Path("res/records.jsonl").read_text().splitlines():
        record = json.loads(line)
        del record["data"]["options"]
        lines.append(json.dumps(sealed(record)) + "\n")
    folder = Path("results/ex")
    folder.mkdir(parents=True)
    (folder / "records.jsonl").write_text("".join(lines))
    shutil.rmtree(Ledger().folder)
    done("report", "ex")
    assert rows("outputs/ex") == {"arm": ["A", "B"], "seeds": [2, 2]}
