"""`~` is the home folder in every path that a user writes, also where the shell does not expand it."""

from pathlib import Path

import pytest

from cadc.ledger import Ledger
from cadc.paths import cache_dir, data_dir, runs_dir, user_path
from tests.support.commands import cadc

COLUMNS = ["data=table", "data.user=user", "data.item=item", "data.label=label", "model=bias"]


@pytest.fixture
def home(tmp_path, monkeypatch):
    home, work = tmp_path / "home", tmp_path / "work"
    home.mkdir()
    work.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.chdir(work)
    (home / "log.csv").write_text("user,item,label\n" + "".join(f"{n % 20},{n % 13},{n % 2}\n" for n in range(400)))
    return home


def succeeds(*words):
    answer = cadc(*words)
    assert answer.status == 0, answer.err
    return answer


def test_every_path_of_a_command_may_begin_with_the_home_folder(home, monkeypatch):
    for variable in ("CADC_RUNS", "CADC_CACHE"):
        monkeypatch.setenv(variable, f"~/{variable}")
    (home / "about.yaml").write_text("user: user\nitem: item\nlabel: label\n")
    (home / "best.yaml").write_text("data: table\ndata.path: ~/log.csv\ndata.description: ~/about.yaml\nmodel: bias\n")
    (home / "space.yaml").write_text("space: {sampler.rate: {choices: [0.5, 1.0]}}\n")
    (home / "mine").mkdir()
    (home / "mine" / "experiment.yaml").write_text(
        "title: t\nseeds: [0]\ncommon: [data=table, data.path=~/log.csv, data.description=~/about.yaml]\n"
        "arms: {a: [model=bias]}\n"
    )
    succeeds("train", "@~/best.yaml")
    (run_id,) = Ledger().ids()
    assert (home / "CADC_RUNS" / run_id).is_dir() and any((home / "CADC_CACHE").iterdir())
    succeeds("predict", run_id, "~/log.csv", "--output=~/scores.csv")
    succeeds("export", run_id, "--output=~/exported")
    succeeds("data", "describe", "table", "data.path=~/log.csv", "data.description=~/about.yaml", "--output=~/figure")
    succeeds("experiment", "~/mine", "--output=~/results")
    succeeds("report", "~/mine", "--output=~/again")
    succeeds("ledger", "export", "~/runs.csv")
    succeeds("ledger", "verify", "~/results")
    made = {"scores.csv", "exported", "figure", "results", "again", "runs.csv"}
    assert made <= {path.name for path in home.iterdir()}
    assert list(Path().iterdir()) == []


def test_the_variables_of_folders_may_begin_with_the_home_folder(home, monkeypatch):
    (home / "raw").mkdir()
    for variable in ("CADC_RUNS", "CADC_CACHE", "CADC_DATA_DIR"):
        monkeypatch.setenv(variable, "~/raw")
    assert runs_dir() == cache_dir() == data_dir() == home / "raw"


def test_the_home_folder_of_another_user_is_found_and_of_nobody_is_a_name(home):
    assert user_path("~root/x") == Path("~root").expanduser() / "x"
    assert user_path("~nobody-of-this-name/x") == Path("~nobody-of-this-name/x")
    answer = cadc("train", "--dry-run", *COLUMNS, "data.path=~nobody-of-this-name/x.csv")
    assert answer.status == 1
    assert "~nobody-of-this-name/x.csv" in answer.sentence
