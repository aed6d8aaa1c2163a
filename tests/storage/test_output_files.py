"""What a user names after --output is written or refused, and nothing but a regular file is ever replaced."""

import os
import pty
import socket
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pandas as pd
import pytest

from cadc.errors import NotWritable, UsageError
from cadc.storage.output_files import check_output, check_output_folder, put_in_place, remove_output, write_output


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def a_fifo(path):
    os.mkfifo(path)


def a_folder(path):
    path.mkdir()


def a_socket(path):
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))


def a_loop(path):
    path.symlink_to(path)


@pytest.mark.parametrize("content", ["tëxt", b"bytes", lambda path: path.write_text("written")])
def test_text_bytes_and_what_a_function_writes_arrive_whole(tmp_path, content):
    write_output(tmp_path / "a.csv", content)
    expected = "written" if callable(content) else content if isinstance(content, str) else content.decode()
    assert (tmp_path / "a.csv").read_text() == expected
    assert names(tmp_path) == ["a.csv"]


def test_a_pipe_receives_what_is_written_and_stays_a_pipe(tmp_path):
    pipe = tmp_path / "out.csv"
    os.mkfifo(pipe)
    got = []
    reader = threading.Thread(target=lambda: got.append(pipe.read_bytes()))
    reader.start()
    frame = pd.DataFrame({"user": [1, 2]})
    write_output(pipe, lambda path: frame.to_csv(path, index=False))
    reader.join()
    assert got == [b"user\n1\n2\n"]
    assert stat.S_ISFIFO(pipe.lstat().st_mode)
    assert names(tmp_path) == ["out.csv"]


def test_a_device_stays_a_device(tmp_path):
    node = tmp_path / "null"
    try:
        os.mknod(node, stat.S_IFCHR | 0o666, os.makedev(1, 3))
        with node.open("wb") as file:
            file.write(b"taken")
    except OSError:
        pytest.skip("no device can be made here")
    before = node.lstat()
    write_output(node, "gone")
    put_in_place(tmp_path, lambda aside: (aside / "null").write_text("gone"))
    assert node.lstat() == before
    assert names(tmp_path) == ["null"]


def test_a_terminal_shows_what_is_written():
    ours, theirs = pty.openpty()
    write_output(Path(os.ttyname(theirs)), "shown\n")
    assert os.read(ours, 100) == b"shown\r\n"
    os.close(ours)
    os.close(theirs)


@pytest.mark.parametrize("make", [a_folder, a_socket, a_loop])
def test_what_cannot_be_written_is_refused_and_left_as_it_is(tmp_path, make):
    path = tmp_path / "a"
    make(path)
    before = path.lstat()
    for write in (check_output, lambda path: write_output(path, "new")):
        with pytest.raises(UsageError, match="cannot be written"):
            write(path)
    assert path.lstat() == before
    assert names(tmp_path) == ["a"]


def test_a_block_device_is_refused(tmp_path):
    node = tmp_path / "disk"
    try:
        os.mknod(node, stat.S_IFBLK | 0o666, os.makedev(7, 200))
    except OSError:
        pytest.skip("no device can be made here")
    with pytest.raises(UsageError, match="neither a file nor a pipe"):
        write_output(node, "new")


@pytest.mark.parametrize("exists", [True, False])
def test_a_link_stays_and_the_file_behind_it_is_written(tmp_path, exists):
    (tmp_path / "elsewhere").mkdir()
    target, link, outer = tmp_path / "elsewhere" / "b", tmp_path / "a", tmp_path / "c"
    if exists:
        target.write_text("old")
    link.symlink_to("elsewhere/b")
    outer.symlink_to(link)
    write_output(outer, "new")
    assert target.read_text() == "new"
    assert link.is_symlink() and outer.is_symlink()
    put_in_place(tmp_path, lambda aside: (aside / "a").write_text("newer"))
    assert target.read_text() == "newer" and link.is_symlink()
    assert names(tmp_path) == ["a", "c", "elsewhere"]
    assert names(tmp_path / "elsewhere") == ["b"]


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o666])
def test_a_replaced_file_keeps_its_mode_and_nobody_reads_it_half_written(tmp_path, mode):
    path = tmp_path / "a"
    path.write_text("old")
    path.chmod(mode)
    seen = []

    def write(aside):
        seen.append(stat.S_IMODE(aside.stat().st_mode))
        aside.write_text("new")

    write_output(path, write)
    assert seen == [0o600]
    assert (stat.S_IMODE(path.stat().st_mode), path.read_text()) == (mode, "new")
    put_in_place(tmp_path, lambda aside: (aside / "a").write_text("newer"))
    assert (stat.S_IMODE(path.stat().st_mode), path.read_text()) == (mode, "newer")


@pytest.mark.parametrize("mask", [0o022, 0o077])
def test_a_new_file_has_the_mode_that_the_umask_allows(tmp_path, mask):
    before = os.umask(mask)
    try:
        write_output(tmp_path / "a", "new")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o666 & ~mask


def test_a_failed_write_leaves_the_old_file_and_nothing_beside_it(tmp_path):
    path = tmp_path / "a"
    path.write_text("old")

    def full(aside):
        aside.write_text("half")
        raise OSError(28, "No space left on device")

    with pytest.raises(NotWritable, match=r"a cannot be written .no space left on device"):
        write_output(path, full)
    assert path.read_text() == "old"
    assert names(tmp_path) == ["a"]


@pytest.mark.parametrize("name", ["nowhere/a.csv", "file/a.csv", "x" * 300])
def test_a_file_that_can_be_in_no_folder_is_refused(tmp_path, name):
    (tmp_path / "file").write_text("old")
    with pytest.raises(UsageError, match="cannot be written"):
        check_output(tmp_path / name)


def test_a_name_of_the_greatest_length_is_written(tmp_path):
    write_output(tmp_path / ("x" * 255), "new")
    assert (tmp_path / ("x" * 255)).read_text() == "new"


def test_a_link_beside_the_file_under_a_name_of_old_is_not_followed(tmp_path):
    (tmp_path / "victim").write_text("precious")
    (tmp_path / ".partial-out.csv").symlink_to(tmp_path / "victim")
    write_output(tmp_path / "out.csv", "new")
    assert (tmp_path / "victim").read_text() == "precious"


@pytest.mark.parametrize("name", ["-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1", "link"])
@pytest.mark.parametrize("kind", ["pipe", "file"])
def test_standard_output_is_written_to_and_not_replaced(tmp_path, name, kind):
    (tmp_path / "link").symlink_to("/dev/stdout")
    script = (
        "import sys\nfrom pathlib import Path\nfrom cadc.storage.output_files import write_output\n"
        "print('before')\nwrite_output(Path(sys.argv[1]), 'rows\\n')\nprint('after')"
    )
    with (tmp_path / "got").open("wb") as file:
        out = file if kind == "file" else subprocess.PIPE
        done = subprocess.run([sys.executable, "-c", script, name], stdout=out, cwd=tmp_path, check=True)
    text = (tmp_path / "got").read_bytes() if kind == "file" else done.stdout
    assert text == b"before\nrows\nafter\n"
    assert names(tmp_path) == ["got", "link"]


def test_files_put_in_place_replace_their_namesakes_and_no_others(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).write_text("old")
    put_in_place(tmp_path, lambda aside: (aside / "a").write_text("new"))
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"a": "new", "b": "old"}


@pytest.mark.parametrize("make", [a_folder, a_socket])
def test_no_file_is_put_in_place_if_one_of_them_cannot_be(tmp_path, make):
    make(tmp_path / "b")
    (tmp_path / "a").write_text("old")
    with pytest.raises(OSError, match=r"directory|exists") as caught:
        put_in_place(tmp_path, lambda aside: [(aside / name).write_text("new") for name in "ab"])
    assert caught.value.filename == str(tmp_path / "b")
    assert (tmp_path / "a").read_text() == "old"
    assert names(tmp_path) == ["a", "b"]


def test_a_pipe_among_the_files_put_in_place_is_written_to(tmp_path):
    os.mkfifo(tmp_path / "a")
    got = []
    reader = threading.Thread(target=lambda: got.append((tmp_path / "a").read_text()))
    reader.start()
    put_in_place(tmp_path, lambda aside: (aside / "a").write_text("new"))
    reader.join()
    assert got == ["new"]
    remove_output(tmp_path / "a")
    assert stat.S_ISFIFO((tmp_path / "a").lstat().st_mode)


@pytest.mark.parametrize("inner", ["", "deeper/still"])
@pytest.mark.parametrize("make", [a_fifo, a_socket, lambda path: path.write_text("old"), a_loop])
def test_a_folder_that_is_something_else_is_refused(tmp_path, make, inner):
    make(tmp_path / "a")
    before = (tmp_path / "a").lstat()
    for write in (check_output_folder, lambda folder: put_in_place(folder, lambda aside: None)):
        with pytest.raises(UsageError, match="is not a folder; choose another"):
            write(tmp_path / "a" / inner)
    assert (tmp_path / "a").lstat() == before
