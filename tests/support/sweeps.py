"""A sweep of twelve runs of several kinds, carried out by processes, and what must come out of it however it goes."""

import importlib
import json
import random
import re
import signal
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from glob import glob
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

from cadc.configuration.overrides import expand
from cadc.experiment import load_experiment
from cadc.ledger.identity import run_code
from cadc.ledger.record_hash import SEAL
from cadc.pipeline.settings import Settings
from cadc.storage import stage_cache
from cadc.storage.lease import holder
from tests.support.commands import TINY, Answer, closing
from tests.support.processes import Command

EXPERIMENT = {
    "title": "Twelve runs",
    "claim": "interruptions do not show",
    "source": "made up",
    "common": ["data=synthetic", "data.n_rows=3000", "data.n_users=60", "data.n_items=80", "trainer.patience=99"],
    "seeds": [0, 1],
    "arms": {
        "random": ["initializer=random", "trainer.max_epochs=2", "sampler.rate=0.3,1"],
        "mf": ["initializer=mf", "trainer.max_epochs=2", "sampler.rate=0.3,1"],
        # Checkpoints after each batch, so that they also fall into the middle of an epoch.
        "long": ["trainer.max_epochs=5", "trainer.checkpoint_minutes=0", "sampler.rate=0.5,1"],
    },
    "fast": [],
}
N_RUNS = 12

FEW = ("train", "-m", *TINY, "initializer=random,mf", "trainer.patience=99")
"""Words of a sweep of two runs, where twelve are not needed."""

SWEEP = (
    *("train", "-m", *TINY, "initializer=random,mf", "sampler.rate=0.3,1", "seed=0,1,2"),
    *("trainer.patience=99", "trainer.checkpoint_minutes=0"),
)
"""Words of a sweep of twelve runs."""

FILES = ["metrics.csv", "model.safetensors", "record.json", "scores.parquet"]
CHECKPOINTS = ".unfinished/*/checkpoints/[0-9]*.ckpt"
TIMES = ("examples_per_s", "peak_rss_mb")


def write_experiment(folder: Path) -> None:
    """Write `experiment.yaml` of the twelve runs."""
    (folder / "experiment.yaml").write_text(yaml.safe_dump(EXPERIMENT, sort_keys=False))


@cache
def _compose_all() -> None:
    """Do once, before processes are forked, what takes longer than a run: compose configurations, hash their code."""
    with tempfile.TemporaryDirectory() as folder:
        write_experiment(Path(folder))
        cells = load_experiment(folder).cells([], False)
    for overrides in [*expand(FEW[2:]), *expand(SWEEP[2:]), *(cell.overrides for cell in cells)]:
        run_code(Settings.compose(overrides))


@dataclass(frozen=True)
class Place:
    """Where a sweep lives: `cache`, `runs`, and `work` with the experiment and its results.

    Parameters
    ----------
    folder : of all that.
    words : of the command.
    """

    folder: Path
    words: tuple[str, ...] = ("experiment", "twelve", "--output", "results")

    @property
    def runs(self) -> Path:
        return self.folder / "runs"

    @property
    def cache(self) -> Path:
        return self.folder / "cache"

    def start(self, **options: Any) -> Command:
        """Start the sweep in a process."""
        work = self.folder / "work"
        if not work.is_dir():
            (work / "twelve").mkdir(parents=True)
            write_experiment(work / "twelve")
        _compose_all()
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("CADC_CACHE", str(self.cache))
            patch.setenv("CADC_RUNS", str(self.runs))
            patch.delenv("CADC_DATA_DIR", raising=False)
            return Command(self.words, work, **options)

    def finish(self) -> Answer:
        """Carry out the sweep to its end in a process."""
        answer = self.start().answer()
        assert answer.status == 0, answer.err
        return answer

    def table(self) -> pd.DataFrame:
        """Return the table without its column of times."""
        return pd.read_csv(self.folder / "work" / "results" / "table.csv").drop(columns="total_s_mean")

    def content(self) -> dict[str, object]:
        """Return every file of the ledger by its path; of records, all but what tells the time."""
        found: dict[str, object] = {}
        for path in sorted(self.runs.rglob("*")):
            if path.is_file():
                name = str(path.relative_to(self.runs))
                found[name] = _without_times(path) if path.name == "record.json" else path.read_bytes()
            elif path.parent != self.runs:
                found[str(path.relative_to(self.runs))] = "a folder"
        return found

    def identities(self) -> dict[str, tuple[int, int]]:
        """Return inode and time of every record: both change when one is written again."""
        states = {path.parent.name: path.stat() for path in self.runs.glob("[!.]*/record.json")}
        return {run_id: (state.st_ino, state.st_mtime_ns) for run_id, state in states.items()}

    def watch(self) -> Iterator[set[str]]:
        """Yield, again and again, what has appeared in the ledger and the workplaces of the cache so far."""
        seen: set[str] = set()
        while True:
            patterns = ("runs/*", "runs/.unfinished/*/*", f"runs/{CHECKPOINTS}", "cache/*/.building-*/.*/new")
            # Unlike Path.glob, it does not stumble over folders that go away meanwhile.
            seen |= {path for pattern in patterns for path in glob(pattern, root_dir=self.folder)}
            yield seen

    def kill_when(self, reached: Callable[[set[str]], bool], number: int, pause: float = 0.0) -> Answer:
        """Start the sweep, and send it a signal when what has appeared is enough."""
        command = self.start()
        before = next(self.watch())
        for seen in self.watch():
            if not command.is_running or reached(seen - before):
                break
            time.sleep(0.001)
        time.sleep(pause)
        if command.is_running:
            command.send(number)
        return command.answer()

    def send_amid_training(self, command: Command, number: int) -> None:
        """Send a process a signal while it works on a run that has a checkpoint."""
        while True:
            assert command.is_running, "it had no run to be stopped in"
            if self._holds_a_checkpoint(command):
                # Held still, it cannot have gone on to the next run when the signal comes.
                command.send(signal.SIGSTOP)
                time.sleep(0.05)
                if self._holds_a_checkpoint(command):
                    break
                command.send(signal.SIGCONT)
            time.sleep(0.001)
        command.send(number)
        command.send(signal.SIGCONT)

    def _holds_a_checkpoint(self, command: Command) -> bool:
        begun = {(self.runs / path).parents[1] for path in glob(CHECKPOINTS, root_dir=self.runs)}
        ours = [folder for folder in begun if (holder(folder) or {}).get("process") == command.process.pid]
        return any(not (self.runs / folder.name).exists() for folder in ours)


def _without_times(path: Path) -> dict[str, Any]:
    record: dict[str, Any] = json.loads(path.read_text())
    record["cost"] = {
        key: value for key, value in record["cost"].items() if not key.endswith("_s") and key not in TIMES
    }
    del record["finished_at"], record[SEAL]
    return record


def assert_same_outcome(place: Place, undisturbed: Place) -> None:
    """Compare ledgers byte for byte."""
    content, expected = place.content(), undisturbed.content()
    assert sorted(content) == sorted(expected)
    for name, value in expected.items():
        assert content[name] == value, name


def is_built(stage: str) -> Callable[[set[str]], bool]:
    """Return a test for a stage that is just being written to the cache."""
    return lambda seen: any(re.fullmatch(rf"cache/{stage}/\.building-\w+/\.partial-.*/new", name) for name in seen)


def after(n_events: int) -> Callable[[set[str]], bool]:
    """Return a test for so many things having appeared."""
    return lambda seen: len(seen) >= n_events


def n_checkpoints(place: Place) -> int:
    """Return how many unfinished runs have a checkpoint now."""
    return len({Path(path).parent for path in glob(CHECKPOINTS, root_dir=place.runs)})


def before_call(target: str, n_calls: int, act: Callable[[], object]) -> None:
    """Have this process do something just before it calls a function for the n-th time.

    Parameters
    ----------
    target : `module:name` or `module:class.name`.
    """
    module, _, name = target.partition(":")
    owner, _, attribute = name.rpartition(".")
    home: Any = importlib.import_module(module)
    home = getattr(home, owner) if owner else home
    function = getattr(home, attribute)
    calls = []

    def wrapped(*arguments: Any, **options: Any) -> Any:
        calls.append(1)
        if len(calls) == n_calls:
            act()
        return function(*arguments, **options)

    setattr(home, attribute, wrapped)


def note_builds() -> None:
    """Have this process note each stage that it builds for the cache; see `built`."""
    build = stage_cache._build_with_manifest

    def note(folder: Path, *arguments: Any) -> None:
        build(folder, *arguments)
        with (stage_cache.cache_dir().parent / "built").open("a") as file:
            file.write(f"{folder.parents[2].name}\n")

    stage_cache._build_with_manifest = note


def built(place: Place) -> list[str]:
    """Return the stages that processes with `note_builds` built."""
    return sorted((place.folder / "built").read_text().split())


def totals(answers: list[Answer]) -> dict[str, int]:
    """Add up the closing lines of several processes."""
    sums: dict[str, int] = {}
    for answer in answers:
        for name, count in closing(answer).items():
            sums[name] = sums.get(name, 0) + count
    return sums


def moments(seed: int, n_kills: int, most: int) -> list[tuple[int, float]]:
    """Return, for each kill, how many things are to appear before it and how many seconds pass then."""
    rng = random.Random(seed)
    return [(rng.randrange(most), rng.random() * 0.05) for _ in range(n_kills)]
