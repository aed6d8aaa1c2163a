"""The ledger: records on disk, found by id or as a data frame."""

import json

import pytest

import cadc.ledger
from cadc.errors import CadcError, UsageError
from cadc.ledger import Ledger
from tests.support import commands
from tests.support.commands import TINY, runs, train


def write(ledger, run_id, text="{}"):
    with ledger.claim(run_id) as lease:
        ledger.write(lease, lambda folder: (folder / "record.json").write_text(text))
        ledger.tidy(lease)


@pytest.fixture
def ledger(tmp_path):
    """A ledger of three made-up records."""
    ledger = Ledger(tmp_path / "ledger")
    for run_id, rate in (("abc1", 0.1), ("abc2", 0.5), ("b", 1)):
        record = {"id": run_id, "config": {"sampler": {"rate": rate}}, "metrics": {"test/auc": rate / 2}}
        write(ledger, run_id, json.dumps(record))
    return ledger


def test_records_come_as_a_data_frame(ledger):
    frame = ledger.frame()
    assert list(frame["id"]) == ["abc1", "abc2", "b"]
    assert list(frame["config.sampler.rate"]) == [0.1, 0.5, 1]
    assert list(frame["metrics.test/auc"]) == [0.05, 0.25, 0.5]


def test_load_reads_the_folder_it_is_given_or_that_of_the_environment(ledger, monkeypatch):
    assert cadc.ledger.load(ledger.folder).equals(ledger.frame())
    assert cadc.ledger.load(str(ledger.folder)).equals(ledger.frame())
    assert cadc.ledger.load().empty
    monkeypatch.setenv("CADC_RUNS", str(ledger.folder))
    assert cadc.ledger.load().equals(ledger.frame())


def test_a_real_run_is_in_the_frame():
    folder = train("model=bias")
    frame = cadc.ledger.load()
    assert list(frame["id"]) == [folder.name]
    assert frame["config.data.n_rows"].item() == 3000


def test_a_run_is_found_by_the_beginning_of_its_id(ledger):
    assert ledger.find("abc2") == ledger.find("abc2"[:4]) == "abc2"
    assert ledger.find("b") == "b"


def test_the_state_of_a_run_that_did_not_finish_is_said(ledger):
    write(ledger, "fa11", json.dumps({"id": "fa11", "status": "failed", "config": {}, "metrics": {}}))
    with pytest.raises(UsageError, match=r"'fa' does not name one finished run.*fa11 is failed"):
        ledger.find("fa")


@pytest.mark.parametrize(("prefix", "reason"), [("abc", "2 ids start with it"), ("zz", "no id starts with it")])
def test_a_beginning_that_names_no_single_run_is_refused(ledger, prefix, reason):
    with pytest.raises(UsageError, match=f"'{prefix}' does not name one finished run.*{reason}"):
        ledger.find(prefix)


def test_membership_is_that_of_finished_runs(ledger):
    assert "b" in ledger
    assert "zz" not in ledger
    with pytest.raises(UsageError, match="no finished run 'zz'"):
        ledger.record("zz")


def test_leftovers_of_killed_processes_do_not_count(ledger):
    for name in (".partial-x", "no_record"):
        (ledger.folder / name).mkdir()
    (ledger.folder / ".partial-x" / "record.json").write_text("{")
    (ledger.folder / "notes.txt").write_text("mine")
    assert ledger.ids() == ["abc1", "abc2", "b"]
    assert len(list(ledger)) == 3


@pytest.mark.parametrize("text", ["", "{", '{"id": "x"', "null", "[]", "[1]", "\0\0\0"])
def test_a_record_that_is_none_is_named(ledger, text):
    path = ledger.path("b") / "record.json"
    path.write_text(text)
    with pytest.raises(CadcError, match="not a record") as caught:
        ledger.frame()
    assert str(path) in str(caught.value)


def test_a_record_that_cannot_be_read_is_named(ledger):
    path = ledger.path("b") / "record.json"
    path.unlink()
    path.mkdir()
    with pytest.raises(CadcError, match="is not a record"):
        ledger.record("b")


def test_commands_say_a_broken_record_in_a_sentence():
    folder = train("model=bias")
    (folder / "record.json").write_text("{")
    answer = commands.cadc("export", folder.name)
    assert answer.status == 1
    assert str(folder / "record.json") in answer.sentence
    answer = commands.cadc("report", "memory_budget_clicks")
    assert answer.status == 1
    assert str(folder / "record.json") in answer.err.splitlines()[0]


def test_a_run_appears_whole_or_not_at_all(ledger):
    def fail(folder):
        (folder / "record.json").write_text("{}")
        raise CadcError("no")

    before = sorted(ledger.folder.iterdir())
    with ledger.claim("new") as lease, pytest.raises(CadcError, match="no"):
        ledger.write(lease, fail)
    assert sorted(ledger.folder.glob("[!.]*")) == before
    assert ledger.status("new") is None


def test_the_first_of_two_equal_runs_stays(ledger):
    write(ledger, "b", '{"id": "late"}')
    assert ledger.record("b")["id"] == "b"
    assert not list(ledger.folder.glob(".*"))


@pytest.mark.parametrize("inside", ["", "deeper"])
def test_a_ledger_that_cannot_be_written_is_a_sentence(inside, monkeypatch, tmp_path):
    (tmp_path / "file").write_text("mine")
    monkeypatch.setenv("CADC_RUNS", str(tmp_path / "file" / inside))
    answer = commands.cadc(*["train", *TINY, "model=bias"])
    assert answer.status == 1
    assert len(answer.err.splitlines()) == 1
    assert f"cannot be written to {tmp_path / 'file'}" in answer.err
    assert "CADC_RUNS" in answer.err
    assert (tmp_path / "file").read_text() == "mine"


def test_a_run_folder_taken_by_a_file_is_a_sentence():
    folder = train("model=bias")
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()
    folder.write_text("mine")
    answer = commands.cadc(*["train", *TINY, "model=bias"])
    assert answer.status == 1
    assert len(answer.err.splitlines()) == 1
    assert runs() == [folder.name]


def test_a_run_folder_without_a_record_is_named_before_anything_is_run():
    folder = train("model=bias")
    (folder / "record.json").unlink()
    answer = commands.cadc(*["train", *TINY, "model=bias"])
    assert answer.status == 1
    assert f"{folder} exists but has no record" in answer.sentence
    assert (folder / "scores.parquet").exists()
