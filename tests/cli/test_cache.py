"""`cadc cache`: what is kept, how large it is, and removing it without harm to finished runs."""

import os
import time

import pytest

from tests.support.commands import TINY, cadc, runs, train


@pytest.fixture
def filled(empty_cache):
    """A cache with one prepared log, one factorisation, and what a killed process left."""
    train("model=bias")
    left = empty_cache / "prepared" / ".partial-left"
    left.mkdir()
    (left / "label.npy").write_bytes(b"0" * 250_000)
    return empty_cache


def stages(answer):
    """Return stage and key of each entry that a command shows."""
    return [(line.split()[2], line.split()[-1]) for line in answer.out.splitlines()[1:-1]]


def test_an_empty_cache_is_no_error(empty_cache):
    for action in ("list", "clean"):
        answer = cadc("cache", action)
        assert answer.status == 0
        assert len(answer.out.splitlines()) == 1
        assert str(empty_cache) in answer.out


def test_list_shows_every_entry_and_its_size(filled):
    answer = cadc("cache", "list")
    assert answer.status == 0
    on_disk = [path for stage in ("factors", "prepared") for path in (filled / stage).iterdir()]
    assert sorted(stages(answer)) == sorted((path.parent.name, path.name) for path in on_disk)
    (left,) = [line.split() for line in answer.out.splitlines() if ".partial-left" in line]
    assert left[:3] == ["0.2", "MB", "prepared"]
    size = sum(file.stat().st_size for file in filled.rglob("*") if file.is_file())
    assert answer.out.splitlines()[-1].split() == [f"{size / 1e6:.1f}", "MB", "in", str(filled)]


def test_one_stage_can_be_listed_and_removed(filled):
    assert {stage for stage, _ in stages(cadc("cache", "list", "factors"))} == {"factors"}
    assert {stage for stage, _ in stages(cadc("cache", "clean", "factors"))} == {"factors"}
    assert list((filled / "factors").iterdir()) == []
    assert len(list((filled / "prepared").iterdir())) == 2


def test_cleaning_removes_leftovers_too_and_finished_runs_stay(filled):
    finished = runs()
    answer = cadc("cache", "clean")
    assert answer.status == 0
    assert f"removed from {filled}" in answer.out
    assert not [path for path in filled.rglob("*") if path.is_file()]
    assert stages(cadc("cache", "list")) == []
    again = cadc("train", *TINY, "model=bias")
    assert again.err.strip().endswith("finished before, skipped")
    assert runs() == finished


def test_a_downloaded_file_is_listed_and_removed(empty_cache):
    path = empty_cache / "downloads" / "ml-1m.zip"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"0" * 1_000_000)
    answer = cadc("cache", "list")
    assert answer.out.splitlines()[1].split() == ["1.0", "MB", "downloads", "ml-1m", "0", "s", "ago", "ml-1m.zip"]
    cadc("cache", "clean", "downloads")
    assert not path.exists()


@pytest.mark.parametrize("words", [[], ["burn"], ["list", "runs"]])
def test_wrong_words_show_the_usage(words):
    answer = cadc("cache", *words)
    assert answer.status == 2
    assert "usage: cadc cache" in answer.err


def test_list_says_which_data_set_how_many_rows_and_how_old(filled):
    train("initializer=mf")
    (prepared,) = [path for path in (filled / "prepared").iterdir() if path.name[0] != "."]
    day = 86400
    for path in (prepared, *prepared.iterdir()):
        os.utime(path, (time.time() - 3 * day,) * 2)
    head, *lines = cadc("cache", "list").out.splitlines()
    assert head.split() == ["size", "stage", "data", "rows", "made", "entry"]
    (line,) = [line for line in lines if prepared.name in line]
    assert line.split()[2:-1] == ["prepared", "synthetic", "3,000", "3", "days", "ago"]
    assert all(line.split()[3] == "synthetic" for line in lines if line.split()[2] == "factors")
