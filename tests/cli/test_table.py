"""`cadc table`: any runs of the ledger as a table, and the table with which a sweep ends."""

import pandas as pd
import pytest

from cadc.ledger import Ledger
from tests.support.commands import TINY, cadc, runs

SWEEP = ("train", "-m", *TINY, "model=bias,oracle", "seed=0,1", "data.split_seed=${seed}")


@pytest.fixture
def swept():
    answer = cadc(*SWEEP)
    assert answer.status == 0, answer.err
    return answer


def test_a_sweep_ends_with_its_table(swept):
    *_, paths, below = swept.out.partition("record.json\n\ndata=synthetic data.n_rows=3000 ")
    assert paths and [line.split()[:2] for line in below.splitlines() if line.startswith("model=")] == [
        ["model=bias", "2"],
        ["model=oracle", "2"],
    ]
    assert "AUC" in below and "± 95 %" in below


def test_one_failing_run_withholds_no_table():
    answer = cadc("train", "-m", *TINY, "trainer.learning_rate=1e30,0.003")
    assert answer.status == 1
    failed, good = (line for line in answer.out.splitlines() if line.startswith("trainer.learning_rate="))
    assert failed.split()[-1] == "failed" and "0." in good
    assert "1 of 2 runs has no result: trainer.learning_rate=1e+30 at 100 %, seed 0 (failed)." in " ".join(
        answer.out.split()
    )
    again = cadc("table")
    assert again.status == 1
    assert again.err == "cadc: 1 of 2 runs has no result; the table shows the others.\n"
    assert cadc("table", "finished").status == 0


def test_any_part_of_the_ledger_has_a_table(swept):
    answer = cadc("table", "model=bias")
    assert answer.status == 0
    assert answer.out.startswith("2 runs in ")
    assert [line.split()[:2] for line in answer.out.splitlines() if line.startswith("bias")] == [["bias", "2"]]


@pytest.mark.parametrize(
    ("name", "kind", "beginning"),
    [
        ("t.csv", "csv", "dataset,arm,"),
        ("t.md", "markdown", "| arm | seeds |"),
        ("t.tex", "latex", "% "),
        ("t.html", "html", "<!DOCTYPE html>"),
    ],
)
def test_each_form_is_printed_or_written(swept, tmp_path, name, kind, beginning):
    answer = cadc("table", "--format", kind)
    assert answer.status == 0, answer.err
    assert answer.out.startswith(beginning)
    assert "model=oracle" in answer.out
    assert cadc("table", "--output", tmp_path / name).out == f"2 rows written to {tmp_path / name}\n"
    assert (tmp_path / name).read_text() == answer.out


def test_columns_and_metrics_are_chosen(swept, tmp_path):
    answer = cadc("table", "--metrics", "logloss", "--columns", "evaluate_s,gauc", "--output", tmp_path / "t.csv")
    assert answer.status == 0, answer.err
    table = pd.read_csv(tmp_path / "t.csv")
    assert {"logloss_ci", "evaluate_s_mean", "gauc_mean"} <= set(table) and "auc_mean" not in table


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (("modl=bias",), "did you mean model?"),
        (("model=dlrm",), "no run that was asked for has a result"),
        (("--metrics", "acc"), "there is no metric"),
        (("--columns", "secs"), "there is no column"),
        (("--output", "t.pdf"), "name a file that ends in .csv"),
        (("--format", "terminal", "--output", "t.md"), "leave one of the two out"),
    ],
)
def test_what_cannot_be_shown_is_a_sentence(swept, words, part):
    answer = cadc("table", *words)
    assert answer.status == 2
    assert part in answer.sentence
    assert len(runs()) == 4


@pytest.mark.parametrize("words", [("table",), ("table", "finished"), ("page",)])
def test_an_empty_ledger_is_said_to_be_empty(words):
    answer = cadc(*words)
    assert answer.status == 2
    assert f"there are no runs in {Ledger().folder}; `cadc train` makes some" in answer.sentence
