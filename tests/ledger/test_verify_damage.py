"""`cadc ledger verify`: each single kind of damage to a run is noticed and named."""

import os

import pytest

from cadc.ledger.record_hash import seal
from tests.ledger.verifying import FILES, change, faults
from tests.support.commands import cadc


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
    said = {"record.json": "its folder has no record.json"}.get(name, f"{name} is missing")
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
    assert faults(ids["base"]) == [f"{name} is in its folder, but not in its record"]


def test_a_link_in_place_of_a_file_is_noticed(damaged):
    ledger, ids = damaged
    path = ledger.path(ids["base"]) / "scores.parquet"
    path.rename(ledger.folder / "elsewhere")
    path.symlink_to(ledger.folder / "elsewhere")
    assert faults(ids["base"]) == ["scores.parquet is not a regular file"]


def test_a_renamed_folder_is_noticed(damaged):
    ledger, ids = damaged
    ledger.path(ids["base"]).rename(ledger.path("0" * 16))
    assert faults("0" * 16) == [f"its record has the id {ids['base']!r}, which is not the name of its folder"]


def test_an_edited_metric_is_noticed_by_the_records_hash_and_by_the_scores(damaged):
    ledger, ids = damaged
    right = ledger.record(ids["base"])["metrics"]["test/auc"]
    change(ledger, ids["base"], lambda found: found["metrics"].update({"test/auc": 0.99}), sealed=False)
    second = f"test/auc is 0.99 in its record, but scores.parquet gives {right!r}"
    assert faults(ids["base"]) == ["record.json was changed after it was written", second]
    seal(ledger.path(ids["base"]) / "record.json")
    assert faults(ids["base"]) == [second]


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        (lambda found: found["config"]["sampler"].update(rate=0.3), "its id does not follow from its configuration"),
        (lambda found: found["config"].update(seed=5), "its id does not follow from its configuration"),
        (lambda found: found["data"].update(content_hash="0" * 64), "its id does not follow from its configuration"),
        (lambda found: found["config"].update(sampler=5), "its id cannot be computed from its record"),
        (lambda found: found["bytes"].update(embedding=5), "but its record has 5"),
        (lambda found: found["metrics"].update({"test/auc": None}), "test/auc is null in its record"),
        (lambda found: found["metrics"].update({"test/luck": 1}), "the metric test/luck cannot be computed"),
        (lambda found: found["data"]["rows"].update(test=5), "scores.parquet has 300 rows"),
        (lambda found: found["files"].pop("metrics.csv"), "metrics.csv is in its folder, but not in its record"),
        (lambda found: found["files"].update({"more.csv": "0"}), "more.csv is missing"),
        (lambda found: found["files"].update({"../x": "0"}), "../x is missing"),
        (lambda found: found.update(files=[]), "files in its record is not a table"),
        (lambda found: found.pop("environment"), "its record lacks environment"),
        (lambda found: found.update(schema_version=0), "its schema version is 0"),
        (lambda found: found.update(schema_version=True), "its schema version is True"),
        (lambda found: found.update(schema_version=9), "has the schema version 9, but this cadc reads"),
        (lambda found: found.update(id="../../x"), "its record has the id '../../x'"),
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
    assert faults(ids["base"]) == [
        "record.json was changed after it was written",
        "the seconds of its stages do not add up to total_s",
    ]


def test_a_record_without_its_hash_is_noticed(damaged):
    ledger, ids = damaged
    change(ledger, ids["base"], lambda found: found.pop("record_hash"), sealed=False)
    assert faults(ids["base"]) == ["its record lacks record_hash"]


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
    assert faults(ids["base"]) == ["scores.parquet is not a regular file"]
