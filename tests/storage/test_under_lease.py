"""What a late process does, from whichever of its calls on, changes nothing of those that took over meanwhile."""

import json
import os
import shutil
from pathlib import Path

import pytest

from cadc.errors import DamagedCheckpoint, Lost
from cadc.storage.lease import claim
from cadc.storage.under_lease import clear, discard, put_file, put_folder
from cadc.training.checkpoints import CheckpointFolder

CALLS = (
    "rename",
    "replace",
    "mkdir",
    "unlink",
    "rmdir",
    "iterdir",
    "chmod",
    "read_text",
    "write_text",
    "stat",
    "touch",
)


def content(folder):
    """Return every file and folder below, with what is in it; of leases, that they are there."""
    found = {}
    for path in sorted(folder.rglob("*")):
        is_lease = path.name.startswith("lease-")
        found[str(path.relative_to(folder))] = path.read_text() if path.is_file() and not is_lease else None
    return found


class World:
    """A ledger of one run, whose first process is late."""

    def __init__(self, root):
        self.root = root
        self.workplace, self.run = root / ".unfinished" / "run", root / "run"
        self.late = claim(self.workplace, "the run")
        put_file(self.late, self.workplace / "about.json", "about")
        self.checkpoints = CheckpointFolder(self.workplace / "checkpoints", self.late)
        self.checkpoints.save(lambda path: path.write_text("state 1"))

    def build(self, folder):
        (folder / "record.json").write_text("finished")

    def take_over(self):
        """Have another process find that the first gives no sign of life."""
        self.late.stop()
        if self.late.path.exists():
            known = json.loads(self.late.path.read_text())
            self.late.path.write_text(json.dumps(known | {"machine": "elsewhere"}))
            os.utime(self.late.path, (0, 0))
        return claim(self.workplace, "the run")

    def work(self):
        """A second process takes over, and is in the middle of its work."""
        second = self.take_over()
        put_file(second, self.workplace / "about.json", "about, by the second")
        CheckpointFolder(self.workplace / "checkpoints", second).save(lambda path: path.write_text("state 2"))
        half = second.aside()
        (half / "new").mkdir(parents=True)
        (half / "new" / "scores").write_text("half")
        return second

    def finish(self):
        """A second process takes over and finishes the run."""
        second = self.take_over()
        put_folder(second, self.run, self.build, replace=not (self.run / "record.json").exists())
        clear(second)
        return second

    def finish_and_look(self):
        """A second process finishes the run, and a third one looks whether something is left to do."""
        self.finish()
        return claim(self.workplace, "the run")

    def finish_and_lose(self):
        """A second process finishes the run; somebody deletes it; a third one begins anew and is in the middle."""
        self.finish()
        shutil.rmtree(self.run)
        return self.work()


OPERATIONS = {
    "a file": lambda world: put_file(world.late, world.workplace / "about.json", "about, by the late one"),
    "a run": lambda world: put_folder(world.late, world.run, world.build),
    "a run that failed before": lambda world: put_folder(world.late, world.run, world.build, replace=True),
    "a checkpoint": lambda world: world.checkpoints.save(lambda path: path.write_text("state 2, late")),
    "forgetting checkpoints": lambda world: discard(world.late, world.workplace / "checkpoints"),
    "forgetting a failure": lambda world: discard(world.late, world.run),
    "clearing up": lambda world: clear(world.late),
    "a release": lambda world: world.late.release(),
}
MEANWHILE = (World.work, World.finish, World.finish_and_look, World.finish_and_lose)


def carry_out(world, operation, n_calls, act):
    """Carry out an operation, and do something just before its n-th call; return whether it came to it."""
    calls, acted = [], []
    with pytest.MonkeyPatch.context() as patch:

        def tick():
            calls.append(1)
            if len(calls) == n_calls:
                acted.append(1)
                patch.undo()
                act()

        def ticking(real):
            def call(*arguments, **options):
                tick()
                return real(*arguments, **options)

            return call

        for name in CALLS:
            patch.setattr(Path, name, ticking(getattr(Path, name)))
        patch.setattr(shutil, "rmtree", ticking(shutil.rmtree))
        patch.setattr(os, "fsync", ticking(os.fsync))
        try:
            OPERATIONS[operation](world)
        except Lost:
            assert acted, "nobody had taken over"
    return bool(acted)


@pytest.mark.parametrize("meanwhile", MEANWHILE, ids=lambda function: function.__name__)
@pytest.mark.parametrize("operation", OPERATIONS)
def test_who_took_over_is_left_alone_whenever_the_late_one_goes_on(operation, meanwhile, tmp_path, monkeypatch):
    monkeypatch.setenv("CADC_LEASE_SECONDS", "1")
    n_calls, goes_on = 0, True
    while goes_on:
        n_calls += 1
        world = World(tmp_path / str(n_calls))
        if "failed before" in operation or "failure" in operation:
            world.run.mkdir()
            (world.run / "old").write_text("failed")
        others = []

        def act(world=world, others=others):
            others.append(meanwhile(world))
            if (world.run / "old").exists():
                put_folder(others[0], world.run, world.build, replace=True)
            others.append(content(world.root))

        goes_on = carry_out(world, operation, n_calls, act)
        if goes_on:
            successor, expected = others
            assert content(world.root) == expected, f"call {n_calls}"
            is_there = successor.path.exists()
            assert is_there == successor.is_held() == (meanwhile is not World.finish)
            successor.release()
        world.late.stop()
    assert n_calls > 4


@pytest.mark.parametrize("operation", OPERATIONS)
def test_whoever_holds_the_lease_does_what_he_set_out_to(operation, tmp_path):
    world = World(tmp_path)
    world.run.mkdir()
    (world.run / "old").write_text("failed")
    assert not carry_out(world, operation, 10**6, None)
    left = content(tmp_path)
    assert not [name for name in left if ".partial" in name or ".gone" in name]
    expected = {
        "a file": left.get(".unfinished/run/about.json") == "about, by the late one",
        "a run": left.get("run/old") == "failed" and "run/record.json" not in left,
        "a run that failed before": left.get("run/record.json") == "finished" and "run/old" not in left,
        "a checkpoint": "state 2, late" in left.values() and "state 1" not in left.values(),
        "forgetting checkpoints": ".unfinished/run/checkpoints" not in left,
        "forgetting a failure": not world.run.exists(),
        "clearing up": not world.workplace.exists(),
        "a release": not world.late.path.exists() and ".unfinished/run/about.json" in left,
    }
    assert expected[operation]
    assert world.late.is_held() == (operation not in ("clearing up", "a release"))


def test_an_error_of_a_late_process_is_that_it_lost_the_lease(tmp_path, monkeypatch):
    """What it was writing is gone, which looks to it like a fault of the disk."""
    monkeypatch.setenv("CADC_LEASE_SECONDS", "1")
    world = World(tmp_path)

    def build(folder):
        (folder / "a").write_text("x")
        world.work()
        (folder / "b").write_text("x")

    with pytest.raises(Lost, match="another process took over the run"):
        put_folder(world.late, world.run, build)


def test_an_error_of_who_holds_the_lease_is_his_own(tmp_path):
    with claim(tmp_path / "a") as lease, pytest.raises(ValueError, match="mine"):
        put_folder(lease, tmp_path / "b", lambda folder: int("mine"))
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_a_checkpoint_of_another_run_or_fit_is_not_what_was_written(tmp_path):
    with claim(tmp_path / "one") as one, claim(tmp_path / "two") as two:
        first, second = (CheckpointFolder(lease.folder / "checkpoints", lease) for lease in (one, two))
        for folder in (first, first.below("search"), second):
            folder.save(lambda path: path.write_text("state"))
        names = {folder.newest().name for folder in (first, first.below("search"), second)}
        assert len(names) == 3
        second.newest().unlink()
        shutil.copy(first.newest(), second.folder)
        with pytest.raises(DamagedCheckpoint):
            second.newest()


def test_of_two_checkpoints_the_older_one_serves_if_the_newer_is_damaged(tmp_path, capsys):
    folder = CheckpointFolder(tmp_path)
    folder.save(lambda path: path.write_text("old"))
    old = folder.newest()
    kept = old.read_bytes()
    folder.save(lambda path: path.write_text("new"))
    new = folder.newest()
    old.write_bytes(kept)  # as if the process had been killed before it removed it
    new.write_text("damaged")
    assert folder.newest() == old
    assert f"the checkpoint {new} is damaged; an older one is looked for." in capsys.readouterr().err
