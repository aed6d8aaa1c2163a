"""Runs that are packed and unpacked are the same, byte by byte, and a process that is killed leaves whole runs."""

import json
import signal
import threading
from functools import partial
from pathlib import Path

import pytest

from cadc.ledger import Ledger
from cadc.ledger.parts import unpack
from cadc.ledger.parts.pieces import pieces
from tests.ledger.verifying import change, check
from tests.support.commands import cadc, closing, folders, train
from tests.support.processes import Command
from tests.support.sweeps import before_call

N_RUNS = 6
STREAM = ("data/split=segments", "data.split.n=3", "embedding.dim=16", "stream.mean_size=4", "policy=equal")


def content(ledger: Path) -> dict[str, bytes]:
    return {str(path.relative_to(ledger)): path.read_bytes() for path in sorted(ledger.rglob("*")) if path.is_file()}


def test_unpacked_runs_are_those_that_were_packed_without_weights(packed_once, real_once):
    path, said = packed_once
    assert f"{N_RUNS} runs packed, without model.safetensors (--weights packs it): " in said
    answer = cadc("ledger", "unpack", path)
    ledger = Ledger()
    assert (answer.status, answer.out, answer.err) == (0, f"{N_RUNS} runs unpacked in {ledger.folder}\n", "")
    here, there = content(ledger.folder), content(real_once[0])
    assert {name: here[name] for name in here if "left_out" not in name} == {
        name: there[name] for name in there if "model.safetensors" not in name
    }
    assert check() == (0, [f"{N_RUNS} runs verified, no faults in {ledger.folder}; {N_RUNS} unpacked without weights"])


def test_equal_runs_are_equal_archives_and_smaller_than_their_files(packed_once, looked_at, tmp_path):
    path, _ = packed_once
    answer = cadc("ledger", "pack", "--output", tmp_path / "again.zip")
    assert answer.status == 0
    assert (tmp_path / "again.zip").read_bytes() == path.read_bytes()
    files = [file for file in Ledger().folder.rglob("*") if file.is_file() and file.name != "model.safetensors"]
    assert path.stat().st_size < 0.7 * sum(file.stat().st_size for file in files)


def test_pieces_of_a_file_are_the_file(looked_at):
    runs = [Ledger().path(looked_at[name]) / "scores.parquet" for name in ("base", "seed", "enriched")]
    cut = [list(pieces(path)) for path in runs]
    for path, own in zip(runs, cut, strict=True):
        assert b"".join(own) == path.read_bytes()
    assert len(set(cut[0]) & set(cut[2])) >= 4  # the same rows of the test part


def test_runs_that_are_there_are_counted_and_stay(packed_once):
    path, _ = packed_once
    assert cadc("ledger", "unpack", path).status == 0
    before = content(Ledger().folder)
    again = cadc("ledger", "unpack", path)
    assert again.out == f"0 runs unpacked, {N_RUNS} there already with the same result in {Ledger().folder}\n"
    assert content(Ledger().folder) == before


def test_weights_are_added_to_runs_that_lack_them(packed_once, real_once, monkeypatch, tmp_path):
    path, _ = packed_once
    own = Ledger().folder
    assert cadc("ledger", "unpack", path).status == 0
    monkeypatch.setenv("CADC_RUNS", str(real_once[0]))
    assert cadc("ledger", "pack", real_once[1]["base"], "--weights", "--output", tmp_path / "w.zip").status == 0
    monkeypatch.setenv("CADC_RUNS", str(own))
    answer = cadc("ledger", "unpack", tmp_path / "w.zip")
    assert answer.out == f"0 runs unpacked, 1 given their weights in {own}\n"
    run = real_once[1]["base"]
    assert content(own / run) == content(real_once[0] / run)
    assert check()[0] == 0
    refused = cadc("ledger", "pack", real_once[1]["rate"], "--weights", "--output", tmp_path / "x.zip")
    assert refused.status == 1
    assert "has no model.safetensors here, since it was unpacked without" in refused.sentence


def test_another_result_of_a_run_stays_and_is_named(packed_once, real_once):
    path, _ = packed_once
    assert cadc("ledger", "unpack", path).status == 0
    ledger, run = Ledger(), real_once[1]["base"]
    change(ledger, run, lambda found: found["metrics"].update({"test/auc": 0.123}))
    before = content(ledger.folder)
    answer = cadc("ledger", "unpack", path)
    assert answer.status == 1
    assert answer.out.startswith(f"{run}  the ledger has another result of it, which stays: test/auc 0.123 here, 0.")
    assert f"1 run not unpacked, see the lines above; 0 runs unpacked, {N_RUNS - 1} there already" in answer.sentence
    assert content(ledger.folder) == before


def test_a_repeated_run_whose_times_alone_differ_is_the_same(packed_once, real_once):
    path, _ = packed_once
    assert cadc("ledger", "unpack", path).status == 0
    change(Ledger(), real_once[1]["base"], lambda found: found["cost"].update(total_s=99.0))
    assert cadc("ledger", "unpack", path).status == 0


def test_a_failed_run_gives_way_to_a_finished_one(packed_once, real_once):
    path, _ = packed_once
    ledger, run = Ledger(), real_once[1]["base"]
    lease = ledger.claim(run)
    failed = Ledger(real_once[0]).record(run) | {"status": "failed", "reason": "x", "ended_at": "2026", "files": {}}
    with lease:
        ledger.end(lease, failed)
        ledger.tidy(lease)
    assert cadc("ledger", "unpack", path).out.startswith(f"{N_RUNS} runs unpacked")
    assert check()[0] == 0


def test_a_run_that_another_process_unpacks_too_is_waited_for(packed_once, real_once):
    path, _ = packed_once
    lease = Ledger().claim(real_once[1]["base"])
    released = threading.Timer(0.5, lease.release)
    released.start()
    answer = cadc("ledger", "unpack", path)
    released.join()
    assert (answer.status, answer.out) == (0, f"{N_RUNS} runs unpacked in {Ledger().folder}\n")


def test_a_run_that_another_process_works_on_is_left_to_it(packed_once, real_once, monkeypatch):
    monkeypatch.setattr(unpack, "PATIENCE", 0.1)
    path, _ = packed_once
    ledger, run = Ledger(), real_once[1]["base"]
    with ledger.claim(run):
        answer = cadc("ledger", "unpack", path)
    assert answer.status == 1
    assert f"{run}  another process works on it; unpack again when it has ended\n" in answer.out
    assert cadc("ledger", "unpack", path).out.startswith("1 run unpacked")


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_unpacking_that_was_stopped_goes_on(packed_once, real_once, tmp_path, number):
    path, _ = packed_once
    act = partial(before_call, "cadc.ledger.parts.unpack:verify_folder", 3, partial(signal.raise_signal, number))
    killed = Command(("ledger", "unpack", path), tmp_path, setup=act).answer()
    assert killed.status in (-9, 130)
    ledger = Ledger()
    assert len(ledger.ids()) in (2, 3)
    for run in ledger.ids():
        assert check(run)[0] == 0
    n_there = len(ledger.ids())
    answer = cadc("ledger", "unpack", path)
    assert answer.status == 0, answer.out
    assert answer.out.startswith(f"{N_RUNS - n_there} runs unpacked, {n_there} there already with the same result in ")
    assert check()[0] == 0
    assert not (ledger.folder / ".unfinished").exists()


def test_an_experiment_goes_on_from_runs_of_another_ledger(finished_at_another_place, session_cache, tmp_path):
    place, part = finished_at_another_place
    with folders(session_cache, tmp_path / "runs"):
        assert cadc("ledger", "unpack", part).status == 0
        answer = cadc("experiment", "two", "--output", "out")
    assert closing(answer) == {"skipped": 4}
    expected = place / "work" / "out"
    for file in ("table.csv", "comparison.csv", "strata.csv", "records.jsonl", "figure.svg", "verdicts.md"):
        assert Path("out", file).read_bytes() == (expected / file).read_bytes(), file


def test_what_cannot_be_packed_is_said(real_once, damaged, tmp_path):
    ledger, ids = damaged
    out = tmp_path / "p.zip"
    scores = ledger.path(ids["base"]) / "scores.parquet"
    scores.write_bytes(scores.read_bytes()[:-1])
    answer = cadc("ledger", "pack", "--output", out)
    assert answer.status == 1
    assert f"{scores} is not the file that the run wrote" in answer.sentence
    assert not out.exists()
    assert cadc("ledger", "pack", ids["bias"], "--output", out).status == 0
    change(ledger, ids["seed"], lambda found: found.update(seed=77), sealed=False)
    assert "record.json is not the file that the run wrote" in cadc("ledger", "pack", ids["seed"], "--output", out).err
    assert json.loads((ledger.path(ids["bias"]) / "record.json").read_text())["id"] == ids["bias"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["pack"], "got no --output"),
        (["pack", "0123", "--output", "p.zip"], "does not name one run"),
        (["pack", "--arm", "random", "--output", "p.zip"], "none was named"),
        (["pack", "inr_image", "--output", "p.zip"], "is an analysis"),
        (["unpack"], "takes one archive, but got 0"),
        (["unpack", "nothing.zip"], "no such file"),
        (["list", "--weights"], "only pack has it"),
    ],
)
def test_what_is_asked_for_wrongly_is_said(words, said):
    answer = cadc("ledger", *words)
    assert answer.status in (1, 2)
    assert said in answer.sentence


def test_a_stream_is_packed_with_its_segments(tmp_path, monkeypatch):
    run = train(*STREAM)
    assert cadc("ledger", "pack", run.name, "--output", tmp_path / "p.zip").status == 0
    monkeypatch.setenv("CADC_RUNS", str(tmp_path / "other"))
    assert cadc("ledger", "unpack", tmp_path / "p.zip").out.startswith("1 run unpacked")
    assert check()[0] == 0
    assert Ledger().record(run.name)["segments"] == Ledger(run.parent).record(run.name)["segments"]
