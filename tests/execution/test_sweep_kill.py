"""However often a sweep is killed, and however many processes share it, it ends as one that nobody disturbed."""

import signal
from functools import partial

import pandas as pd
import pytest

from cadc.ledger import Ledger
from tests.support.commands import closing
from tests.support.processes import carried_out
from tests.support.sweeps import (
    EXPERIMENT,
    FEW,
    FILES,
    N_RUNS,
    SWEEP,
    Place,
    after,
    assert_same_outcome,
    before_call,
    built,
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


def assert_only_whole_runs_are_seen(place):
    ledger, runs = Ledger(place.runs), list(place.identities())
    assert all(path.name in runs or path.name.startswith(".") for path in place.runs.glob("*"))
    assert len(ledger.frame()) == len(runs)
    assert all(record["status"] == "finished" for record in ledger)


@pytest.mark.parametrize(
    ("n_kills", "most_events"), [(5, 30), pytest.param(20, 12, marks=pytest.mark.slow)], ids=["5-kills", "20-kills"]
)
def test_an_experiment_killed_again_and_again_ends_as_one_that_nobody_disturbed(
    undisturbed, tmp_path, n_kills, most_events
):
    place = Place(tmp_path)
    kill_again_and_again(place, undisturbed, n_kills, most_events)
    pd.testing.assert_frame_equal(place.table(), undisturbed.table(), check_exact=True)


@pytest.mark.slow
def test_a_sweep_killed_twenty_times_ends_as_one_that_nobody_disturbed(tmp_path_factory):
    undisturbed, place = (Place(tmp_path_factory.mktemp(name), SWEEP) for name in ("undisturbed", "killed"))
    assert closing(undisturbed.finish()) == {"finished": N_RUNS}
    kill_again_and_again(place, undisturbed, n_kills=20, most_events=7)


def kill_again_and_again(place, undisturbed, n_kills, most_events):
    """Kill a sweep at random moments, then let it finish; nothing must show of that."""
    done: dict[str, tuple[int, int]] = {}
    early = [(is_built("prepared"), 0.0), (is_built("factors"), 0.0)]
    anywhere = [(after(n_events), pause) for n_events, pause in moments(0, n_kills - 3, most_events)]
    for when, pause in [*early, *anywhere, (None, 0.0)]:
        if when is None:
            command = place.start()
            place.send_amid_training(command, signal.SIGKILL)
            answer = command.answer()
        else:
            answer = place.kill_when(when, signal.SIGKILL, pause)
        assert answer.status == -signal.SIGKILL, answer.err
        now = place.identities()
        assert {run_id: now[run_id] for run_id in done} == done, "a finished run ran twice"
        assert_only_whole_runs_are_seen(place)
        done = now
    assert n_checkpoints(place) == 1
    last = place.finish()
    counts = closing(last)
    assert counts.pop("skipped") == len(done)
    assert len(done) < N_RUNS - 1, "or this shows less than it says"
    assert counts == {"finished": N_RUNS - len(done) - 1, "resumed": 1}
    assert {run_id: place.identities()[run_id] for run_id in done} == done
    assert_same_outcome(place, undisturbed)


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
    assert built(place) == [*["factors"] * len(EXPERIMENT["seeds"]), "prepared"]


def test_when_one_of_four_is_killed_the_others_take_over_what_it_left(undisturbed, tmp_path):
    place = Place(tmp_path)
    victim, *others = [place.start(setup=note_builds) for _ in range(4)]
    place.send_amid_training(victim, signal.SIGKILL)
    assert victim.answer().status == -signal.SIGKILL
    answers = [command.answer() for command in others]
    assert [answer.status for answer in answers] == [0] * 3, [answer.err for answer in answers]
    ran = [run_id for answer in (victim.answer(), *answers) for run_id in carried_out(answer.err)]
    assert sorted(ran) == sorted(place.identities())
    assert totals(answers)["resumed"] == 1
    assert_same_outcome(place, undisturbed)
    pd.testing.assert_frame_equal(place.table(), undisturbed.table(), check_exact=True)
    assert built(place) == [*["factors"] * len(EXPERIMENT["seeds"]), "prepared"]


@pytest.mark.parametrize(
    ("target", "n_calls", "counts"),
    [
        ("cadc.training.checkpoints:flush", 1, {"finished": 2}),
        ("cadc.training.checkpoints:flush", 2, {"finished": 1, "resumed": 1}),
        ("cadc.pipeline.run:record_of", 1, {"finished": 1, "resumed": 1}),
        ("cadc.ledger.store:Ledger.tidy", 1, {"finished": 1, "skipped": 1}),
        ("cadc.ledger.store:Ledger.tidy", 2, {"skipped": 2}),
    ],
    ids=["amid the first checkpoint", "amid the second", "before the record", "before tidying up", "at the very end"],
)
def test_killed_between_any_two_steps_it_goes_on_from_what_is_whole(few, tmp_path, target, n_calls, counts):
    place = Place(tmp_path, FEW)
    die = partial(signal.raise_signal, signal.SIGKILL)
    answer = place.start(setup=partial(before_call, target, n_calls, die)).answer()
    assert answer.status == -signal.SIGKILL, answer.err
    assert closing(place.finish()) == counts
    assert_same_outcome(place, few)
