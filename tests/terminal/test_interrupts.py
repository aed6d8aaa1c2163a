"""Ctrl-C, and SIGTERM as clusters send it, end a command in good order at any stage, and it goes on afterwards."""

import signal
import threading
from functools import partial

import pytest

import cadc.cli.cache
from cadc.ledger import Ledger
from tests.support.commands import cadc as call
from tests.support.commands import closing
from tests.support.sweeps import FEW, Place, assert_same_outcome, before_call, n_checkpoints

STAGES = {
    "preparing": ("cadc.data.prepare:_order", 1),
    "sampling": ("cadc.pipeline.run:draw_sample", 2),
    "factorising": ("cadc.factorization.factors:Factors.save", 1),
    "the second epoch": ("cadc.training.fit_state:FitState.step", 15),
    "saving a checkpoint": ("cadc.training.resumption:write_checkpoint", 2),
    "scoring": ("cadc.pipeline.run:evaluate", 1),
}
"""A function of each stage, and which of its calls the signal precedes."""

STATUS = {signal.SIGINT: 130, signal.SIGTERM: 143}


def left_behind(place, n_begun):
    """Assert that nobody holds anything, and nothing is half written."""
    begun = sorted(place.runs.glob(".unfinished/*"))
    assert len(begun) == n_begun
    for folder in begun:
        assert Ledger(place.runs).status(folder.name) == "interrupted"
        assert list(folder.glob("lease-*")) == []
        assert sorted(path.name for path in folder.glob(".*")) == []
        assert [path.suffix for path in folder.glob("checkpoints/*")] in ([], [".ckpt"])
    assert list(place.cache.glob("*/.*")) == []


@pytest.mark.parametrize(
    ("stage", "number"),
    [(stage, signal.SIGTERM) for stage in STAGES] + [(stage, signal.SIGINT) for stage in ("factorising", "scoring")],
)
def test_a_signal_at_any_stage_ends_it_in_good_order(few, tmp_path, stage, number):
    place = Place(tmp_path, FEW)
    target, n_calls = STAGES[stage]
    answer = place.start(setup=partial(before_call, target, n_calls, partial(signal.raise_signal, number))).answer()
    assert answer.status == STATUS[number], answer.err
    assert answer.err.splitlines()[-1].startswith("cadc: interrupted; finished runs are kept")
    assert "Traceback" not in answer.err
    assert answer.out == ""
    n_done = len(place.identities())
    assert n_done == (stage in ("sampling", "factorising"))
    if stage != "preparing":
        assert closing(answer) == ({"finished": n_done} if n_done else {}) | {"left": 2 - n_done}
    left_behind(place, n_begun=stage != "preparing")
    assert n_checkpoints(place) == (stage in ("the second epoch", "saving a checkpoint", "scoring"))
    was_kept = n_checkpoints(place)
    assert closing(place.finish()).get("resumed", 0) == was_kept
    assert_same_outcome(place, few)


@pytest.mark.parametrize("number", STATUS, ids=lambda number: number.name)
def test_a_signal_from_outside_ends_it_and_the_lease_with_it(few, tmp_path, number):
    place = Place(tmp_path, FEW)
    command = place.start()
    place.send_amid_training(command, number)
    answer = command.answer()
    assert answer.status == STATUS[number], answer.err
    left_behind(place, n_begun=1)
    assert n_checkpoints(place) == 1
    assert closing(place.finish())["resumed"] == 1
    assert_same_outcome(place, few)


def test_while_it_waits_for_another_process_it_can_be_ended(few, tmp_path):
    place = Place(tmp_path, FEW)
    ids = list(few.identities())
    ledger = Ledger(place.runs)
    leases = [ledger.claim(run_id) for run_id in ids]
    waiting = place.start()
    while "waiting for 2 runs that other processes work on" not in (
        waiting.err.read_text() if waiting.err.exists() else ""
    ):
        assert waiting.is_running
    waiting.send(signal.SIGTERM)
    assert waiting.answer().status == 143
    assert all(lease.is_held() for lease in leases)
    for lease in leases:
        lease.release()
    assert closing(place.finish()) == {"finished": 2}
    assert_same_outcome(place, few)


def test_the_callers_way_with_sigterm_is_kept(monkeypatch):
    seen = []
    monkeypatch.setattr(cadc.cli.cache, "main", lambda _: seen.append(signal.getsignal(signal.SIGTERM)) or 0)
    assert call("cache", "list").status == 0
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
    assert callable(seen[0])
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        call("cache", "list")
        assert signal.getsignal(signal.SIGTERM) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
    assert seen[1] == signal.SIG_IGN
    elsewhere = threading.Thread(target=call, args=["cache", "list"])
    elsewhere.start()
    elsewhere.join()
    assert seen[2] == signal.SIG_DFL
