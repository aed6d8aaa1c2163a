"""Records of the runs of an experiment, found by configuration without the data."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from cadc.errors import CadcError, UsageError, one_line
from cadc.experiment import Cell
from cadc.ledger.identity import content_signature, data_signature, recorded_settings, run_code
from cadc.ledger.record_schema import check_record
from cadc.ledger.store import Ledger, Record
from cadc.pipeline.settings import Settings
from cadc.reporting.columns import MISSING
from cadc.reporting.missing import without_result
from cadc.reporting.records_file import read_records, records_path
from cadc.storage.run_files import RECORD
from cadc.terminal.counted import counted
from cadc.terminal.progress import say


def find_runs(cells: Sequence[Cell], ledger: Ledger, committed: Sequence[Path], again: str) -> list[tuple[str, Record]]:
    """Find the records of an experiment's cells by their configuration, without the data.

    Records come from the ledger and from results. Of several records of one configuration, the latest made by the
    present code counts, else the latest. Where they were found is printed on standard error. A cell without a record
    has one of `cadc.reporting.missing`.

    Parameters
    ----------
    cells : runs to find.
    ledger : ledger to look in.
    committed : folders of results whose records count as well.
    again : command that carries out the runs, for messages.

    Raises
    ------
    CadcError : if no run has a record.
    """
    known = _Known()
    places: dict[int, Path] = {}
    kept: list[Record] = []
    for folder in committed:
        own = committed_records(folder)
        kept += own
        places |= dict.fromkeys(map(id, own), folder)
    unreadable: list[CadcError] = []
    foreign: list[CadcError] = []
    for record in sorted([*kept, *_readable(ledger, unreadable)], key=lambda record: str(record["finished_at"])):
        try:
            known.add(record)
        except UsageError as error:
            # A run of a component that is no longer installed cannot be asked for either, so nothing is printed.
            foreign.append(UsageError(f"the configuration of run {record['id']} cannot be read: {error}"))
    runs, n_missing, n_old, n_stale = [], 0, 0, 0
    for cell in cells:
        settings = Settings.compose(cell.overrides)
        found, is_stale = known.of(settings)
        n_stale += is_stale
        code = run_code(settings)
        present = [record for record in found if record["code"]["hash"] == code]
        n_missing += not found
        n_old += bool(found) and not present
        runs.append((cell.arm, (present or found or [without_result(settings, MISSING, known.data_of(settings))])[-1]))
    if n_missing:
        bad = [*unreadable, *foreign]
        said = f" ({len(bad)} records cannot be used, the first: {one_line(str(bad[0]))})" if bad else ""
        sentence = (
            f"{n_missing} of {len(cells)} runs are not in {_listed([ledger.folder, *committed], 'or')}{said}; "
            f"`{again}` runs them"
        )
        if n_missing == len(cells):
            raise CadcError(f"{sentence}.")
        say(sentence)
    for reason in unreadable:
        say(f"left out: {one_line(str(reason))}")
    of_places = Counter(places.get(id(record), ledger.folder) for _, record in runs if MISSING not in record)
    read = [f"{counted(count, 'run')} from {place}" for place, count in of_places.items()]
    say(f"read {_listed(read, 'and')}")
    if n_old:
        say(
            f"{n_old} of {len(cells)} runs were made by other code than the present one; they are reported as they "
            f"are, and `{again}` runs them with the present code"
        )
    if n_stale:
        say(
            f"{n_stale} of {len(cells)} runs read another content than the data has now; `{again}` runs them on the "
            "present data"
        )
    return runs


def _listed(names: Sequence[object], joined_by: str) -> str:
    """Return names as a sentence lists them."""
    *first, last = map(str, names)
    return f"{', '.join(first)} {joined_by} {last}" if first else last


class _Known:
    """Records by their configuration."""

    def __init__(self) -> None:
        self.records: dict[str, list[Record]] = {}
        self.contents: dict[str, dict[str, Record]] = {}
        """By data set and split, a record of each content that was read."""
        self._hashes: dict[str, list[str] | None] = {}

    def add(self, record: Record) -> None:
        """Add a record; later ones are added later.

        Raises
        ------
        UsageError : if a component that it names does not exist here.
        """
        settings, options = recorded_settings(record), record["data"].get("options")
        content = record["data"]["content_hash"]
        self.records.setdefault(content_signature(settings, content), []).append(record)
        of_data = self.contents.setdefault(data_signature(settings, options), {})
        of_data.pop(content, None)
        of_data[content] = record

    def of(self, settings: Settings) -> tuple[list[Record], bool]:
        """Return the records of a configuration, and whether they read another content than the data has now.

        Several split seeds may give the same split: a run on it is one run, whichever seed it was recorded under.
        """
        contents = self.contents.get(data_signature(settings), {})
        present = self._present(settings)
        wanted = [content for content, record in contents.items() if _is_meant(settings, record, present)]
        now = [content for content in wanted if present is None or _hashes(contents[content]) == present]
        for some, is_stale in ((now, False), (wanted, True)):
            found = [
                record
                for content in some
                for record in self.records.get(content_signature(settings, content), [])
                # Two data sets may have the same content.
                if record["data"]["name"] == contents[content]["data"]["name"]
            ]
            if found:
                return sorted(found, key=lambda record: str(record["finished_at"])), is_stale
        return [], False

    def data_of(self, settings: Settings) -> Mapping[str, Any] | None:
        """Return what a record holds of the data set of a configuration; None where no record read it."""
        of_data = self.contents.get(data_signature(settings), {})
        return next((record["data"] for record in of_data.values()), None)

    def _present(self, settings: Settings) -> list[str] | None:
        """Return the hashes of the files that a configuration names; None if it names none, or they are gone."""
        if not _places(settings):
            return None
        key = str(sorted(_places(settings).items()))
        if key not in self._hashes:
            try:
                self._hashes[key] = _in_order(settings.source.build().fingerprint())
            except (CadcError, OSError):
                self._hashes[key] = None
        return self._hashes[key]


def _places(settings: Settings) -> dict[str, str]:
    """Return the options of a data set that say where its files are."""
    options = settings.source.options
    return {name: str(options[name]) for name in settings.source.cls.without_effect if options.get(name) is not None}


def _hashes(record: Record) -> list[str]:
    return _in_order(record["data"].get("files", {}))


def _in_order(files: Mapping[str, Any]) -> list[str]:
    """Return the hashes of files in the order of their names, which begin with the part where each part has a file."""
    return [str(files[name]) for name in sorted(files)]


def _is_meant(settings: Settings, record: Record, present: list[str] | None) -> bool:
    """Tell whether a record read the file that a configuration names: it is the same by its hash, or by its name."""
    places = _places(settings)
    if not places or (present is not None and _hashes(record) == present):
        return True
    return set(record["data"].get("files", {})) <= {Path(place).name for place in places.values()}


def _readable(ledger: Ledger, unreadable: list[CadcError]) -> Iterator[Record]:
    """Yield the valid records of a ledger, and collect the errors of the others."""
    for run_id, status in ledger.statuses().items():
        try:
            if status not in ("finished", "unreadable") and not ledger.is_unreachable(run_id):
                continue
            record = ledger.record(run_id)
            check_record(record, ledger.path(run_id) / RECORD, run_id)
            yield record
        except CadcError as error:
            unreadable.append(error)


def committed_records(folder: Path) -> list[Record]:
    """Return the records kept in a folder of results; none where it has no file of them.

    Raises
    ------
    CadcError : if the file cannot be read, or a line is not a record.
    """
    path = records_path(folder)
    if not path.exists():
        return []
    records = []
    for number, line in enumerate(read_records(path).splitlines(), 1):
        where = f"{path}, line {number}"
        try:
            record = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise CadcError(f"{where} is not a record ({error}); restore the file or delete it.") from error
        check_record(record, where)
        records.append(record)
    return records
