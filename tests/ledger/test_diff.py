"""`cadc ledger diff`: exactly what differs between two runs is named."""

import json
import subprocess

import pytest

from cadc.ledger import Ledger, code
from cadc.ledger.code import changed_modules
from cadc.ledger.diff import difference
from cadc.ledger.status import Entry
from tests.ledger.conftest import record
from tests.support.commands import cadc


def diff(one, two):
    answer = cadc("ledger", "diff", one, two, "--json")
    assert answer.status == 0, answer.err
    return json.loads(answer.out)


def text(one, two):
    answer = cadc("ledger", "diff", one, two)
    assert answer.status == 0, answer.err
    return answer.out


def test_one_option(looked_at):
    found = diff(looked_at["base"], looked_at["rate"])
    assert (found["a"], found["b"], found["only_times"]) == (looked_at["base"], looked_at["rate"], False)
    assert found["configuration"] == {"sampler.rate": {"a": 1.0, "b": 0.5}}
    assert found["sizes"]["rows.kept"] == {"a": 2400, "b": 1200}
    assert not {"data", "code", "environment", "record"} & set(found)
    metrics = [Ledger().record(looked_at[name])["metrics"] for name in ("base", "rate")]
    assert found["metrics"] == {
        name: {"a": metrics[0][name], "b": metrics[1][name], "difference": metrics[1][name] - metrics[0][name]}
        for name in metrics[0]
    }
    assert {"metrics.csv", "model.safetensors", "scores.parquet"} == set(found["files"])


def test_a_seed(looked_at):
    found = diff(looked_at["base"], looked_at["seed"])
    assert found["configuration"] == {"seed": {"a": 0, "b": 1}}
    assert "data" not in found


def test_the_size_of_the_data(looked_at):
    found = diff(looked_at["base"], looked_at["smaller"])
    assert found["configuration"] == {"data.n_rows": {"a": 3000, "b": 2000}}
    assert {"content_hash", "rows.train", "rows.validation", "rows.test"} == set(found["data"])
    assert found["data"]["rows.train"] == {"a": 2400, "b": 1600}


def test_options_that_a_file_added_are_differences_of_the_data(looked_at):
    records = [dict(Ledger().record(looked_at["base"])) for _ in "ab"]
    records[1]["data"] = records[1]["data"] | {"options": records[1]["data"]["options"] | {"user": "reader"}}
    one, two = (Entry("x", "finished", known) for known in records)
    assert difference(one, two) == {"data": {"options.user": {"b": "reader"}}}
    records[0]["data"] = {key: value for key, value in records[0]["data"].items() if key != "options"}
    assert difference(one, two) == {}


def test_another_component(looked_at):
    found = diff(looked_at["base"], looked_at["bias"])
    assert found["configuration"]["model"] == {"a": "dlrm", "b": "bias"}
    assert found["configuration"]["model.top_mlp"] == {"a": [128, 64]}
    assert not any("_target_" in key for key in found["configuration"])
    assert set(found["code"]) == {"hash"}


def test_people_see_the_same(looked_at):
    out = text(looked_at["base"], looked_at["rate"])
    assert "configuration\n  sampler.rate  1  0.5\n" in out
    assert out.splitlines()[0] == f"a  {looked_at['base']}  finished"
    metrics = [Ledger().record(looked_at[name])["metrics"]["test/auc"] for name in ("base", "rate")]
    (line,) = [line for line in out.splitlines() if line.startswith("  test/auc")]
    assert line.split() == ["test/auc", *(f"{value:.6g}" for value in metrics), f"{metrics[1] - metrics[0]:+.6g}"]
    assert out.splitlines()[-1] == "the same: data, code, environment"


def test_a_run_does_not_differ_from_itself(looked_at):
    assert text(looked_at["base"], looked_at["base"]).splitlines()[-1] == "nothing differs"


def test_only_times_are_called_so(made_up):
    made_up(record("a"), record("b", cost={"total_s": 2.5}, finished_at="2027-01-01T00:00:00+00:00"))
    assert text("a", "b").splitlines()[-1] == "nothing differs except times and memory"
    assert diff("a", "b")["only_times"] is True
    assert diff("a", "b")["cost"] == {"total_s": {"a": 1.5, "b": 2.5, "difference": 1.0}}


@pytest.mark.parametrize(
    "changes",
    [
        {"metrics": {"test/auc": 0.7000000000000001}},
        {"metrics": {"test/auc": 0.7, "test/gauc": 0.5}},
        {"environment": {"packages": {"torch": "1"}}},
        {"cost": {"total_s": 1.5, "epochs": 3}},
        {"rows": {"kept": 1}},
        {"status": "pruned"},
        {"code": {"version": "9"}},
    ],
)
def test_whatever_else_differs_is_not_called_times(made_up, changes):
    made_up(record("a"), record("b", **changes))
    assert diff("a", "b")["only_times"] is False
    assert "nothing differs" not in text("a", "b")


def test_values_that_differ_in_the_last_digit_are_told_apart(made_up):
    made_up(record("a"), record("b", metrics={"test/auc": 0.7000000000000001}))
    assert "test/auc  0.7  0.7000000000000001  +1.11022e-16" in text("a", "b")


def test_defaults_are_filled_in_for_older_records(looked_at, real_once, made_up, monkeypatch, tmp_path):
    found = Ledger().record(looked_at["base"])
    monkeypatch.setenv("CADC_RUNS", str(tmp_path / "runs"))
    config = json.loads(json.dumps(found["config"]))
    del config["trainer"]["checkpoint_minutes"], config["model"]["top_mlp"], config["data"]["split"]["test"]
    del config["evaluate"]
    made_up(found, found | {"id": "older", "config": config})
    assert "nothing differs" in text("older", found["id"])
    config["sampler"]["rate"] = 0.25
    (Ledger().path("older") / "record.json").write_text(json.dumps(found | {"id": "older", "config": config}))
    assert diff("older", found["id"])["configuration"] == {"sampler.rate": {"a": 0.25, "b": 1.0}}


def test_records_of_the_first_schema_version_are_compared(made_up, old_records):
    made_up(*old_records[:2])
    found = diff(old_records[0]["id"], old_records[1]["id"])
    rates = [record["config"]["sampler"]["rate"] for record in old_records[:2]]
    assert found["configuration"] == {"sampler.rate": dict(zip("ab", rates, strict=True))}
    assert "test/auc" in found["metrics"]


def test_an_unfinished_run_can_be_compared(made_up):
    made_up(record("a"), unfinished=[{"id": "b", "config": record()["config"] | {"seed": 3}}])
    found = diff("a", "b")
    assert found["configuration"] == {"seed": {"a": 0, "b": 3}}
    assert found["record"]["status"] == {"a": "finished", "b": "interrupted"}


@pytest.fixture
def repository(tmp_path, monkeypatch):
    """A source tree with three commits: the second changes a sampler and a docstring, the third a table."""
    place = tmp_path / "source"
    (place / "cadc" / "sampling").mkdir(parents=True)
    (place / "cadc" / "reporting").mkdir()

    def git(*words):
        identity = ["-c", "user.name=x", "-c", "user.email=x@example.org"]
        return subprocess.run(
            ["git", "-C", place, *identity, *words], check=True, capture_output=True, text=True
        ).stdout

    def commit(files):
        for name, content in files.items():
            (place / "cadc" / name).write_text(content)
        git("add", ".")
        git("commit", "-qm", "x")
        return git("rev-parse", "HEAD").strip()

    git("init", "-q")
    files = {"pipeline.py": '"""One."""\nA = 1\n', "sampling/uniform.py": "B = 1\n", "reporting/table.py": "C = 1\n"}
    commits = [
        commit(files),
        commit({"sampling/uniform.py": "B = 2\n", "pipeline.py": '"""Two."""\nA = 1  # more\n'}),
        commit({"reporting/table.py": "C = 2\n"}),
    ]
    monkeypatch.setattr(code, "PACKAGE", place / "cadc")
    return commits


def made_by(commit, dirty=False):
    return {"commit": commit, "dirty": dirty, "hash": commit[:16]}


def test_modules_whose_code_changed_are_named(repository, made_up):
    assert changed_modules(made_by(repository[0]), made_by(repository[1])) == ["cadc.sampling.uniform"]
    made_up(record("a", code=made_by(repository[0])), record("b", code=made_by(repository[2])))
    assert diff("a", "b")["modules"] == ["cadc.sampling.uniform"]
    assert "modules that differ: cadc.sampling.uniform" in text("a", "b")


def test_modules_that_cannot_change_a_result_are_not(repository):
    assert changed_modules(made_by(repository[1]), made_by(repository[2])) == []


@pytest.mark.parametrize("commit", ["0" * 40, "--output=x", "HEAD", None, 5, "main..other"])
def test_a_commit_that_is_not_at_hand_or_none_leaves_it_open(repository, made_up, commit, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    made_up(
        record("a", code=made_by(repository[0])),
        record("b", code=made_by(repository[0]) | {"commit": commit, "hash": 1}),
    )
    assert diff("a", "b")["modules"] is None
    assert "are unknown" in text("a", "b")
    assert not (tmp_path / "x").exists()


def test_changes_that_were_never_committed_leave_it_open(repository):
    assert changed_modules(made_by(repository[0]), made_by(repository[1], dirty=True)) is None
