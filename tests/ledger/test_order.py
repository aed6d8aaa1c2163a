"""The order of listed runs, how many are shown, and what a narrow terminal shows of them."""

import pytest

from cadc.ledger import Ledger
from cadc.ledger.order import in_order, limited
from cadc.ledger.run_columns import run_columns
from cadc.ledger.status import entries_of
from cadc.terminal.aligned import aligned
from tests.ledger.conftest import record
from tests.support.commands import cadc


def made(name, day, auc, logloss, rate, seconds):
    config = record()["config"] | {"sampler": record()["config"]["sampler"] | {"rate": rate}}
    ended = f"2026-01-0{day}T00:00:00+00:00"
    metrics = {"test/auc": auc, "test/logloss": logloss}
    return record(name, config=config, metrics=metrics, cost={"total_s": seconds}, finished_at=ended)


@pytest.fixture
def runs(made_up):
    """Four runs, one of which failed."""
    failed = record("d", status="failed", reason="the training loss is nan in epoch 1", metrics={}, cost={})
    made_up(
        made("a", 3, 0.7, 0.5, 0.1, 30.0),
        made("b", 1, 0.9, 0.6, 1.0, 5.5),
        made("c", 2, 0.8, 0.4, 0.01, 100.0),
        failed | {"ended_at": "2026-01-04T00:00:00+00:00", "finished_at": None},
    )
    return list(entries_of(Ledger()))


def ids(*words):
    answer = cadc("ledger", "ls", *words)
    assert answer.status == 0, answer.err
    return "".join(line.split()[0] for line in answer.out.splitlines()[1:-1])


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ([], "bcad"),
        (["--reverse"], "dacb"),
        (["--limit", "2"], "ad"),
        (["--sort", "test/auc"], "bcad"),
        (["--sort", "test/logloss"], "cabd"),
        (["--sort", "test/auc", "--reverse"], "acbd"),
        (["--sort", "test/auc", "--limit", "1"], "b"),
        (["--sort", "sampler.rate"], "cabd"),  # the run that failed has the rate of b
        (["--sort", "seconds", "--reverse"], "cabd"),
        (["--sort", "status", "finished"], "abc"),
        (["--sort", "run", "--reverse"], "dcba"),
        (["--limit", "9", "failed"], "d"),
    ],
)
def test_runs_are_ordered_and_limited(runs, words, expected):
    assert ids(*words) == expected


def test_the_count_says_of_how_many(runs):
    assert (
        cadc("ledger", "list", "--limit", "3").out.splitlines()[-1].startswith("3 of 4 runs: 2 finished, 1 failed in")
    )


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["list", "--sort", "sampler.rte"], "no run has 'sampler.rte' to sort by; did you mean sampler.rate"),
        (["list", "--limit", "0"], "--limit is 0; expected a number of runs, at least 1"),
        (["show", "a", "--wide"], "`cadc ledger show` does not have --wide; only list has it"),
    ],
)
def test_a_wrong_order_or_limit_is_a_sentence(runs, words, said):
    answer = cadc("ledger", *words)
    assert answer.status == 2
    assert said in answer.sentence


@pytest.mark.parametrize("width", [80, 120, 200, None])
def test_at_every_width_a_line_a_run_says_how_it_stands_and_why_it_failed(runs, width):
    listed = in_order(runs)
    shortened = [entry.run_id for entry in runs] if width == 80 else []
    lines, is_cut = aligned(run_columns(listed, shortened), width)
    assert len(lines) == 5
    assert width is None or max(map(len, lines)) <= width
    head = lines[0].split()
    assert head[:2] == ["run", "status"] and "test/auc" in head
    assert "the training loss is nan" in lines[4]
    assert all(line.split()[1] in ("finished", "failed") for line in lines[1:])
    assert is_cut == (width is not None and width < 150)
    if not is_cut:
        assert "sampler.rate=0.01" in lines[2] and "100.0" in lines[2] and "2026-01-02 00:00" in lines[2]


def test_limits_without_an_order_keep_the_newest(runs):
    assert [entry.run_id for entry in limited(in_order(runs), None, 1)] == ["d"]
    assert len(limited(in_order(runs), None, None)) == 4
