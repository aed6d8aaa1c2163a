"""Folders that cannot be written, or lack what a run reads, are named with what to do."""

import errno
import os
from pathlib import Path

import pytest

from cadc.diagnosis import folders
from cadc.diagnosis.folders import check_data, check_writing, existing, file_system
from cadc.pipeline.settings import Settings


def source(*overrides):
    return Settings.compose(overrides).source


def test_folder_that_can_be_written_is_left_as_it_was(tmp_path):
    (tmp_path / "kept").write_text("kept")
    assert check_writing("runs", tmp_path, "CADC_RUNS").state == "ok"
    assert [path.name for path in tmp_path.iterdir()] == ["kept"]


def test_folder_that_does_not_exist_yet_is_not_made(tmp_path):
    found = check_writing("runs", tmp_path / "a" / "b", "CADC_RUNS")
    assert (found.state, "(to be made)" in found.text) == ("ok", True)
    assert list(tmp_path.iterdir()) == []


def test_file_in_place_of_a_folder_is_wrong(tmp_path):
    (tmp_path / "runs").write_text("")
    for folder in (tmp_path / "runs", tmp_path / "runs" / "below"):
        found = check_writing("runs", folder, "CADC_RUNS")
        assert (found.state, "is not a folder" in found.text, "CADC_RUNS" in found.advice) == ("wrong", True, True)


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes everywhere")
def test_folder_without_permission_is_wrong(tmp_path):
    tmp_path.chmod(0o500)
    found = check_writing("cache", tmp_path, "CADC_CACHE")
    tmp_path.chmod(0o700)
    assert (found.state, "permission denied" in found.text) == ("wrong", True)


def test_read_only_folder_is_wrong():
    # The kernel lets nobody make a folder there.
    found = check_writing("cache", Path("/proc/sys/kernel"), "CADC_CACHE")
    assert found.state == "wrong"
    assert "cannot be written" in found.text and "set CADC_CACHE" in found.advice


def test_full_disk_is_wrong_and_leaves_nothing(tmp_path, monkeypatch):
    def full(*_, **__):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(folders, "put_file", full)
    found = check_writing("runs", tmp_path, "CADC_RUNS")
    assert (found.state, "no space left" in found.text) == ("wrong", True)
    assert list(tmp_path.iterdir()) == []


def test_slow_folder_is_a_note(tmp_path, monkeypatch):
    monkeypatch.setattr(folders, "SLOW_S", 0.0)
    assert check_writing("runs", tmp_path, "CADC_RUNS").state == "note"


def test_file_system_is_that_of_the_deepest_mount(tmp_path, monkeypatch):
    mounts = tmp_path / "mounts"
    mounts.write_text(f"none / ext4 rw 0 0\nserver:/a {tmp_path}/my\\040runs nfs4 rw 0 0\nbroken\n")
    monkeypatch.setattr(folders, "MOUNTS", mounts)
    assert (file_system(tmp_path / "my runs" / "a"), file_system(tmp_path)) == ("nfs4", "ext4")
    monkeypatch.setattr(folders, "MOUNTS", tmp_path / "none")
    assert file_system(tmp_path) == ""


def test_existing_is_the_closest_folder_above(tmp_path):
    assert existing(tmp_path / "a" / "b") == tmp_path


def test_data_folder_that_is_none_is_wrong(tmp_path, monkeypatch):
    monkeypatch.setenv("CADC_DATA_DIR", str(tmp_path / "none"))
    found = check_data(source())
    assert (found.state, "CADC_DATA_DIR" in found.text) == ("wrong", True)


def test_published_files_are_wrong_while_one_is_missing(tmp_path, monkeypatch):
    monkeypatch.setenv("CADC_DATA_DIR", str(tmp_path))
    fetched = check_data(source("data=ml-1m"))
    assert (fetched.state, "will be fetched" in fetched.text) == ("ok", True)
    (tmp_path / "ml-1m").mkdir()
    for name in ("ratings.dat", "users.dat"):
        (tmp_path / "ml-1m" / name).write_text("")
    found = check_data(source("data=ml-1m"))
    assert (found.state, "movies.dat cannot be read: no such file" in found.text) == ("wrong", True)


def test_files_that_only_a_person_can_fetch_are_wrong(tmp_path, monkeypatch):
    monkeypatch.setenv("CADC_CACHE", str(tmp_path))
    found = check_data(source("data=criteo"))
    assert (found.state, "CADC_DATA_DIR" in found.advice) == ("wrong", True)


def test_file_of_a_table_is_looked_for(tmp_path):
    file = tmp_path / "log.csv"
    wanted = ["data=table", f"data.path={file}", "data.user=u", "data.item=i", "data.label=y"]
    assert check_data(source(*wanted)).state == "wrong"
    file.write_text("u,i,y\n")
    assert check_data(source(*wanted)).state == "ok"
