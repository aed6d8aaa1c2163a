"""What follows --output: pipes receive what is written, and nothing but a regular file or a folder is replaced."""

import os
import stat
import threading

import pytest

from tests.support.commands import TINY, cadc, train

FOLDERS = {
    "export": ("export", "RUN"),
    "describe": ("data", "describe", "synthetic", *TINY[1:4]),
    "experiment": ("experiment", "quickstart", "--fast"),
    "report": ("report", "quickstart", "--fast"),
    "tune": ("tune", *TINY, "tune.trials=1"),
}
"""Commands whose --output is a folder."""


def test_predictions_and_ledgers_go_into_a_pipe_which_stays_one(tmp_path):
    run_id = train("model=bias").name
    (tmp_path / "rows.csv").write_text("user,item,hour,recency\n1,2,3,0.5\n")
    for name, words, ending in (
        ("scored", ("predict", run_id, tmp_path / "rows.csv", "--output"), ",probability"),
        ("ledger.csv", ("ledger", "export"), ""),
    ):
        os.mkfifo(tmp_path / name)
        got = []
        reader = threading.Thread(target=lambda path=tmp_path / name, got=got: got.append(path.read_text()))
        reader.start()
        answer = cadc(*words, tmp_path / name)
        reader.join()
        assert answer.status == 0, answer.err
        assert len(got[0].splitlines()) == 2 and got[0].splitlines()[0].endswith(ending)
        assert stat.S_ISFIFO((tmp_path / name).lstat().st_mode)


def test_predictions_go_to_standard_output_by_its_usual_name(tmp_path, monkeypatch, capfd):
    run_id = train("model=bias").name
    (tmp_path / "rows.csv").write_text("user,item,hour,recency\n1,2,3,0.5\n")
    monkeypatch.chdir(tmp_path)
    capfd.readouterr()
    assert cadc("predict", run_id, "rows.csv", "--output", "-").status == 0
    assert capfd.readouterr().out.startswith("user,item,hour,recency,probability\n1,2,3,0.5,")
    assert not (tmp_path / "-").exists()


@pytest.mark.parametrize("command", FOLDERS)
@pytest.mark.parametrize("make", [os.mkfifo, lambda path: path.write_text("mine")])
def test_a_folder_of_results_that_is_something_else_is_refused_before_the_work(command, make, tmp_path):
    words = list(FOLDERS[command])
    if command == "export":
        words[1] = train("model=bias").name
    make(tmp_path / "out")
    before = (tmp_path / "out").lstat()
    answer = cadc(*words, "--output", tmp_path / "out")
    assert answer.status == 2
    assert f"{tmp_path / 'out'} cannot be written: {tmp_path / 'out'} is not a folder" in answer.sentence
    assert (tmp_path / "out").lstat() == before


@pytest.mark.parametrize("words", [("predict", "RUN", "ROWS", "--output"), ("ledger", "export")])
def test_a_folder_is_not_a_file_to_write(words, tmp_path):
    run_id = train("model=bias").name
    (tmp_path / "rows.csv").write_text("user,item,hour,recency\n1,2,3,0.5\n")
    (tmp_path / "out.csv").mkdir()
    given = {"RUN": run_id, "ROWS": tmp_path / "rows.csv"}
    answer = cadc(*(given.get(word, word) for word in words), tmp_path / "out.csv")
    assert answer.status == 2
    assert "out.csv cannot be written: it is a folder; name a file" in answer.sentence
