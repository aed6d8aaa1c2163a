"""However often a sweep is killed, and however many processes share it, it ends as one that nobody disturbed."""

import signal
import time

import pandas as pd
import pytest

from tests.commands import closing
from tests.processes import carried_out
from tests.sweeps import (
    FILES,
    N_RUNS,
    Place,
    after,
    assert_same_outcome,
    built,
    checkpoint_appears,
    holds_a_checkpoint,
    is_built,
    moments,
    n_checkpoints,
    note_builds,
    totals,
)


def test_an_undisturbed_sweep_leaves_the_files_of_its_runs_and_nothing_else(undisturbed):
    runs = list(undisturbed.identities())
    assert len(runs) == N_RUNS
    assert sorted(undisturbed.content()) == sorted(f"{run_id}/{name}" for run_id in runs for name in FILES)
    assert sorted(path.name for path in undisturbed.runs.iterdir()) == sorted(runs)


@pytest.mark.parametrize(
    ("n_kills", "most_events"), [(5, 30), pytest.param(20, 12, marks=pytest.mark.slow)], ids=["5-kills", "20-kills"]
)
def test_a_sweep_killed_again_and_again_ends_as_one_that_nobody_disturbed(undisturbed, tmp_path, n_kills, most_events):
    place = Place(tmp_path)
    reached = [is_built("prepared"), is_built("factors")]
    reached += [after(events) for events, _ in moments(0, n_kills - 3, most_events)]
    pauses = [0.0, 0.0, *(pause for _, pause in moments(0, n_kills - 3, most_events)), 0.0]
    done = {}
    for when, pause in zip([*reached, checkpoint_appears], pauses, strict=True):
        answer = place.kill_when(when, signal.SIGKILL, pause)
        assert answer.status == -signal.SIGKILL, answer.err
        now = place.identities()
        assert {run_id: now[run_id] for run_id in done} == done, "a finished run ran twice"
        done = now
    assert n_checkpoints(place) == 1
    last = place.finish()
    counts = closing(last)
    assert counts.pop("skipped") == len(done)
    assert counts == {"finished": N_RUNS - len(done) - 1, "resumed": 1}
    assert {run_id: place.identities()[run_id] for run_id in done} == done
    assert_same_outcome(place, undisturbed)
    pd.testing.assert_frame_equal(place.table(), undisturbed.table(), check_exact=True)


def test_of_four_processes_at_once_each_run_is_carried_out_by_one(undisturbed, tmp_path):
    place = Place(tmp_path)
    commands = [place.start(setup=note_builds) for _ in range(4)]
    answers = [command.answer() for command in commands]
    assert [answer.status for answer in answers] == [0] * 4, [answer.err for answer in answers]
    counts = totals(answers)
    assert counts.pop("finished") == N_RUNS
    assert sum(counts.values()) == 3 * N_RUNS and set(counts) <= {"skipped", "elsewhere"}
    assert sorted(run_id for answer in answers for run_id in carried_out(answer.err)) == sorted(place.identities())
    assert len([answer for answer in answers if carried_out(answer.err)]) > 1
    assert_same_outcome(place, undisturbed)
    pd.testing.assert_frame_equal(place.table(), undisturbed.table(), check_exact=True)
    assert built(place) == ["factors", "prepared"]


def test_when_one_of_four_is_killed_the_others_take_over_what_it_left(undisturbed, tmp_path):
    place = Place(tmp_path)
    victim, *others = [place.start(setup=note_builds) for _ in range(4)]
    while not holds_a_checkpoint(place, victim):
        assert victim.is_running, "it had no run of its own to be killed in"
        time.sleep(0.001)
    victim.send(signal.SIGKILL)
    assert victim.answer().status == -signal.SIGKILL
    answers = [command.answer() for command in others]
    assert [answer.status for answer in answers] == [0] * 3, [answer.err for answer in answers]
    ran = [run_id for answer in (victim.answer(), *answers) for run_id in carried_out(answer.err)]
    assert sorted(ran) == sorted(place.identities())
    assert totals(answers)["resumed"] == 1
    assert_same_outcome(place, undisturbed)
    pd.testing.assert_frame_equal(place.table(), undisturbed.table(), check_exact=True)
    assert built(place) == ["factors", "prepared"]
