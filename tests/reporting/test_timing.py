"""A table says what its seconds were taken on, and when they do not compare."""

from datetime import datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cadc.configuration.overrides import expand
from cadc.execution.jobs import plan
from cadc.execution.sweep import execute
from cadc.ledger import Ledger
from cadc.reporting.table import build_table
from cadc.reporting.timing import timing_notes
from tests.reporting.made_up import record
from tests.support.commands import TINY

NOON = datetime.fromisoformat("2026-01-01T12:00:00+00:00")
COST = {"total_s": 12.0, "factorize_s": 1.5, "initialise_s": 0.5, "train_s": 9.0, "evaluate_s": 0.5}


def timed(seed, end=None, took=10.0, **environment):
    """Return the record of a run that took `took` seconds of its own, `end` seconds after noon."""
    end = 20 * seed if end is None else end
    return record(
        f"seed={seed}",
        cost=COST | {"train_s": took - 1},
        environment={"cpu": "AMD EPYC", "threads": 1} | environment,
        finished_at=(NOON + timedelta(seconds=int(end))).isoformat(),
    )


def test_runs_on_one_processor_one_after_the_other_need_no_warning():
    assert timing_notes([timed(seed) for seed in range(3)]) == ["Seconds were taken on AMD EPYC with 1 thread."]


@pytest.mark.parametrize(
    ("other", "where"),
    [
        ({"cpu": "Intel Xeon"}, "Intel Xeon with 1 thread"),
        ({"threads": 2}, "AMD EPYC with 2 threads"),
        ({"denormals_flushed": True}, "AMD EPYC with 1 thread, denormal numbers taken for 0"),
        ({"gpu": "NVIDIA H200"}, "AMD EPYC and NVIDIA H200 with 1 thread"),
    ],
)
def test_seconds_of_different_processors_threads_or_denormals_do_not_compare(other, where):
    (note,) = timing_notes([timed(0), timed(1), timed(2, **other)])
    assert note == (
        f"Seconds were taken on AMD EPYC with 1 thread (2 runs); on {where} (1 run): they do not compare between these."
    )


def test_an_older_record_that_does_not_tell_how_it_treats_denormal_numbers_did_not_flush_them():
    assert len(timing_notes([timed(0), timed(1, denormals_flushed=False)])) == 1
    assert "compare" not in timing_notes([timed(0), timed(1, denormals_flushed=False)])[0]


def test_a_gpu_that_a_run_on_the_cpu_did_not_use_is_not_named():
    on_cpu = timed(0, gpu="NVIDIA H200")
    on_cpu["config"]["trainer"]["accelerator"] = "cpu"
    assert "NVIDIA" not in timing_notes([on_cpu])[0]


def test_a_processor_that_no_record_names_is_said():
    (note,) = timing_notes([record("seed=0", environment={})])
    assert note == "Seconds were taken on a processor that is not recorded."


def test_runs_that_overlap_in_time_ran_side_by_side():
    notes = timing_notes([timed(0), timed(1), timed(2, end=25)])
    assert notes[1:] == [
        "2 of the 3 runs ran side by side with others of the table, as their ends and seconds tell: if they shared a "
        "machine, their seconds do not compare with those of runs alone."
    ]


def test_runs_on_different_processors_do_not_run_side_by_side():
    assert len(timing_notes([timed(0, end=0), timed(1, end=0, cpu="Intel Xeon")])) == 1


def test_a_run_counts_once_however_many_arms_it_serves_and_an_unreachable_one_never():
    unreachable = record("seed=5", unreachable=True, cost={"total_s": 0.0})
    assert len(timing_notes([timed(0), timed(0), unreachable])) == 1
    assert timing_notes([unreachable]) == []


@given(st.lists(st.floats(2.0, 9.0), min_size=2, max_size=8), st.floats(0.0, 1.0))
def test_runs_one_after_the_other_never_seem_to_overlap_by_the_whole_seconds_of_their_ends(durations, first):
    ends = first + np.cumsum(durations)
    records = [timed(n, end, took) for n, (end, took) in enumerate(zip(ends, durations, strict=True))]
    assert len(timing_notes(records)) == 1


@given(st.lists(st.tuples(st.integers(0, 40), st.integers(2, 12)), min_size=1, max_size=9))
def test_the_number_side_by_side_is_that_of_a_loop_over_all_pairs(spans):
    notes = timing_notes([timed(n, end, took) for n, (end, took) in enumerate(spans)])
    n_beside = sum(
        any(min(end, b) - max(end - took, b - a) > 1 for m, (b, a) in enumerate(spans) if m != n)
        for n, (end, took) in enumerate(spans)
    )
    assert [note.split(" of ")[0] for note in notes[1:]] == ([str(n_beside)] if n_beside else [])


def test_a_table_of_runs_trained_together_says_that_their_seconds_are_shares():
    jobs = plan(expand([*TINY, "seed=0,1", "trainer.fleet=2"]))
    ledger = Ledger()
    assert not execute(jobs, ledger, report=lambda line: None).errors
    together = [("random", ledger.record(job.run_id)) for job in jobs]
    processor, shares = build_table(together).attrs["note"].splitlines()
    assert processor.endswith("in fleets of 2.")
    assert shares.startswith("The seconds of 2 of the 2 runs, which were trained with others (environment.fleet)")
    alone = ("random", together[0][1] | {"id": "alone", "seed": 2, "environment": {"cpu": "AMD EPYC", "threads": 1}})
    assert "they do not compare between these" in build_table([*together, alone]).attrs["note"]
