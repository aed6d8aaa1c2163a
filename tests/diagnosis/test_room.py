"""What a run will need is estimated before it starts, and held against what is free."""

import shutil
import subprocess
import sys
from types import SimpleNamespace

import pytest

from cadc.diagnosis import room
from cadc.diagnosis.need import Need, need_of
from cadc.diagnosis.room import check_room, free_memory, room_in_memory, room_on_disk
from cadc.diagnosis.size import Size, size_of_log
from cadc.ledger.store import Ledger
from cadc.pipeline.build import open_log
from cadc.pipeline.settings import Settings

GB = 10**9
SIZE = Size({"train": 8 * 10**8, "validation": 10**8, "test": 10**8}, 10**7, 26, 160.0, "a test")


def need(*overrides, size=SIZE, n_processes=1):
    return need_of(Settings.compose(overrides), size, n_processes)


def test_sizes_are_those_of_the_prepared_log_once_there_is_one(empty_cache, tmp_path):
    settings, ledger = Settings.compose(["data.n_rows=2000", "data.n_users=50", "data.n_items=40"]), Ledger(tmp_path)
    before = size_of_log(settings, ledger)
    log = open_log(settings)
    after = size_of_log(settings, ledger)
    assert (before.is_prepared, before.n_rows, before.n_values) == (False, 2000, 90)
    assert after.is_prepared and after.rows == log.meta["rows"]
    assert after.n_values == sum(field.vocabulary_size for field in log.schema.fields)
    on_disk = sum(path.stat().st_size for path in log.folder.glob("*.npy"))
    assert after.bytes_a_row == pytest.approx(on_disk / 2000)


def test_other_options_and_damaged_logs_do_not_count_as_prepared(empty_cache, tmp_path):
    log = open_log(Settings.compose(["data.n_rows=2000", "data.n_users=50", "data.n_items=40"]))
    other = Settings.compose(["data.n_rows=3000", "data.n_users=50", "data.n_items=40"])
    assert size_of_log(other, Ledger(tmp_path)).n_rows == 3000
    (log.folder / "meta.json").write_text("{")
    assert not size_of_log(other, Ledger(tmp_path)).is_prepared


def test_sizes_of_a_data_set_are_those_of_its_records(empty_cache, tmp_path):
    found = size_of_log(Settings.compose(["data=ml-1m"]), Ledger(tmp_path))
    assert (found.n_rows, found.is_prepared) == (1_000_209, False)
    assert 9_000 < found.n_values < 12_000
    assert size_of_log(Settings.compose(["data=ml-1m", "data.threshold=2"]), Ledger(tmp_path)) is None


def test_what_is_not_known_is_said(empty_cache, tmp_path):
    (found,) = check_room(Settings.compose(["data=criteo"]), Ledger(tmp_path))
    assert (found.state, "not known" in found.text) == ("note", True)


def test_need_grows_with_tables_processes_rows_and_methods():
    plain = need()
    assert need("embedding.dim=32").memory > 1.8 * plain.memory - SIZE.n_rows * 40
    assert need("embedding=hashing", "embedding.ratio=16").memory < plain.memory - 5 * GB
    assert need("sampler.rate=0.01").memory < plain.memory - 9 * GB
    assert need("initializer=mf", "factorization=fm", "factorization_rows=complement").memory > plain.memory + 180 * GB
    replicated = need("trainer.devices=2", n_processes=2)
    assert replicated.memory > plain.memory + 15 * GB
    sharded = need("trainer.devices=2", "trainer.tables=sharded", n_processes=2)
    assert sharded.memory < replicated.memory - 6 * GB
    assert sharded.device < plain.device
    assert need("model=bias").runs < plain.runs - 5 * GB


def test_prepared_log_takes_no_more_cache():
    prepared = Size(SIZE.rows, SIZE.n_values, SIZE.n_fields, SIZE.bytes_a_row, "a test", is_prepared=True)
    assert need(size=prepared).cache == 0
    assert need().cache == 320 * GB


def test_too_little_memory_is_wrong_and_too_little_for_files_a_note():
    of_run = Need(memory=2 * GB, pages=3 * GB, device=0, runs=0, cache=0)
    assert [room_in_memory(of_run, free * GB).state for free in (1, 4, 6)] == ["wrong", "note", "ok"]
    assert "sampler.rate" in room_in_memory(of_run, GB).advice
    assert room_in_memory(of_run, GB).text.startswith("the run will take")
    assert room_in_memory(of_run, GB, n_processes=2).text.startswith("2 processes of the run will take")


def test_disk_that_is_too_small_for_both_folders_is_wrong(monkeypatch, tmp_path):
    monkeypatch.setenv("CADC_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: SimpleNamespace(free=GB))
    (found,) = room_on_disk(Need(0, 0, 0, runs=6 * GB // 10, cache=6 * GB // 10))
    assert (found.state, "1.2 GB; 1.0 GB are free" in found.text) == ("wrong", True)
    assert "CADC_RUNS or CADC_CACHE" in found.advice


def test_memory_of_a_container_counts_where_it_is_less(tmp_path):
    proc, groups = tmp_path / "proc", tmp_path / "cgroup"
    (proc / "self").mkdir(parents=True)
    (groups / "job" / "step").mkdir(parents=True)
    (proc / "meminfo").write_text("MemTotal: 99 kB\nMemAvailable:    4000000 kB\n")
    assert free_memory(proc, groups) == 4_096_000_000
    (proc / "self" / "cgroup").write_text("0::/job/step\n")
    (groups / "job" / "step" / "memory.max").write_text("max\n")
    (groups / "job" / "memory.max").write_text("3000000000\n")
    (groups / "job" / "memory.current").write_text("1000000000\n")
    assert free_memory(proc, groups) == 2_000_000_000
    assert free_memory(tmp_path / "none", tmp_path / "none") is None


def test_a_machine_without_room_is_found_out(monkeypatch, tmp_path):
    monkeypatch.setattr(room, "free_memory", lambda: 10**8)
    found = {finding.topic: finding for finding in check_room(Settings.compose([]), Ledger(tmp_path))}
    assert (found["memory"].state, found["disk"].state) == ("wrong", "ok")


def test_estimate_is_close_to_the_peak_of_a_process_of_its_own(tmp_path):
    overrides = ["data.n_rows=60000", "data.n_users=3000", "data.n_items=3000", "trainer.max_epochs=1"]
    subprocess.run([sys.executable, "-m", "cadc", "train", *overrides], check=True, capture_output=True)
    (record,) = Ledger()
    settings = Settings.compose(overrides)
    found = need_of(settings, size_of_log(settings, Ledger(tmp_path)))
    assert (found.memory + found.pages) / 2**20 == pytest.approx(record["cost"]["peak_rss_mb"], rel=0.25)
