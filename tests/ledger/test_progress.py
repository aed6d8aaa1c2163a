"""What a run says of itself while it works, and what is left of that when its process is killed."""

import json
import signal
import time

import pytest

from cadc.errors import Lost
from cadc.ledger import Ledger
from cadc.ledger.progress import PAUSE, ProgressNotes, read_progress
from cadc.storage.run_files import PROGRESS
from cadc.terminal.work import followed_by, follower, stage
from tests.support.commands import TINY, cadc, train
from tests.support.processes import Command

LONG = ("train", *TINY, "trainer.max_epochs=400", "trainer.patience=999")
"""Words of a run of half a minute."""


@pytest.fixture
def lease():
    with Ledger().claim("a") as lease:
        yield lease


def row(epoch, **metrics):
    return {"epoch": epoch, "val/auc": 0.5 + epoch / 100, "train/loss": 1.0 / epoch, **metrics}


def test_stages_follow_each_other_and_the_outer_one_goes_on_after_the_inner(lease):
    seen = []
    notes = ProgressNotes(lease, 5)
    with stage("nobody follows"):
        assert read_progress(lease.folder) is None
    with followed_by(notes):
        for name in ("factorising", "evaluating"):
            with stage(name):
                seen.append(read_progress(lease.folder).stage)
                with stage("scoring rows"):
                    seen.append(read_progress(lease.folder).stage)
                seen.append(read_progress(lease.folder).stage)
    assert seen == ["factorising", "scoring rows", "factorising", "evaluating", "scoring rows", "evaluating"]
    assert follower() is None


def test_each_epoch_has_its_metrics_its_steps_and_the_seconds_so_far(lease):
    notes = ProgressNotes(lease, 5)
    notes.enter("training")
    for epoch in (1, 2):
        for batch in range(1, 8):
            notes.move(epoch, batch, 7)
        notes.tell([row(number) for number in range(1, epoch + 1)])
    found = read_progress(lease.folder)
    assert (found.stage, found.max_epochs, found.epoch) == ("training", 5, "2/5")
    assert [own["step"] for own in found.epochs] == [7, 14]
    assert [own["val/auc"] for own in found.epochs] == [0.51, 0.52]
    assert 0 <= found.epochs[0]["seconds"] <= found.epochs[1]["seconds"] <= found.seconds
    assert found.metrics == {"val/auc": 0.52}
    assert found.elapsed(is_running=True) >= found.elapsed(is_running=False) == found.seconds


def test_within_an_epoch_it_is_noted_now_and_then(lease):
    notes = ProgressNotes(lease, None)
    notes.enter("training")
    notes.move(1, 1, 40)
    assert read_progress(lease.folder).now == {}
    time.sleep(PAUSE + 0.05)
    notes.move(1, 10, 40)
    found = read_progress(lease.folder)
    assert found.now == {"epoch": 1, "batch": 10, "n_batches": 40}
    assert found.text(is_running=False).startswith("training, 0 epochs, 25 % of epoch 1, 0:0")


def test_a_resumed_run_keeps_what_was_noted_before(lease):
    first = ProgressNotes(lease, 9)
    for epoch in (1, 2):
        first.move(epoch, 3, 3)
        first.tell([row(number) for number in range(1, epoch + 1)])
    before = read_progress(lease.folder)
    again = ProgressNotes(lease, 9, is_resumed=True)
    again.enter("preparing")
    assert read_progress(lease.folder).epochs == before.epochs
    again.move(3, 3, 3)
    again.tell([row(1), row(2), row(3)])
    found = read_progress(lease.folder)
    assert found.epochs[:2] == before.epochs
    assert found.epochs[2]["step"] == 9
    assert found.epochs[2]["seconds"] >= before.seconds
    # From its beginning it has no epochs yet, whatever an earlier attempt noted.
    ProgressNotes(lease, 9).enter("preparing")
    assert list(read_progress(lease.folder).epochs) == []


def test_what_cannot_be_written_ends_no_run(lease):
    notes = ProgressNotes(lease, 9)
    notes.tell([row(1)])
    lease.path.unlink()  # another process took over
    with pytest.raises(Lost):
        lease.require_held()
    notes.tell([row(1), row(2)])
    assert len(read_progress(lease.folder).epochs) == 1, "or it writes what is no longer its own"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "null",
        '{"stage": 1}',
        '{"stage": "x", "seconds": 1, "noted_at": 1, "max_epochs": 1, "now": [], "epochs": [1]}',
        '{"stage": "x", "seconds": 1, "noted_at": 1, "max_epochs": 1, "now": {}, "epochs": ' + "[" * 5000,
    ],
)
def test_damaged_progress_is_none(lease, text):
    (lease.folder / PROGRESS).write_text(text)
    assert read_progress(lease.folder) is None
    assert ProgressNotes(lease, 1).seconds < 1


def test_numbers_that_are_none_are_left_out(lease):
    text = '{"stage": "\\u001b[31m", "seconds": NaN, "noted_at": -4, "max_epochs": true, "now": {"epoch": 1}, '
    (lease.folder / PROGRESS).write_text(text + '"epochs": [{"epoch": 1, "val/auc": NaN, "x": "y"}]}')
    found = read_progress(lease.folder)
    assert (found.seconds, found.noted_at, found.max_epochs, found.now) == (0, 0, None, {})
    assert list(found.epochs) == [{"epoch": 1}]
    assert found.text(is_running=False) == "\\x1b[31m, 1 epoch, 0:00"


def test_a_note_takes_less_than_a_millisecond(lease):
    notes = ProgressNotes(lease, 300)
    history = []
    started = time.process_time()
    for epoch in range(1, 301):
        notes.move(epoch, 1, 1)
        history.append(row(epoch, **{f"val/metric{number}": 0.123456789 for number in range(4)}))
        notes.tell(history)
    assert (time.process_time() - started) / 300 < 0.001  # measured: 0.0003, of a run of 300 epochs


def test_a_run_killed_amid_its_training_leaves_its_epochs_to_be_read_and_resumed(session_cache, tmp_path):
    train("model=bias")  # which prepares the data
    command = Command(LONG, tmp_path)
    ledger = Ledger()
    found = None
    while found is None or len(found.epochs) < 3:
        assert command.is_running, command.answer().err
        (folder,) = [*ledger.folder.glob(".unfinished/[!.]*")] or [tmp_path]
        found = read_progress(folder)
        time.sleep(0.005)
    run_id = folder.name
    line = next(line for line in cadc("ledger", "list", "running").out.splitlines() if line.startswith(run_id[:8]))
    assert "/400" in line and "training" in line
    command.send(signal.SIGKILL)
    assert command.answer().status == -signal.SIGKILL
    left = read_progress(folder)
    assert len(left.epochs) >= len(found.epochs)
    shown = cadc("ledger", "show", run_id)
    assert shown.out.splitlines()[0].startswith(f"run {run_id}: interrupted")
    assert f"training, {len(left.epochs)} of 400 epochs" in shown.out
    as_json = json.loads(cadc("ledger", "show", run_id, "--json").out)
    assert as_json["progress"]["epochs"] == [dict(own) for own in left.epochs]
    assert [own["epoch"] for own in left.epochs] == list(range(1, len(left.epochs) + 1))


def test_nothing_of_it_is_left_in_a_finished_run():
    folder = train("seed=3")
    assert not [*Ledger().folder.rglob(PROGRESS)]
    assert "stage" not in json.loads((folder / "record.json").read_text())
