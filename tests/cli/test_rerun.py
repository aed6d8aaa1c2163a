"""`cadc rerun`: runs are repeated from their records, what differs is found, and nothing of the user's is touched."""

import json
import os
import re
import signal
import tempfile
import time
from pathlib import Path

import pytest

from cadc.ledger.record_hash import sealed
from cadc.loggers.none import NoLogger
from cadc.rerun import recorded
from cadc.rerun.repeat import job_of
from tests.support.commands import TINY, cadc, train
from tests.support.helpers import replace_rows
from tests.support.processes import Command

TINY_MODEL = ("model=bias",)


@pytest.fixture(autouse=True)
def aside(tmp_path, monkeypatch):
    """The folder of temporary files, which each command leaves empty."""
    folder = tmp_path / "aside"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    monkeypatch.setenv("TMPDIR", str(folder))
    yield folder
    assert list(folder.iterdir()) == []


def edited(run, change):
    """Change the record of a run, and give it the hashes that follow."""
    path = run / "record.json"
    record = json.loads(path.read_text())
    change(record)
    path.write_text(json.dumps(sealed(record), indent=1))


def state(folder):
    return {str(path.relative_to(folder)): path.stat().st_mtime_ns for path in sorted(Path(folder).rglob("*"))}


def rows_of(answer):
    """The cells of the table by run: runs of blanks part them."""
    head, *lines = answer.out.splitlines()
    return [dict(zip(re.split(r" {2,}", head), re.split(r" {2,}", line), strict=False)) for line in lines]


def test_a_run_is_repeated_to_the_last_bit_and_the_ledger_stays_as_it_is():
    run = train("initializer=mf")
    before = state(run.parent)
    for name in (run.name, run.name[:5], run, run / "record.json", run.parent):
        answer = cadc("rerun", name)
        assert answer.status == 0, answer.err
        assert "bit-equal" in answer.out and "1 run repeated: 1 bit-equal" in answer.out
    assert state(run.parent) == before


def test_stages_are_computed_anew(empty_cache):
    run = train("initializer=mf")
    before = state(empty_cache)
    for path in empty_cache.glob("factors/*/*"):
        path.write_bytes(b"damaged")
    damaged = state(empty_cache)
    assert before.keys() == damaged.keys()
    assert cadc("rerun", run.name).status == 0
    after = state(empty_cache)
    assert {path: after[path] for path in damaged if "/" in path} == {
        path: damaged[path] for path in damaged if "/" in path
    }


def test_an_edited_metric_is_found_and_a_tolerance_admits_it():
    run = train(*TINY_MODEL)
    edited(run, lambda record: record["metrics"].update({"test/auc": record["metrics"]["test/auc"] + 2e-4}))
    answer = cadc("rerun", run.name)
    assert answer.status == 1
    assert "2.0e-04" in answer.out and "test/auc" in answer.out and "differs" in answer.out
    assert answer.err.splitlines()[-1] == "cadc: 1 of 1 run that were repeated are not as recorded."
    answer = cadc("rerun", run.name, "--tolerance", "1e-3")
    assert answer.status == 0 and "1 within the tolerance (tolerance 0.001)" in answer.out


def test_a_record_that_was_changed_without_its_hashes_is_refused():
    run = train(*TINY_MODEL)
    text = (run / "record.json").read_text()
    (run / "record.json").write_text(text.replace('"seed": 0', '"seed": 7', 1))
    answer = cadc("rerun", run.name)
    assert answer.status == 1 and "was changed after it was written" in answer.err


def test_an_edited_configuration_gives_another_id_and_is_questioned():
    run = train()
    edited(run, lambda record: record["config"].update({"seed": 1}))
    answer = cadc("rerun", run.name)
    assert answer.status == 1, answer.out
    assert f"the id {run.name} does not follow from the record" in answer.out


def test_a_run_of_other_code_is_repeated_and_the_code_is_named():
    # What a run of other code leaves behind: another hash, and so another id.
    run = train(*TINY_MODEL)
    run = run.rename(run.with_name("0" * 16))
    code = {"hash": "0" * 16, "commit": "1" * 40}
    edited(run, lambda record: record.update(id=run.name, code=record["code"] | code))
    answer = cadc("rerun", run.name)
    assert answer.status == 0
    assert "why they may differ:" in answer.out and "code: made by other code (111111111111)" in answer.out
    answer = cadc("rerun", run.name, "--present-code")
    assert answer.status == 3 and "left out: 1 run of other code than the present" in answer.err


def test_another_machine_has_a_looser_tolerance_which_is_said():
    run = train(*TINY_MODEL)

    def change(record):
        record["environment"]["cpu"] = "another"
        record["metrics"]["test/auc"] += 1e-4

    edited(run, change)
    answer = cadc("rerun", run.name)
    assert answer.status == 0
    assert "processor: another in the record" in answer.out and "(tolerance 0.005)" in answer.out
    assert cadc("rerun", run.name, "--tolerance", "1e-6").status == 1


def test_a_run_that_failed_fails_alike():
    answer = cadc("train", *TINY, "model=dlrm", "embedding=hashing", "embedding.ratio=9999", "embedding.small=2")
    assert answer.status == 2, answer.err
    (run,) = [path for path in Path(os.environ["CADC_RUNS"]).iterdir() if not path.name.startswith(".")]
    answer = cadc("rerun", run.name)
    assert answer.status == 0 and "fails alike" in answer.out
    assert "1 run repeated: 0 bit-equal, 1 failed as recorded (" in answer.out
    edited(run, lambda record: record.update(reason="something else"))
    answer = cadc("rerun", run.name)
    assert answer.status == 1 and "fails otherwise" in answer.out


def test_data_that_is_gone_or_other_is_said_and_has_an_exit_status_of_its_own(small_movielens, monkeypatch):
    monkeypatch.setenv("CADC_DATA_DIR", str(small_movielens))
    answer = cadc("train", "data=ml-100k", "model=bias")
    assert answer.status == 0, answer.err
    run = Path(answer.out.splitlines()[-1]).parent
    assert cadc("rerun", run).status == 0
    rows = range(100)
    replace_rows(small_movielens / "ml-100k" / "u.data", "\t", rows, lambda parts: [*parts[:2], "1", *parts[3:]])
    answer = cadc("rerun", run)
    assert answer.status == 3
    assert "u.data of ml-100k has another SHA-256" in answer.out and "could not be repeated" in answer.err
    (small_movielens / "ml-100k" / "u.data").unlink()
    answer = cadc("rerun", run)
    assert answer.status == 3 and "skipped" in answer.out


def test_a_sample_takes_others_in_place_of_what_cannot_be_repeated(small_movielens, monkeypatch):
    monkeypatch.setenv("CADC_DATA_DIR", str(small_movielens))
    assert cadc("train", "data=ml-100k", "model=bias").status == 0
    train(*TINY_MODEL), train("model=label_mean")
    (small_movielens / "ml-100k" / "u.data").unlink()
    answer = cadc("rerun", os.environ["CADC_RUNS"], "--sample", 2)
    assert answer.status == 0 and "2 runs repeated: 2 bit-equal" in answer.out
    answer = cadc("rerun", os.environ["CADC_RUNS"], "--sample", 3)
    assert answer.status == 3 and "2 of the 3 runs asked for could be repeated" in answer.err


def test_committed_results_are_repeated_by_arm_and_drawn_alike(finished):
    words = ("--sample", 3, "--present-code", "--seconds", 60)
    answers = [cadc("rerun", finished, *words, "--seed", 5) for _ in range(2)]
    assert [answer.status for answer in answers] == [0, 0]
    tables = [rows_of(answer)[:3] for answer in answers]
    assert tables[0] == tables[1]
    assert len({row["arm"] for row in tables[0]}) == 3 and all(row["arm"].startswith("tiny: ") for row in tables[0])
    assert {row["verdict"] for row in tables[0]} == {"bit-equal"}
    others = rows_of(cadc("rerun", finished, "--sample", 3, "--seed", 6))[:3]
    assert {row["run"] for row in others} != {row["run"] for row in tables[0]}


def test_a_committed_run_is_found_by_its_id(finished, tmp_path, monkeypatch):
    (record, *_) = map(json.loads, (finished / "records.jsonl").read_text().splitlines())
    monkeypatch.setenv("CADC_RUNS", str(tmp_path / "none"))
    monkeypatch.chdir(finished.parents[1])
    answer = cadc("rerun", record["id"][:10])
    assert answer.status == 0 and "1 bit-equal" in answer.out


def test_kept_runs_are_a_ledger_which_is_gone_on_with(tmp_path):
    run, kept = train(*TINY_MODEL), tmp_path / "kept"
    assert cadc("rerun", run.name, "--keep", kept).status == 0
    assert (kept / run.name / "scores.parquet").is_file()
    (own,) = json.loads((kept / "rerun.json").read_text())["runs"]
    assert own["run"] == own["again"] == run.name and own["verdict"] == "bit-equal"
    before = state(kept / run.name)
    assert cadc("rerun", run.name, "--keep", kept).status == 0
    assert state(kept / run.name) == before
    for folder in (run.parent, tmp_path):
        answer = cadc("rerun", run.name, "--keep", folder)
        assert answer.status == 2 and answer.sentence.startswith(f"cadc: --keep is {folder}, which ")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("",), "a run's name is empty"),
        (("nothing",), "'nothing' names neither a folder nor one run"),
        (("no/folder",), "there is no file or folder 'no/folder'"),
        ((".",), ". holds no runs"),
        (("notes.md",), "notes.md is not a record; expected a record.json, a records.jsonl, or a folder"),
        (("x", "--sample", "0"), "--sample is 0; expected a number of runs, at least 1."),
        (("x", "--tolerance", "-1"), "--tolerance is -1; expected a finite number from 0."),
    ],
)
def test_what_names_no_run_is_refused(words, said, tmp_path, monkeypatch):
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    Path("notes.md").write_text("not to be deleted")
    answer = cadc("rerun", *words)
    assert answer.status == 2 and answer.sentence.startswith(f"cadc: {said}")


def test_a_file_that_is_no_record_is_not_to_be_deleted(tmp_path):
    (tmp_path / "settings.json").write_text("{}")
    answer = cadc("rerun", tmp_path / "settings.json")
    assert answer.status == 1 and answer.sentence.endswith(
        "is not a record (it lacks id, config, metrics); name another."
    )


def test_a_repeated_run_is_sent_nowhere():
    record = json.loads((train(*TINY_MODEL) / "record.json").read_text())
    record["config"]["logger"] = {"_target_": "cadc.mirrors.wandb.WandbMirror", "mode": "online"}
    job = job_of(record)
    assert job.settings.logger.cls is NoLogger and job.run_id == record["id"]


def test_ctrl_c_before_the_first_run_says_that_there_was_none(monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(recorded, "find", interrupted)
    answer = cadc("rerun", "x")
    assert (answer.status, answer.sentence) == (130, "cadc: interrupted; no run was repeated.")


def test_ctrl_c_shows_what_was_compared_and_leaves_nothing(tmp_path):
    for seed in range(4):
        train(f"seed={seed}", "trainer.max_epochs=6", "trainer.patience=9")
    before = state(os.environ["CADC_RUNS"])
    command = Command(["rerun", os.environ["CADC_RUNS"]], tmp_path)
    while not command.err.exists() or "[1/4]" not in command.err.read_text():
        assert command.is_running
        time.sleep(0.01)
    command.send(signal.SIGINT)
    answer = command.answer()
    assert answer.status == 130
    assert re.search(r"cadc: interrupted after [123] of 4 runs", answer.err)
    assert "bit-equal" in answer.out and "Traceback" not in answer.err
    assert state(os.environ["CADC_RUNS"]) == before
