import os
import stat

import pytest

from cadc.storage.atomic_files import write_file


@pytest.mark.parametrize("content", ["tëxt", b"bytes", lambda path: path.write_text("written")])
def test_a_file_is_replaced_by_text_bytes_or_what_a_function_writes(tmp_path, content):
    path = tmp_path / "a.txt"
    path.write_text("old")
    write_file(path, content)
    expected = "written" if callable(content) else content if isinstance(content, str) else content.decode()
    assert path.read_text() == expected
    assert [file.name for file in tmp_path.iterdir()] == ["a.txt"]


def test_a_failed_write_leaves_the_old_file_and_nothing_beside_it(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")

    def fails(aside):
        aside.write_text("half")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_file(path, fails)
    assert path.read_text() == "old"
    assert [file.name for file in tmp_path.iterdir()] == ["a.txt"]


@pytest.mark.parametrize("has_links", [True, False])
def test_without_replacement_the_first_writer_wins(tmp_path, monkeypatch, has_links):
    def refuse(*_):
        raise PermissionError(1, "no links")

    if not has_links:
        monkeypatch.setattr(os, "link", refuse)
    path = tmp_path / "a.txt"
    write_file(path, "first", replace=False)
    with pytest.raises(FileExistsError):
        write_file(path, "second", replace=False)
    assert path.read_text() == "first"
    assert [file.name for file in tmp_path.iterdir()] == ["a.txt"]


def test_a_written_file_has_the_mode_that_the_umask_allows(tmp_path):
    write_file(tmp_path / "a", b"")
    (tmp_path / "b").touch()
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == stat.S_IMODE((tmp_path / "b").stat().st_mode)


def test_a_link_of_the_name_that_is_written_aside_is_not_followed(tmp_path, monkeypatch):
    victim = tmp_path / "victim"
    victim.write_text("precious")
    monkeypatch.setattr("secrets.token_hex", lambda n: "0" * 2 * n)  # as if it could be guessed
    (tmp_path / f".partial-{'0' * 16}").symlink_to(victim)
    with pytest.raises(FileExistsError):
        write_file(tmp_path / "a.txt", "new")
    assert victim.read_text() == "precious"
