"""Makes forecasts of grids from the records of the ledger and of results. No data is read."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from cadc.errors import CadcError, DataError, one_line
from cadc.execution.forecast import ArmForecast, Forecast, sources
from cadc.execution.recorded_costs import RecordedCosts, with_settings
from cadc.experiment import Cell, Experiment
from cadc.ledger.identity import data_signature, run_code, signature
from cadc.ledger.store import Ledger, Record
from cadc.paths import results_dir
from cadc.pipeline.settings import Settings
from cadc.reporting.lookup import committed_records
from cadc.reporting.missing import planned
from cadc.reporting.needed_rows import runs_to_read
from cadc.reporting.records_file import folders_with_records
from cadc.terminal.progress import say


class Forecasts:
    """Forecasts of grids, from records that are read once.

    Parameters
    ----------
    ledger : whose finished runs count.
    use_committed : whether runs count as finished by records in the results of their experiment.
    """

    def __init__(self, ledger: Ledger, use_committed: bool = True) -> None:
        self.ledger, self.use_committed = ledger, use_committed
        self._own = [(record, str(ledger.folder)) for record in _finished(ledger)]
        self._committed = dict(_committed())
        of_results = [(record, _place(folder)) for folder, own in self._committed.items() for record in own]
        self._costs = RecordedCosts([*self._own, *of_results])

    def of(self, experiment: Experiment, cells: Sequence[Cell]) -> Forecast:
        """Return what the runs of a grid would take.

        A run counts as finished if the ledger, or the results of its experiment, have one of the same configuration and
        code; whether the data has changed since is seen when it is asked for. Its time is that of other runs of its
        arm, or else of those that are most like it, those of the ledger and of its experiment before others.

        Parameters
        ----------
        experiment : the experiment.
        cells : its runs.
        """
        runs: dict[str, tuple[str, Settings]] = {}
        for cell in cells:
            settings = Settings.compose(cell.overrides)
            runs[signature(settings)] = (cell.arm, settings)
        done, again = self._done(experiment, runs)
        found = Forecast({arm: ArmForecast() for arm, _ in runs.values()}, again=again)
        first = {str(self.ledger.folder), f"results/{experiment.name}"}
        for name, (arm, settings) in runs.items():
            own = found.arms[arm]
            own.runs += 1
            if name in done:
                own.finished += 1
                continue
            costs, basis = self._costs.like(settings, first)
            if basis is None:
                own.unknown += 1
                found.without_record[str(settings.config["choices"]["data"])] = None
                continue
            own.seconds += sum(cost.seconds for cost in costs) / len(costs)
            found.costs.update(costs)
            found.bases[basis] += 1
        return found

    def of_run(self, overrides: Sequence[str]) -> tuple[float | None, str]:
        """Return the seconds that a run would take, and what they rest on; None where nothing is known."""
        costs, basis = self._costs.like(Settings.compose(overrides))
        if basis is None:
            return None, ""
        return sum(cost.seconds for cost in costs) / len(costs), f"{sources(costs)}: {basis}"

    def _done(self, experiment: Experiment, runs: Mapping[str, tuple[str, Settings]]) -> tuple[set[str], int]:
        """Return the names of the runs that are finished, and how many others have records that do not serve."""
        codes = {name: run_code(settings) for name, (_, settings) in runs.items()}
        here = _by_name(self._own, codes)
        folders = [folder for folder in self._committed if folder.name == experiment.name and self.use_committed]
        records = [(record, "") for folder in folders for record in self._committed[folder]]
        there = {name: record for name, record in _by_name(records, codes).items() if name not in here}
        if not there:
            return set(here), 0
        data = _DataOfRecords([*records, *self._own])
        known: list[tuple[str, Record]] = []
        for name, (arm, settings) in runs.items():
            record = here.get(name) or there.get(name) or data.planned(name, settings)
            # A run on data that no record has read is not compared with one that has.
            if record is not None:
                known.append((arm, record))
        try:
            needed = runs_to_read(experiment, known, self.ledger, folders)
        except DataError:  # runs on several contents, of which one is that of today
            needed = set()
        except CadcError:  # damaged results, which do not count either when the grid is asked for
            return set(here), 0
        served = {name for name, record in there.items() if record["id"] not in needed}
        return {*here, *served}, len(there) - len(served)


class _DataOfRecords:
    """What records hold of the data sets that they read.

    Parameters
    ----------
    records : each with the place where it was found.
    """

    def __init__(self, records: Iterable[tuple[Record, str]]) -> None:
        self._by_split: dict[str, Mapping[str, Any]] = {}
        self._by_source: dict[str, Mapping[str, Any]] = {}
        for (record, _), settings in with_settings(records):
            if settings is not None:
                data = record["data"]
                self._by_split[data_signature(settings, data.get("options"))] = data
                self._by_source[_source(settings)] = data

    def planned(self, name: str, settings: Settings) -> Record | None:
        """Return what stands for a run that is left; None if no record has read its data set."""
        split = data_signature(settings)
        if split in self._by_split:
            return planned(settings, name, self._by_split[split])
        if (data := self._by_source.get(_source(settings))) is None:
            return None
        # It reads the same files, but its content is that of a split which no record has.
        return planned(settings, name, {**data, "content_hash": split})


def _source(settings: Settings) -> str:
    return str((settings.source.cls.__name__, sorted(settings.source.options.items())))


def _by_name(records: Iterable[tuple[Record, str]], codes: Mapping[str, str]) -> dict[str, Record]:
    """Return the records that are of runs that are asked for, and of their code, by signature."""
    found = {}
    for (record, _), settings in with_settings(records):
        if settings is not None and codes.get(name := signature(settings)) == record["code"]["hash"]:
            found[name] = record
    return found


def _finished(ledger: Ledger) -> list[Record]:
    """Return the records of finished runs; damaged ones say nothing."""
    found = []
    for run_id, status in ledger.statuses().items():
        if status == "finished":
            try:
                found.append(ledger.record(run_id))
            except CadcError:
                continue
    return found


def _folders_with_records() -> list[Path]:
    """Return the folders of results that have records, of the source tree and of the working directory.

    Of an experiment that has some in both, those of the working directory count.
    """
    places = (results_dir(), Path("results"))
    return list({folder.name: folder for place in places for folder in folders_with_records(place)}.values())


def _committed() -> Iterator[tuple[Path, list[Record]]]:
    """Yield each folder of results with its records; of damaged ones, a word."""
    for folder in _folders_with_records():
        try:
            yield folder, committed_records(folder)
        except CadcError as error:
            say(f"committed records do not count: {one_line(str(error))}")


def _place(folder: Path) -> str:
    return f"results/{folder.name}"
