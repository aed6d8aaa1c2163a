import stat
import subprocess
import sys
import threading
import time

import pytest

from cadc.storage.cache_entries import entries
from cadc.storage.lease import claim
from cadc.storage.manifest import MANIFEST
from cadc.storage.stage_cache import cached_folder
from cadc.storage.under_lease import put_folder


def content(folder):
    return sorted(path.name for path in folder.iterdir() if path.name != MANIFEST)


def test_damaged_folder_is_made_again(empty_cache):
    def build(folder):
        (folder / "a").write_text("whole")

    for damage in (lambda file: file.write_text("cut"), lambda file: file.unlink()):
        folder = cached_folder("factors", "key", build)
        damage(folder / "a")
        assert (cached_folder("factors", "key", build) / "a").read_text() == "whole"


def test_build_is_called_once_and_its_folder_kept(empty_cache):
    calls = []

    def build(folder):
        calls.append(folder)
        (folder / "content").write_text("x")

    first = cached_folder("factors", "key", build)
    assert cached_folder("factors", "key", build) == first == empty_cache / "factors" / "key"
    assert len(calls) == 1
    assert calls[0] != first, "it is written aside"
    assert (first / "content").read_text() == "x"


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, MemoryError])
def test_failed_build_leaves_nothing_and_the_next_one_succeeds(empty_cache, error):
    def fails(folder):
        (folder / "half").write_text("x")
        raise error

    with pytest.raises(error):
        cached_folder("factors", "key", fails)
    assert list((empty_cache / "factors").iterdir()) == []
    cached_folder("factors", "key", lambda folder: (folder / "whole").write_text("x"))
    assert content(empty_cache / "factors" / "key") == ["whole"]


def test_of_builders_at_once_one_builds_and_all_see_the_whole_folder(empty_cache):
    together = threading.Barrier(4)
    built = []
    seen = []

    def work():
        def build(folder):
            built.append(folder)
            for number in range(20):
                time.sleep(0.005)
                (folder / str(number)).write_text("x")

        together.wait()
        seen.append(content(cached_folder("factors", "key", build)))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(built) == 1
    assert seen == [sorted(map(str, range(20)))] * 4
    assert [path.name for path in (empty_cache / "factors").iterdir()] == ["key"]


def test_who_waits_builds_it_if_the_builder_is_killed(empty_cache, capfd):
    script = (
        "import os, signal, time\nfrom cadc.storage.stage_cache import cached_folder\n"
        "def build(folder):\n"
        "    (folder / 'half').write_text('x'); print('building', flush=True); time.sleep(3)\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
        "cached_folder('factors', 'key', build)"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE) as builder:
        builder.stdout.readline()
        cached_folder("factors", "key", lambda folder: (folder / "whole").write_text("x"))
    assert content(empty_cache / "factors" / "key") == ["whole"]
    assert [path.name for path in (empty_cache / "factors").iterdir()] == ["key"]
    assert f"waiting for process {builder.pid} on " in capfd.readouterr().err


def test_a_folder_that_is_there_needs_no_right_to_write(empty_cache):
    folder = cached_folder("factors", "key", lambda folder: (folder / "a").write_text("x"))
    folder.parent.chmod(0o555)
    try:
        assert cached_folder("factors", "key", lambda folder: None) == folder
    finally:
        folder.parent.chmod(0o755)


def test_cached_folder_can_be_read_by_whoever_the_umask_allows(tmp_path):
    with claim(tmp_path / "workplace") as lease:
        put_folder(lease, tmp_path / "ordinary", lambda folder: None)
    (tmp_path / "reference").mkdir()
    modes = [stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("ordinary", "reference")]
    assert modes[0] == modes[1]


def test_entries_list_folders_files_and_leftovers_with_their_size(empty_cache):
    cached_folder("factors", "key", lambda folder: (folder / "a").write_bytes(b"1234"))
    leftover = empty_cache / "prepared" / ".partial-xyz"
    leftover.mkdir(parents=True)
    (leftover / "b").write_bytes(b"12")
    (empty_cache / "downloads").mkdir()
    (empty_cache / "downloads" / "made.zip").write_bytes(b"123")
    found = {(entry.stage, entry.key): entry.size for entry in entries()}
    sizes = (empty_cache / "factors" / "key" / MANIFEST).stat().st_size
    assert found == {("factors", "key"): 4 + sizes, ("prepared", ".partial-xyz"): 2, ("downloads", "made.zip"): 3}


def test_empty_cache_has_no_entries(empty_cache):
    assert list(entries()) == []


def test_leftovers_of_a_killed_process_are_removed_by_the_next_that_builds(empty_cache):
    script = (
        "import os, signal\nfrom cadc.storage.stage_cache import cached_folder\n"
        "cached_folder('factors', 'key', lambda folder: os.kill(os.getpid(), signal.SIGKILL))"
    )
    subprocess.run([sys.executable, "-c", script], check=False)
    assert [path.name for path in (empty_cache / "factors").iterdir()] == [".building-key"]
    cached_folder("factors", "key", lambda folder: (folder / "a").write_text("x"))
    assert [path.name for path in (empty_cache / "factors").iterdir()] == ["key"]
