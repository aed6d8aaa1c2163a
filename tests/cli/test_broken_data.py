"""Data that is not there or not what it should be ends in a sentence that names file and line."""

import pytest

from tests.support.commands import cadc, runs


@pytest.mark.parametrize(
    "words",
    [["train", "data=ml-1m"], ["data", "list"], ["data", "verify", "ml-1m"], ["data", "describe", "ml-100k"]],
)
def test_a_data_folder_that_does_not_exist(words, monkeypatch, tmp_path):
    absent = tmp_path / "absent"
    monkeypatch.setenv("CADC_DATA_DIR", str(absent))
    answer = cadc(*words)
    assert answer.status != 0
    assert "CADC_DATA_DIR" in answer.sentence and str(absent) in answer.sentence
    assert runs() == []


@pytest.mark.parametrize(
    ("name", "file", "lines"),
    [
        ("ml-1m", "ratings.dat", ["1::1::five::978300760", "1::1::5"]),
        ("ml-100k", "u.data", ["1\t1\tfive\t978300760"]),
    ],
)
def test_a_broken_line_of_ratings(name, file, lines, small_movielens, monkeypatch):
    monkeypatch.setenv("CADC_DATA_DIR", str(small_movielens))
    path = small_movielens / name / file
    good = path.read_text().splitlines()
    for line in lines:
        path.write_text("\n".join([*good[:6], line, *good[6:]]) + "\n")
        answer = cadc("train", f"data={name}")
        assert answer.status == 1
        assert f"{path}, line 7: " in answer.sentence
        assert runs() == []


@pytest.mark.parametrize("file", ["ratings.dat", "users.dat", "movies.dat"])
def test_a_missing_file(file, small_movielens, monkeypatch):
    monkeypatch.setenv("CADC_DATA_DIR", str(small_movielens))
    (small_movielens / "ml-1m" / file).unlink()
    answer = cadc("train", "data=ml-1m")
    assert answer.status == 1
    assert f"{small_movielens / 'ml-1m' / file} cannot be read: no such file or directory" in answer.sentence


def test_a_multirun_on_broken_data_runs_nothing(small_movielens, monkeypatch):
    monkeypatch.setenv("CADC_DATA_DIR", str(small_movielens))
    (small_movielens / "ml-1m" / "users.dat").write_text("")
    answer = cadc("train", "-m", "data=synthetic,ml-1m", "model=bias")
    assert answer.status == 1
    assert "users.dat is empty" in answer.sentence
    assert runs() == []


def test_nothing_half_prepared_is_left(small_movielens, monkeypatch, empty_cache):
    monkeypatch.setenv("CADC_DATA_DIR", str(small_movielens))
    (small_movielens / "ml-1m" / "ratings.dat").write_text("1::2::3\n")
    assert cadc("train", "data=ml-1m").status == 1
    assert [path for path in empty_cache.rglob("*") if path.is_file()] == []
    assert not list((empty_cache / "prepared").glob("*"))
