"""What a grid would take: which of its runs are finished, and the time of the others, from records. No data is read."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

from cadc.configuration.nested import part
from cadc.errors import CadcError, UsageError
from cadc.execution.time_left import own_seconds
from cadc.experiment import Cell
from cadc.ledger.identity import arm_signature, run_code, signature
from cadc.ledger.store import Ledger, Record
from cadc.paths import results_dir
from cadc.pipeline.settings import Settings
from cadc.reporting.lookup import RECORDS, committed_records

SHARED = ("prepare_s", "factorize_s")
"""Seconds of stages that runs share through the cache, where all records of a stage have those of its one making."""


LIKENESS = (
    "as other runs of their arms",
    "as runs of the same options and rate",
    "as runs of the same model and rate",
    "as the average run on the same data",
)
"""What the time of a run rests on, the closest first."""


@dataclass(frozen=True)
class Forecast:
    """What a grid would take.

    Parameters
    ----------
    arms : number of runs by arm.
    finished : number of finished runs by arm.
    seconds : of the runs that are left, by arm, without the stages that they share; None where nothing is known.
    shared_seconds : of the stages that runs share.
    bases : number of runs that are left by what their time rests on.
    places : where the records are.
    machines : processors that the records name.
    """

    arms: Mapping[str, int]
    finished: Mapping[str, int]
    seconds: Mapping[str, float | None]
    shared_seconds: float
    bases: Mapping[str, int]
    places: Sequence[str]
    machines: Sequence[str]

    @property
    def n_left(self) -> int:
        """Number of runs that are not finished."""
        return sum(self.arms.values()) - sum(self.finished.values())

    @property
    def total_seconds(self) -> float | None:
        """Seconds of all runs that are left, one after the other; None where nothing is known of some."""
        if not self.n_left:
            return 0.0
        known = [seconds for seconds in self.seconds.values() if seconds is not None]
        return None if len(known) < len(self.seconds) else sum(known) + self.shared_seconds

    def summary(self) -> list[str]:
        """Return lines that say how many runs are left, how long they would take, and what that rests on."""
        n_runs, n_arms = sum(self.arms.values()), len(self.arms)
        lines = [
            f"{n_runs} run{'s' * (n_runs != 1)} of {n_arms} arm{'s' * (n_arms != 1)}: {sum(self.finished.values())} "
            f"finished, {self.n_left} to run"
        ]
        if self.n_left and self.total_seconds is None:
            lines.append("time: unknown, since no record of runs like these was found; finished runs tell")
        elif self.n_left:
            lines += [f"time: about {duration(self.total_seconds or 0.0)}, one after the other in one process"]
            lines += self.basis()
        return lines

    def basis(self) -> list[str]:
        """Return a line that says what the time rests on; none where nothing is known."""
        rest = [f"{self.bases[likeness]} {likeness}" for likeness in LIKENESS if likeness in self.bases]
        return [f"{_sources(self.places, self.machines)}: {', '.join(rest)}"] if rest else []


def forecast(cells: Sequence[Cell], ledger: Ledger, experiment: str | None = None) -> Forecast:
    """Say what the runs of a grid would take.

    A run counts as finished if the ledger has one of the same configuration and code; whether the data has changed
    since is seen when it is asked for. Its time is that of other runs of its arm, or else of those that are most like
    it: in the ledger and in the results of the experiment, or of all experiments if it has none.

    Parameters
    ----------
    cells : the runs.
    ledger : where they would be looked up.
    experiment : its name; None for runs of none.
    """
    runs = {
        signature(settings): (cell.arm, settings) for cell in cells for settings in [Settings.compose(cell.overrides)]
    }
    records = [(record, str(ledger.folder)) for record in _finished(ledger)]
    done = {(signature(settings), record["code"]["hash"]) for record, settings in _read(records) if settings}
    costs = _Costs([*records, *_committed(experiment)])
    arms = Counter(arm for arm, _ in runs.values())
    finished = dict.fromkeys(arms, 0)
    seconds: dict[str, float | None] = dict.fromkeys(arms, 0.0)
    bases: Counter[str] = Counter()
    for name, (arm, settings) in runs.items():
        if (name, run_code(settings)) in done:
            finished[arm] += 1
            continue
        own, basis = costs.expected(settings)
        so_far = seconds[arm]
        seconds[arm] = None if own is None or so_far is None else so_far + own
        bases[basis] += 1
    return Forecast(arms, finished, seconds, costs.shared_seconds, bases, sorted(costs.places), sorted(costs.machines))


def forecast_run(overrides: Sequence[str], ledger: Ledger) -> tuple[float | None, str]:
    """Return the seconds that a run would take, and what they rest on; None where nothing is known.

    Parameters
    ----------
    overrides : of the run.
    ledger : whose records count, beside those of all results.
    """
    costs = _Costs([*((record, str(ledger.folder)) for record in _finished(ledger)), *_committed(None)])
    seconds, likeness = costs.expected(Settings.compose(overrides))
    return seconds, f"{_sources(sorted(costs.places), sorted(costs.machines))}: {likeness}"


def _sources(places: Sequence[str], machines: Sequence[str]) -> str:
    """Return the words for where records are from: folders, and processors."""
    listed = " and ".join(places) if len(places) < 4 else f"{len(places)} folders, such as {places[0]}"
    return f"as records in {listed} took on {', '.join(machines)}"


def duration(seconds: float) -> str:
    """Return a time in words.

    >>> duration(40.2), duration(150), duration(7300)
    ('40 s', '3 min', '2 h 2 min')
    """
    if seconds < 90:
        return f"{seconds:.0f} s"
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min"


def seconds_of_sweep(records: Iterable[Record]) -> float:
    """Return the seconds of recorded runs one after the other, each stage that they share once."""
    kept = list(records)
    stages = {stage for record in kept for stage in _stages(record)}
    return sum(map(own_seconds, kept)) + sum(seconds for _, seconds in stages)


def _stages(record: Record) -> set[tuple[str, float]]:
    """Return the stages of a run that other runs may share, told apart by their seconds."""
    return {(stage, float(part(record, "cost").get(stage) or 0.0)) for stage in SHARED}


class _Costs:
    """Seconds of recorded runs, by how much they are like a run.

    Parameters
    ----------
    records : each with the place where it was found.
    """

    def __init__(self, records: Sequence[tuple[Record, str]]) -> None:
        self.seconds: dict[object, list[float]] = {}
        self.shared: dict[object, set[tuple[str, float]]] = {}
        self.origins: dict[object, set[tuple[str, str]]] = {}
        self.used: set[object] = set()
        for (record, place), (_, settings) in zip(records, _read(records), strict=True):
            if settings is None:
                continue
            cpu = str(part(record, "environment").get("cpu") or "a processor without a name")
            for key in _keys(settings):
                self.seconds.setdefault(key, []).append(own_seconds(record))
                self.shared.setdefault(key, set()).update(_stages(record))
                self.origins.setdefault(key, set()).add((place, cpu))

    def expected(self, settings: Settings) -> tuple[float | None, str]:
        """Return the seconds that a run would take without the stages that it shares, and what they rest on."""
        for key, basis in zip(_keys(settings), LIKENESS, strict=True):
            if key in self.seconds:
                self.used.add(key)
                return fmean(self.seconds[key]), basis
        return None, "unknown"

    @property
    def shared_seconds(self) -> float:
        """Seconds of the stages that the runs share."""
        return sum(seconds for _, seconds in {stage for key in self.used for stage in self.shared[key]})

    @property
    def places(self) -> set[str]:
        """Folders of the records that were used."""
        return {place for key in self.used for place, _ in self.origins[key]}

    @property
    def machines(self) -> set[str]:
        """Processors of the records that were used."""
        return {cpu for key in self.used for _, cpu in self.origins[key]}


def _keys(settings: Settings) -> list[object]:
    """Return what runs that take about as long agree in, the closest first."""
    choices = settings.config["choices"]
    rate = settings.sampler.option("rate") if settings.sampler else None
    options = [choices.get(group) for group in ("model", "embedding", "initializer", "trainer")]
    views = sorted(settings.views)
    data = str((settings.source.cls.__name__, sorted(settings.source.options.items())))
    return [arm_signature(settings), str((data, rate, options, views)), (data, choices.get("model"), rate), data]


def _read(records: Iterable[tuple[Record, str]]) -> list[tuple[Record, Settings | None]]:
    """Return each record with its settings; None for a run of components that are no longer installed."""
    found: list[tuple[Record, Settings | None]] = []
    for record, _ in records:
        try:
            found.append((record, Settings.of(record["config"])))
        except UsageError:
            found.append((record, None))
    return found


def _finished(ledger: Ledger) -> list[dict[str, Any]]:
    """Return the records of finished runs; damaged ones say nothing."""
    found = []
    for run_id, status in ledger.statuses().items():
        if status == "finished":
            try:
                found.append(ledger.record(run_id))
            except CadcError:
                continue
    return found


def _committed(experiment: str | None) -> list[tuple[Record, str]]:
    """Return the records of results, those of the experiment if it has some."""
    folders = {path.parent.name: path.parent for path in results_dir().glob(f"*/{RECORDS}")}
    local = Path("results")
    folders |= {path.parent.name: path.parent for path in local.glob(f"*/{RECORDS}")}
    own = [folders[experiment]] if experiment in folders else list(folders.values())
    return [(record, f"results/{folder.name}") for folder in own for record in committed_records(folder)]
