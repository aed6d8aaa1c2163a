"""A disk that fills, or turns read-only, at any moment of a sweep ends it with a sentence and harms no result."""

import os
import subprocess
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path

import pytest

from tests.support.commands import closing
from tests.support.sweeps import FEW, Place, assert_same_outcome, before_call, n_checkpoints

BALLAST = "ballast"


@pytest.fixture
def disk(request):
    """Return a function that mounts a small file system of its own on a folder."""

    def mount(folder: Path) -> None:
        folder.mkdir()
        done = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=32m", "cadc-test", folder], capture_output=True, text=True, check=False
        )
        if done.returncode:
            pytest.skip(f"no file system can be mounted ({done.stderr.strip()}); `unshare -rm scripts/test` may do it")
        request.addfinalizer(lambda: subprocess.run(["umount", "-l", folder], check=True))

    return mount


def fill(folder: Path, room: int = 0) -> None:
    """Leave so many bytes and no more."""
    with suppress(OSError), (folder / BALLAST).open("wb", buffering=0) as file:
        while True:
            file.write(b"\0" * 65536)
    if room:
        os.truncate(folder / BALLAST, (folder / BALLAST).stat().st_size - room)


def remount(folder: Path, mode: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{mode}", folder], check=True)


def breaking(folder: Path, how: str) -> Callable[[], None]:
    if how == "read-only":
        return partial(remount, folder, "ro")
    return partial(fill, folder, room=32768 if how == "nearly full" else 0)


def make_room(folder: Path, how: str) -> None:
    if how == "read-only":
        remount(folder, "rw")
    (folder / BALLAST).unlink(missing_ok=True)


MOMENTS = {
    "a claim": ("cadc.ledger.store:Ledger.claim", 2, 1),
    "what is known": ("cadc.ledger.store:Ledger.begin", 2, 1),
    "the first checkpoint": ("cadc.training.checkpoints:CheckpointFolder.save", 1, 0),
    "the second checkpoint": ("cadc.training.checkpoints:CheckpointFolder.save", 2, 0),
    "scores": ("cadc.pipeline.run:evaluate", 2, 1),
    "the record": ("cadc.pipeline.run:record_of", 1, 0),
}
"""A function of which a call comes just before something is written, and how many runs are finished by then."""

HOW = {
    "full": "no space left on device",
    # Room for a record, which must not say that the run failed.
    "nearly full": "no space left on device",
    "read-only": "read-only file system",
}


@pytest.mark.parametrize(
    ("moment", "how"),
    [
        *((moment, "full") for moment in MOMENTS),
        *((moment, "nearly full") for moment in ("the first checkpoint", "the second checkpoint")),
        *((moment, "read-only") for moment in ("a claim", "scores", "the record")),
    ],
)
def test_a_ledger_that_takes_no_more_ends_the_sweep_which_goes_on_later(few, disk, tmp_path, moment, how):
    place = Place(tmp_path, FEW)
    disk(place.runs)
    target, n_calls, n_done = MOMENTS[moment]
    answer = place.start(setup=partial(before_call, target, n_calls, breaking(place.runs, how))).answer()
    assert answer.status == 1, answer.err
    sentence = f"cadc: the run cannot be written to {place.runs} ({HOW[how]}); make room or make it writable"
    assert answer.err.splitlines()[-1].startswith(sentence)
    assert "Traceback" not in answer.err
    assert closing(answer) == ({"finished": n_done} if n_done else {}) | {"left": 2 - n_done}
    assert len(place.identities()) == n_done, "no broken record is left"
    make_room(place.runs, how)
    was_kept = n_checkpoints(place)
    assert was_kept == (moment in ("the second checkpoint", "scores", "the record"))
    counts = closing(place.finish())
    assert counts.get("resumed", 0) == was_kept
    assert_same_outcome(place, few)


@pytest.mark.parametrize(
    ("stage", "target", "done", "how"),
    [
        ("prepared", "cadc.storage.stage_cache:_build_once", None, "read-only"),
        ("prepared", "cadc.data.prepare:_order", None, "full"),
        ("prepared", "cadc.data.prepare:_order", None, "read-only"),
        ("factors", "cadc.factorization.factors:Factors.save", {"finished": 1, "left": 1}, "full"),
    ],
)
def test_a_cache_that_takes_no_more_ends_the_sweep_which_goes_on_later(few, disk, tmp_path, how, stage, target, done):
    place = Place(tmp_path, FEW)
    disk(place.cache)
    answer = place.start(setup=partial(before_call, target, 1, breaking(place.cache, how))).answer()
    assert answer.status == 1
    sentence = f"cadc: {stage} data cannot be written to the cache {place.cache} ({HOW[how]}); make room or make it"
    assert answer.err.splitlines()[-1].startswith(sentence), answer.err
    assert closing(answer) == (done or {})
    make_room(place.cache, how)
    place.finish()
    assert_same_outcome(place, few)
    assert sorted(path.name for path in place.cache.glob("*/.*")) == []
