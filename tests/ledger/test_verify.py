"""`cadc ledger verify`: ids and hashes follow from records; sound, failed, unfinished and older runs are told apart."""

import json

import numpy as np
import pandas as pd
import pytest
from safetensors.torch import load_file, save_file

from cadc.ledger import Ledger
from cadc.ledger.identity import recorded_identity, run_identity
from cadc.ledger.record_hash import record_hash
from cadc.pipeline.build import open_log
from cadc.pipeline.settings import Settings
from tests.ledger.conftest import RESULTS, WORDS, record
from tests.ledger.verifying import change, check, faults
from tests.support.commands import TINY, train


def test_sound_runs_pass_in_a_line(looked_at):
    assert check() == (0, [f"6 runs verified, no faults in {Ledger().folder}"])
    assert check(looked_at["base"][:10], looked_at["bias"])[1] == [f"2 runs verified, no faults in {Ledger().folder}"]


@pytest.mark.parametrize("model", ["oracle", "factorization"])
def test_controls_pass(model):
    train(f"model={model}")
    assert check()[0] == 0


def test_a_run_evaluated_on_validation_passes():
    train("evaluate=validation")
    assert check()[0] == 0


@pytest.mark.parametrize("name", list(WORDS))
def test_the_id_follows_from_the_record_alone(looked_at, name):
    found = Ledger().record(looked_at[name])
    config = Settings.compose([*TINY, *WORDS[name]])
    assert recorded_identity(found) == found["id"] == run_identity(config, open_log(config))[0]


def test_ids_of_committed_results_follow_from_their_records():
    # Of the records of an experiment that choose the same classes, one is looked at.
    records = {}
    for path in RESULTS.glob("*/records.jsonl"):
        for found in map(json.loads, path.read_text().splitlines()):
            records[path, json.dumps(found["config"]["choices"])] = found
    assert len({path for path, _ in records}) > 5
    wrong = [found["id"] for found in records.values() if recorded_identity(found) != found["id"]]
    assert not wrong


def test_runs_that_differ_in_times_alone_have_one_hash(looked_at):
    found = Ledger().record(looked_at["base"])
    later = found | {"finished_at": "2000-01-01T00:00:00+00:00", "cost": found["cost"] | {"train_s": 5.0}}
    assert record_hash(later) == record_hash(found) == found["record_hash"]
    assert record_hash(found | {"seed": 77}) != found["record_hash"]


@pytest.mark.parametrize(
    "edit",
    [
        lambda found: found["cost"].update(examples_per_s=1e9),
        lambda found: found["cost"].update(peak_rss_mb=1.0),
        lambda found: found.update(finished_at="1999-01-01T00:00:00+00:00"),
        lambda found: found["cost"].update(total_s=found["cost"]["total_s"] + 1, train_s=found["cost"]["train_s"] + 1),
    ],
)
def test_an_edit_of_a_time_is_noticed(damaged, edit):
    ledger, ids = damaged
    change(ledger, ids["base"], edit, sealed=False)
    assert "record.json was changed after it was written" in faults(ids["base"])


def test_a_record_without_its_seal_is_noticed_but_not_one_of_an_earlier_version(damaged):
    ledger, ids = damaged
    change(ledger, ids["base"], lambda found: found.pop("seal"), sealed=False)
    assert faults(ids["base"]) == ["its record lacks seal"]

    def of_version_4(found):
        found["schema_version"] = 4
        found["record_hash"] = record_hash(found)

    change(ledger, ids["base"], of_version_4, sealed=False)
    status, lines = check()
    assert status == 0
    assert lines[-1].endswith(f"no faults in {ledger.folder}; 1 of earlier versions, whose times are not sealed")


def without_hashes(ledger, run_id):
    """Make a run one of schema version 1."""

    def edit(found):
        del found["files"], found["record_hash"], found["seal"]
        found["schema_version"] = 1
        found["id"] = recorded_identity(found)

    change(ledger, run_id, edit, sealed=False)
    earlier_id = ledger.record(run_id)["id"]
    ledger.path(run_id).rename(ledger.path(earlier_id))
    return earlier_id


def test_runs_of_the_first_schema_version_pass_and_are_said_to_have_no_hashes(damaged):
    ledger, ids = damaged
    without_hashes(ledger, ids["base"])
    status, lines = check()
    assert status == 0
    assert lines[-1].endswith(
        "; 1 of earlier versions without hashes of their files; 1 of earlier versions, whose times are not sealed"
    )


@pytest.mark.parametrize("name", ["scores.parquet", "model.safetensors"])
def test_files_of_the_first_schema_version_that_cannot_be_read_are_noticed(damaged, name):
    ledger, ids = damaged
    earlier_id = without_hashes(ledger, ids["base"])
    (ledger.path(earlier_id) / name).write_bytes(b"\0" * 100)
    (fault,) = faults(earlier_id)
    assert name in fault


def test_changed_scores_and_weights_of_the_first_schema_version_are_noticed(damaged):
    ledger, ids = damaged
    earlier_id = without_hashes(ledger, ids["base"])
    folder = ledger.path(earlier_id)
    scores = pd.read_parquet(folder / "scores.parquet")
    scores["probability"] = np.roll(scores["probability"], 1)
    scores.to_parquet(folder / "scores.parquet", index=False)
    weights = load_file(folder / "model.safetensors")
    name = next(name for name in weights if name.startswith("embeddings."))
    save_file(weights | {name: weights[name][1:].clone()}, folder / "model.safetensors")
    said = faults(earlier_id)
    assert [fault.split()[0] for fault in said] == ["test/auc", "test/logloss", "test/ece", "test/gauc", "its"]
    assert "its tables take" in said[-1]


def test_records_alone_lack_their_files(made_up, old_records):
    made_up(old_records[0])
    assert faults(old_records[0]["id"]) == ["model.safetensors is missing", "scores.parquet is missing"]


def test_an_id_that_other_code_gave_is_no_fault_of_a_sealed_record(damaged):
    ledger, ids = damaged
    change(ledger, ids["base"], lambda found: found["code"].update(hash="0" * 16))
    status, lines = check()
    assert status == 0
    assert lines[0] == f"{ids['base']}  its id was not checked: the code has changed since"
    change(ledger, ids["base"], lambda found: found["code"].update(hash="1" * 16), sealed=False)
    assert "its id does not follow from its configuration, data and code" in faults(ids["base"])


def test_a_plugin_that_is_not_installed_leaves_the_id_open(damaged):
    ledger, ids = damaged
    change(ledger, ids["base"], lambda found: found["config"]["sampler"].update(_target_="away.Sampler"))
    status, lines = check()
    assert status == 0
    assert "its id was not checked: _target_ 'away.Sampler' is not allowed" in lines[0]


def test_a_failed_run_is_verified(made_up):
    ledger = made_up()
    with ledger.claim("bad") as lease:
        ledger.end(lease, record("bad", status="failed", reason="x", ended_at="x", code={}, environment={}, seed=0))
    status, lines = check()
    assert status == 0
    assert lines[0].startswith("bad  has files of a process that has ended")
    ledger.tidy_if_free("bad")
    assert len(check()[1]) == 1
    (ledger.path("bad") / "scores.parquet").write_text("x")
    assert faults("bad") == ["scores.parquet is in its folder, but not in its record"]


def test_leftovers_of_dead_processes_are_listed_and_are_no_fault(made_up):
    ledger = made_up(unfinished=[{"id": "dead", "config": record()["config"]}])
    with ledger.claim("busy"):
        status, lines = check()
    assert status == 0
    assert len(lines) == 2
    assert lines[0].startswith("dead  is interrupted (last sign of life 0 s ago, without a checkpoint)")
    assert check("dead")[1][0] == "dead  is unfinished: there is nothing to verify yet"


def test_the_hash_of_a_record_is_sha256_of_its_text_without_times(looked_at):
    import hashlib

    found = Ledger().record(looked_at["base"])
    seal = found.pop("seal")
    assert hashlib.sha256(json.dumps(found, indent=1).encode()).hexdigest() == seal
    kept = found.pop("record_hash")
    found["finished_at"] = None
    found["cost"] |= {name: None for name in found["cost"] if name.endswith("_s") or name == "peak_rss_mb"}
    assert hashlib.sha256(json.dumps(found, indent=1).encode()).hexdigest() == kept == record_hash(found)
