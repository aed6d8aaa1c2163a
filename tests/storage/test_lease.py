import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest

from cadc.errors import UsageError
from cadc.storage.asides import ASIDE, make
from cadc.storage.lease import claim, holder, wait_for
from cadc.storage.process import start_time
from cadc.storage.under_lease import clear


def test_one_holds_at_a_time_and_the_next_after_release(tmp_path):
    first = claim(tmp_path / "a")
    assert claim(tmp_path / "a") is None
    assert holder(tmp_path / "a")["process"] == os.getpid()
    first.release()
    assert holder(tmp_path / "a") is None
    with claim(tmp_path / "a") as second:
        assert second.is_held() and not first.is_held()
        assert len(list((tmp_path / "a").iterdir())) == 1
    assert not list((tmp_path / "a").iterdir())


@pytest.mark.usefixtures("_heeds_ctrl_c")
def test_ctrl_c_amid_release_comes_after_it(tmp_path, monkeypatch):
    monkeypatch.setattr("cadc.storage.lease.make", lambda path: signal.raise_signal(signal.SIGINT) or make(path))
    with pytest.raises(KeyboardInterrupt), claim(tmp_path):
        pass
    assert holder(tmp_path) is None
    assert not list(tmp_path.iterdir())


def test_another_folder_is_another_thing(tmp_path):
    with claim(tmp_path / "a"), claim(tmp_path / "b") as other:
        assert other is not None


def test_a_killed_process_of_this_machine_is_dead_at_once(tmp_path):
    code = """
import sys, time
from pathlib import Path
from cadc.storage.asides import ASIDE
from cadc.storage.lease import claim
claim(Path(sys.argv[1]))
print("held", flush=True)
time.sleep(60)
"""
    process = subprocess.Popen([sys.executable, "-c", code, tmp_path], stdout=subprocess.PIPE)
    process.stdout.readline()
    assert claim(tmp_path) is None
    process.kill()
    process.wait()
    assert claim(tmp_path) is not None


def test_a_process_number_used_anew_is_not_taken_for_the_holder(tmp_path, monkeypatch):
    held = claim(tmp_path)
    content = held.path.read_text()
    held._ended.set()
    started = start_time(os.getpid())
    held.path.write_text(content.replace(f'"started": "{started}"', '"started": "1"'))
    assert claim(tmp_path) is not None


def test_a_holder_on_another_machine_dies_by_silence(tmp_path, monkeypatch):
    monkeypatch.setenv("CADC_LEASE_SECONDS", "1")
    far = claim(tmp_path)
    far.path.write_text(json.dumps(json.loads(far.path.read_text()) | {"machine": "elsewhere"}))
    time.sleep(1.5)
    assert claim(tmp_path) is None, "it beats, so it lives"
    far._ended.set()
    time.sleep(1.3)
    with claim(tmp_path) as taken:
        assert taken is not None
        assert not far.is_held(), "the sleeper finds out that it was taken for dead"
        far.release()
        assert taken.is_held()


def test_a_lease_that_cannot_be_read_dies_by_silence_too(tmp_path, monkeypatch):
    monkeypatch.setenv("CADC_LEASE_SECONDS", "1")
    (tmp_path / "lease-7").write_text("")
    assert claim(tmp_path) is None
    os.utime(tmp_path / "lease-7", (0, 0))
    assert claim(tmp_path).path.name == "lease-8"


def test_without_hard_links_the_name_is_reserved(tmp_path, monkeypatch):
    def refuse(*_):
        raise PermissionError(1, "no links")

    monkeypatch.setattr(os, "link", refuse)
    with claim(tmp_path):
        assert claim(tmp_path) is None
    assert claim(tmp_path) is not None


def test_many_threads_count_without_losing_one(tmp_path):
    counter = tmp_path / "counter"
    counter.write_text("0")

    def work():
        for _ in range(10):
            with wait_for(tmp_path / "leases"):
                counter.write_text(str(int(counter.read_text()) + 1))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counter.read_text() == "40"


def test_processes_that_are_killed_at_any_moment_never_hold_together(tmp_path):
    """Each holder writes begin and end; between the begin of one and its end nobody else begins."""
    code = """
import os, random, sys, time
from pathlib import Path
from cadc.storage.asides import ASIDE
from cadc.storage.lease import wait_for
folder, number = Path(sys.argv[1]), sys.argv[2]
rng = random.Random(number)
for _ in range(12):
    with wait_for(folder / "leases"):
        with (folder / "journal").open("a") as journal:
            journal.write(f"{number} begin\\n"); journal.flush()
            time.sleep(0.002)
            if rng.random() < 0.05:
                os.kill(os.getpid(), 9)
            journal.write(f"{number} end\\n")
"""
    processes = [subprocess.Popen([sys.executable, "-c", code, tmp_path, str(n)]) for n in range(5)]
    for process in processes:
        process.wait(timeout=60)
    lines = [line.split() for line in (tmp_path / "journal").read_text().splitlines()]
    died = {str(n) for n, process in enumerate(processes) if process.returncode}
    for (who, what), (follower, then) in pairwise(lines):
        if what == "begin" and (follower, then) != (who, "end"):
            assert who in died and then == "begin"
    done = Counter(who for who, what in lines if what == "end")
    assert all(done[str(n)] == 12 for n in range(5) if str(n) not in died)


@pytest.mark.parametrize("value", ["soon", "0", "-3", "inf", "nan"])
def test_a_senseless_time_to_live_is_refused(value, monkeypatch, tmp_path):
    monkeypatch.setenv("CADC_LEASE_SECONDS", value)
    with pytest.raises(UsageError, match="CADC_LEASE_SECONDS"):
        claim(Path(tmp_path))


def test_a_folder_that_cannot_be_made_is_an_error_and_no_endless_wait(tmp_path, monkeypatch):
    def vanishes(self, *arguments, **options):
        raise FileNotFoundError(2, "No such file or directory", str(self))  # as below /proc

    monkeypatch.setattr(Path, "mkdir", vanishes)
    with pytest.raises(FileNotFoundError):
        claim(tmp_path / "a")


def test_who_releases_after_clearing_up_leaves_the_next_holder_alone(tmp_path):
    first = claim(tmp_path / "a")
    (tmp_path / "a" / "rest").write_text("x")
    (tmp_path / "a" / "deeper").mkdir()
    clear(first)
    assert not (tmp_path / "a").exists()
    with claim(tmp_path / "a") as second:
        assert second.path == first.path
        assert not first.is_held()
        first.release()
        assert second.is_held()
        assert claim(tmp_path / "a") is None


def test_what_is_cleared_is_held_until_all_else_is_gone(tmp_path, monkeypatch):
    folder = tmp_path / "a"
    held = claim(folder)
    for name in ("b", "zz"):
        (folder / name).write_text("x")
    (folder / "deeper").mkdir()
    rename, moved = Path.rename, []

    def look(self, target):
        moved.append(self.name)
        assert claim(folder) is None
        if self == held.path:
            left = {path.name for path in folder.iterdir() if not path.name.startswith(ASIDE)}
            assert left == {held.path.name}
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", look)
    clear(held)
    assert not folder.exists()
    assert sorted(moved[:-1]) == ["b", "deeper", "zz"] and moved[-1] == held.path.name


def test_a_full_disk_does_not_keep_a_lease_from_being_released(tmp_path, monkeypatch):
    held = claim(tmp_path)

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", full)
        held.release()
    assert claim(tmp_path) is not None


def test_where_nothing_can_be_written_a_holder_is_still_told_from_a_dead_one(tmp_path, monkeypatch):
    (tmp_path / "lease-0").write_text('{"machine": "elsewhere", "process": 7, "started": "1"}')

    def read_only(*_, **__):
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(tempfile, "TemporaryFile", read_only)
    assert holder(tmp_path)["process"] == 7
    os.utime(tmp_path / "lease-0", (0, 0))
    assert holder(tmp_path) is None
