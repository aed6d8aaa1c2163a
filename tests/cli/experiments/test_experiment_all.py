"""`cadc experiment --all`: one experiment after the other, and what is said at the end."""

from pathlib import Path

import pytest

from cadc.ledger import Ledger
from tests.cli.conftest import write_experiment
from tests.support.commands import TINY, cadc, runs

QUICK = {"common": [*TINY], "seeds": [0], "fast": ["data.n_rows=2000"]}


@pytest.fixture
def three(experiments):
    """Three quick experiments, and no other."""
    (experiments / "tiny" / "experiment.yaml").unlink()
    write_experiment(experiments, "one", **QUICK, arms={"biases": ["model=bias"]})
    write_experiment(experiments, "two", **QUICK, arms={"wild": ["trainer.learning_rate=1e30"]})
    write_experiment(experiments, "three", **QUICK, arms={"oracle": ["model=oracle"]})
    return experiments


def test_one_that_fails_does_not_end_the_others_and_shows_in_status_and_summary(three):
    answer = cadc("experiment", "--all", "--fast")
    assert answer.status == 1
    assert answer.err.splitlines()[-1].startswith("cadc: 1 of 3 experiments failed")
    one, other, failed = answer.out.splitlines()[-3:]
    assert one.split() == ["one", "1", "finished;", "written", "to", "outputs/one-fast"]
    assert other.split()[0] == "three"
    assert failed.startswith("two    failed: ")
    assert "lower trainer.learning_rate" in failed
    assert Path("outputs/one-fast/table.csv").exists()
    assert Path("outputs/three-fast/figure.png").exists()
    assert not Path("outputs/two-fast").exists()
    assert "Traceback" not in answer.err


def test_one_whose_data_has_to_be_fetched_by_hand_is_left_out(three):
    (three / "two" / "experiment.yaml").unlink()
    write_experiment(
        three, "clicks", **QUICK | {"common": ["data=criteo"], "fast": []}, arms={"biases": ["model=bias"]}
    )
    answer = cadc("experiment", "--all", "--fast")
    assert answer.status == 0, answer.err
    clicks, *others = answer.out.splitlines()[-3:]
    assert clicks.startswith("clicks  left out: criteo must be fetched by hand: put")
    assert [line.split()[0] for line in others] == ["one", "three"]
    assert cadc("experiment", "clicks").status == 1


def test_all_that_succeed_give_status_0_and_are_reported_again(three):
    (three / "two" / "experiment.yaml").unlink()
    answer = cadc("experiment", "--all", "data.n_rows=2500")
    assert answer.status == 0, answer.err
    assert [line.split()[0] for line in answer.out.splitlines()[-2:]] == ["one", "three"]
    assert {record["config"]["data"]["n_rows"] for record in Ledger()} == {2500}
    again = cadc("report", "--all", "data.n_rows=2500")
    assert again.status == 0, again.err
    assert [line.split()[-1] for line in again.out.splitlines()[-2:]] == [
        "outputs/one-data.n_rows=2500",
        "outputs/three-data.n_rows=2500",
    ]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--all", "one"], "--all and one were both given"),
        (["--all", "--output", "here"], "--output and --all were both given"),
        ([], "no experiment was given"),
    ],
    ids=str,
)
@pytest.mark.parametrize("command", ["experiment", "report"])
def test_words_that_do_not_go_together_are_a_sentence(three, command, words, sentence):
    answer = cadc(command, *words)
    assert answer.status == 2
    assert sentence in answer.sentence
    assert runs() == []
