"""`cadc ledger verify`: sound runs pass, and each single kind of damage is noticed and named."""

import json
import os
import shutil

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file

from cadc.building import open_log
from cadc.config import compose_config
from cadc.ledger import Ledger
from cadc.ledger.identity import recorded_identity, run_identity
from cadc.ledger.seal import record_hash, seal
from cadc.ledger.verify import verify
from tests.commands import TINY, cadc, folders, train
from tests.ledger.conftest import OLD_RECORDS, WORDS, record

FILES = ("metrics.csv", "model.safetensors", "record.json", "scores.parquet")


def check(*words):
    """Return what verifying says on standard output, after making sure of the exit status that goes with it."""
    answer = cadc("ledger", "verify", *words)
    lines = answer.out.splitlines()
    if answer.status == 0:
        assert answer.err == ""
        assert "no faults" in lines[-1]
    else:
        assert answer.status == 1
        assert "fault" in answer.sentence
    return answer.status, lines


def faults(run_id):
    status, lines = check()
    assert status == 1
    assert all(line.startswith(f"{run_id}  ") for line in lines)
    return [line.removeprefix(f"{run_id}  ") for line in lines]


def change(ledger, run_id, edit, sealed=True):
    """Edit a record; sealed, as one who knows how records are written would."""
    path = ledger.path(run_id) / "record.json"
    found = json.loads(path.read_text())
    edit(found)
    path.write_text(json.dumps(found, indent=1))
    if sealed:
        seal(path)


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
    config = compose_config([*TINY, *WORDS[name]])
    assert recorded_identity(found) == found["id"] == run_identity(config, open_log(config))[0]


def test_ids_of_committed_results_follow_from_their_records():
    records = [json.loads(line) for line in OLD_RECORDS.read_text().splitlines()]
    assert [recorded_identity(found) for found in records] == [found["id"] for found in records]


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("place", [0.0, 0.5, 0.999])
def test_a_flipped_byte_is_noticed(damaged, name, place):
    ledger, ids = damaged
    path = ledger.path(ids["enriched"]) / name
    content = bytearray(path.read_bytes())
    content[int(place * len(content))] ^= 0x01
    path.write_bytes(content)
    assert any(name in fault for fault in faults(ids["enriched"]))


@pytest.mark.parametrize("name", FILES)
def test_a_missing_file_is_noticed(damaged, name):
    ledger, ids = damaged
    (ledger.path(ids["base"]) / name).unlink()
    said = {"record.json": "its folder holds no record.json"}.get(name, f"{name} is missing")
    assert faults(ids["base"]) == [said]


@pytest.mark.parametrize("name", FILES)
def test_a_file_cut_short_is_noticed(damaged, name):
    ledger, ids = damaged
    path = ledger.path(ids["base"]) / name
    path.write_bytes(path.read_bytes()[:-1])
    assert any(name in fault for fault in faults(ids["base"]))


@pytest.mark.parametrize("name", ["notes.txt", ".hidden", "record.json~"])
def test_an_extra_file_is_noticed(damaged, name):
    ledger, ids = damaged
    (ledger.path(ids["base"]) / name).write_text("mine")
    assert faults(ids["base"]) == [f"{name} is in its folder, but its record does not know it"]


def test_a_link_in_place_of_a_file_is_noticed(damaged):
    ledger, ids = damaged
    path = ledger.path(ids["base"]) / "scores.parquet"
    path.rename(ledger.folder / "elsewhere")
    path.symlink_to(ledger.folder / "elsewhere")
    assert faults(ids["base"]) == ["scores.parquet is no plain file"]


def test_a_renamed_folder_is_noticed(damaged):
    ledger, ids = damaged
    ledger.path(ids["base"]).rename(ledger.path("0" * 16))
    assert faults("0" * 16) == [f"its folder is not named after the id of its record, {ids['base']!r}"]


def test_an_edited_metric_is_noticed_by_the_records_hash_and_by_the_scores(damaged):
    ledger, ids = damaged
    right = ledger.record(ids["base"])["metrics"]["test/auc"]
    change(ledger, ids["base"], lambda found: found["metrics"].update({"test/auc": 0.99}), sealed=False)
    second = f"test/auc is 0.99 in its record, but its scores give {right!r}"
    assert faults(ids["base"]) == ["record.json was changed after it was written", second]
    seal(ledger.path(ids["base"]) / "record.json")
    assert faults(ids["base"]) == [second]


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        (lambda found: found["config"]["sampler"].update(rate=0.3), "its id is not that of its configuration"),
        (lambda found: found["config"].update(seed=5), "its id is not that of its configuration"),
        (lambda found: found["data"].update(content_hash="0" * 64), "its id is not that of its configuration"),
        (lambda found: found["config"].update(sampler=5), "its id cannot be computed from its record"),
        (lambda found: found["bytes"].update(embedding=5), "but its record says 5"),
        (lambda found: found["metrics"].update({"test/auc": None}), "test/auc is null in its record"),
        (lambda found: found["metrics"].update({"test/luck": 1}), "nothing computes the metric test/luck"),
        (lambda found: found["data"]["rows"].update(test=5), "scores.parquet has 300 rows"),
        (lambda found: found["files"].pop("metrics.csv"), "metrics.csv is in its folder, but its record"),
        (lambda found: found["files"].update({"more.csv": "0"}), "more.csv is missing"),
        (lambda found: found["files"].update({"../x": "0"}), "../x is missing"),
        (lambda found: found.update(files=[]), "what its record calls files is no table"),
        (lambda found: found.pop("environment"), "its record lacks environment"),
        (lambda found: found.update(schema_version=0), "there is no schema version 0"),
        (lambda found: found.update(schema_version=True), "there is no schema version True"),
        (lambda found: found.update(schema_version=7), "has the schema version 7, newer than this cadc"),
        (lambda found: found.update(id="../../x"), "its folder is not named after the id of its record, '../../x'"),
        (lambda found: found.update(status="good"), "'good'"),
    ],
)
def test_an_edit_is_noticed_although_the_records_hash_was_made_anew(damaged, edit, said):
    ledger, ids = damaged
    change(ledger, ids["base"], edit)
    assert any(said in fault for fault in faults(ids["base"]))


def test_an_edit_of_what_nothing_is_computed_from_is_noticed_by_the_records_hash(damaged):
    ledger, ids = damaged
    change(ledger, ids["base"], lambda found: found["environment"].update(cpus=1000), sealed=False)
    assert faults(ids["base"]) == ["record.json was changed after it was written"]


def test_an_edit_of_seconds_is_noticed_by_their_sum(damaged):
    ledger, ids = damaged
    change(ledger, ids["base"], lambda found: found["cost"].update(train_s=0.001), sealed=False)
    assert faults(ids["base"]) == ["the seconds of its stages do not add up to total_s"]


def test_runs_that_differ_in_times_alone_have_one_hash(looked_at):
    found = Ledger().record(looked_at["base"])
    later = found | {"finished_at": "2000-01-01T00:00:00+00:00", "cost": found["cost"] | {"train_s": 5.0}}
    assert record_hash(later) == record_hash(found) == found["record_hash"]
    assert record_hash(found | {"seed": 77}) != found["record_hash"]


def test_a_record_without_its_hash_is_noticed(damaged):
    ledger, ids = damaged
    change(ledger, ids["base"], lambda found: found.pop("record_hash"), sealed=False)
    assert faults(ids["base"]) == ["its record lacks record_hash"]


def without_hashes(ledger, run_id):
    """Make a run one of schema version 1."""

    def edit(found):
        del found["files"], found["record_hash"]
        found["schema_version"] = 1

    change(ledger, run_id, edit, sealed=False)


def test_runs_of_the_first_schema_version_pass_and_are_said_to_have_no_hashes(damaged):
    ledger, ids = damaged
    without_hashes(ledger, ids["base"])
    status, lines = check()
    assert status == 0
    assert lines[-1].endswith("; 1 of schema version 1 without hashes of their files")


@pytest.mark.parametrize("name", ["scores.parquet", "model.safetensors"])
def test_files_of_the_first_schema_version_that_cannot_be_read_are_noticed(damaged, name):
    ledger, ids = damaged
    without_hashes(ledger, ids["base"])
    (ledger.path(ids["base"]) / name).write_bytes(b"\0" * 100)
    (fault,) = faults(ids["base"])
    assert name in fault


def test_changed_scores_and_weights_of_the_first_schema_version_are_noticed(damaged):
    ledger, ids = damaged
    without_hashes(ledger, ids["base"])
    folder = ledger.path(ids["base"])
    scores = pd.read_parquet(folder / "scores.parquet")
    scores["probability"] = np.roll(scores["probability"], 1)
    scores.to_parquet(folder / "scores.parquet", index=False)
    weights = load_file(folder / "model.safetensors")
    name = next(name for name in weights if name.startswith("embeddings."))
    save_file(weights | {name: weights[name][1:].clone()}, folder / "model.safetensors")
    said = faults(ids["base"])
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
    assert "its id is not that of its configuration, data and code" in faults(ids["base"])


def test_a_plugin_that_is_not_installed_leaves_the_id_open(damaged):
    ledger, ids = damaged
    change(ledger, ids["base"], lambda found: found["config"]["sampler"].update(_target_="away.Sampler"))
    status, lines = check()
    assert status == 0
    assert "its id was not checked: _target_ 'away.Sampler' is not allowed" in lines[0]


def test_a_failed_run_is_verified(made_up):
    ledger = made_up()
    with ledger.claim("bad"):
        ledger.end("bad", record("bad", status="failed", reason="x", ended_at="x", code={}, environment={}, seed=0))
    status, lines = check()
    assert status == 0
    assert lines[0].startswith("bad  has leftovers of a process that is gone")
    ledger.tidy("bad")
    assert len(check()[1]) == 1
    (ledger.path("bad") / "scores.parquet").write_text("x")
    assert faults("bad") == ["scores.parquet is in its folder, but its record does not know it"]


def test_leftovers_of_dead_processes_are_listed_and_are_no_fault(made_up):
    ledger = made_up(unfinished=[{"id": "dead", "config": record()["config"]}])
    with ledger.claim("busy"):
        status, lines = check()
    assert status == 0
    assert len(lines) == 2
    assert lines[0].startswith("dead  is interrupted (last sign of life 0 s ago, without a checkpoint)")
    assert check("dead")[1][0] == "dead  is unfinished, so there is nothing to verify yet"


def test_faults_are_counted(damaged):
    ledger, ids = damaged
    for name in ("metrics.csv", "scores.parquet"):
        (ledger.path(ids["base"]) / name).unlink()
    (ledger.path(ids["seed"]) / "record.json").write_text("{")
    answer = cadc("ledger", "verify")
    assert answer.sentence.startswith("cadc: 3 faults in 2 of 6 runs of ")
    assert len(answer.out.splitlines()) == 3


def test_a_run_that_cannot_be_read_is_a_fault(damaged):
    ledger, ids = damaged
    path = ledger.path(ids["base"]) / "scores.parquet"
    path.unlink()
    os.mkfifo(path)
    assert faults(ids["base"]) == ["scores.parquet is no plain file"]


def test_the_hash_of_a_record_is_sha256_of_its_text_without_times(looked_at):
    import hashlib

    found = Ledger().record(looked_at["base"])
    kept = found.pop("record_hash")
    found["finished_at"] = None
    found["cost"] |= {name: None for name in found["cost"] if name.endswith("_s") or name == "peak_rss_mb"}
    assert hashlib.sha256(json.dumps(found, indent=1).encode()).hexdigest() == kept == record_hash(found)


@pytest.fixture(scope="module")
def to_flip(real_once, session_cache, tmp_path_factory):
    """A run of the module's own whose bytes are flipped and put back."""
    place, ids = real_once
    copy = tmp_path_factory.mktemp("flip") / "runs"
    shutil.copytree(place / ids["enriched"], copy / ids["enriched"])
    with folders(session_cache, copy):
        yield Ledger(copy), ids["enriched"]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(FILES), st.floats(0, 1, exclude_max=True), st.integers(1, 255))
@example("record.json", 0.00028, ord("\n") ^ ord("\r"))  # Python reads both as an end of line
@example("scores.parquet", 0.0, 255)
def test_whichever_byte_of_a_run_is_flipped_it_is_noticed(to_flip, name, place, mask):
    ledger, run_id = to_flip
    assert not verify(ledger, run_id).faults
    path = ledger.path(run_id) / name
    content = path.read_bytes()
    position = int(place * len(content))
    try:
        path.write_bytes(content[:position] + bytes([content[position] ^ mask]) + content[position + 1 :])
        assert verify(ledger, run_id).faults or differs_in_times_alone(path, content)
    finally:
        path.write_bytes(content)


def differs_in_times_alone(path, content):
    """Whether a digit of a time was changed, which alone the hash of a record leaves open."""
    if path.name != "record.json":
        return False
    now, before = json.loads(path.read_bytes()), json.loads(content)
    times = {"cost", "finished_at"}
    assert {key: now[key] for key in now if key not in times} == {
        key: before[key] for key in before if key not in times
    }
    differing = {key for key in before["cost"] if now["cost"][key] != before["cost"][key]}
    return differing <= {"examples_per_s", "peak_rss_mb"}


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_whichever_byte_of_a_record_is_flipped_it_is_noticed(to_flip, data):
    ledger, run_id = to_flip
    path = ledger.path(run_id) / "record.json"
    content = path.read_bytes()
    position = data.draw(st.integers(0, len(content) - 1))
    other = data.draw(st.integers(0, 255).filter(lambda byte: byte != content[position]))
    try:
        path.write_bytes(content[:position] + bytes([other]) + content[position + 1 :])
        assert verify(ledger, run_id).faults or differs_in_times_alone(path, content)
    finally:
        path.write_bytes(content)
