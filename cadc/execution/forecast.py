"""What a grid would take: which of its runs are finished, and the time of the others, from records. No data is read."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cadc.errors import CadcError
from cadc.execution.recorded_costs import LIKENESS, RecordedCosts, with_settings
from cadc.experiment import Cell
from cadc.ledger.identity import run_code, signature
from cadc.ledger.store import Ledger, Record
from cadc.paths import results_dir
from cadc.pipeline.settings import Settings
from cadc.reporting.lookup import RECORDS, committed_records
from cadc.terminal.counted import counted


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
            f"{counted(n_runs, 'run')} of {counted(n_arms, 'arm')}: {sum(self.finished.values())} "
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
    done = {(signature(settings), record["code"]["hash"]) for record, settings in with_settings(records) if settings}
    costs = RecordedCosts([*records, *_committed(experiment)])
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
    costs = RecordedCosts([*((record, str(ledger.folder)) for record in _finished(ledger)), *_committed(None)])
    seconds, likeness = costs.expected(Settings.compose(overrides))
    return seconds, f"{_sources(sorted(costs.places), sorted(costs.machines))}: {likeness}"


def _sources(places: Sequence[str], machines: Sequence[str]) -> str:
    """Return the words for where records are from: folders, and processors."""
    listed = " and ".join(places) if len(places) < 4 else f"{len(places)} folders, such as {places[0]}"
    return f"as records in {listed} took on {', '.join(machines)}"


def duration(seconds: float) -> str:
    """Return a time in words.

    >>> duration(40.2), duration(170), duration(7300)
    ('40 s', '3 min', '2 h 2 min')
    """
    if seconds < 90:
        return f"{seconds:.0f} s"
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min"


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
