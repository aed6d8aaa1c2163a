"""Runs as they were recorded, found by id, in a ledger, or in folders of results."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from cadc.configuration.nested import leaves, part
from cadc.errors import CadcError, UsageError, shown
from cadc.ledger.reading import Record, read_record
from cadc.ledger.record_schema import check_record
from cadc.ledger.safe_text import harmless
from cadc.ledger.store import Ledger
from cadc.paths import results_dir, user_path
from cadc.reporting.lookup import committed_records
from cadc.reporting.provenance import PROVENANCE, read_provenance, runs_of
from cadc.reporting.records_file import PACKED, RECORDS, folders_with_records, read_records, records_path
from cadc.reporting.verify import is_results
from cadc.storage.run_files import RECORD


@dataclass(frozen=True)
class Recorded:
    """A run that may be repeated.

    Parameters
    ----------
    record : of the run.
    place : the experiment that it is of, or the folder of its ledger.
    arm : of the experiment; of a ledger, the data set and the model.
    folder : of the run, with its scores; None where the record alone is at hand.
    """

    record: Record
    place: str
    arm: str
    folder: Path | None = None

    @property
    def run_id(self) -> str:
        """The id of the run."""
        return str(self.record["id"])

    @property
    def status(self) -> str:
        """What became of it: `finished`, `failed` or `pruned`."""
        return str(self.record.get("status", "finished"))

    @property
    def seconds(self) -> float:
        """Seconds that the run took by its record; 0 where it does not say."""
        return float(part(self.record, "cost").get("total_s") or 0.0)

    @property
    def name(self) -> str:
        """Experiment and arm; of a ledger, data set and model."""
        return harmless(self.arm if self.folder else f"{self.place}: {self.arm}" if self.arm else self.place, 200)


def find(names: Sequence[str], ledger: Ledger) -> list[Recorded]:
    """Return the runs that are named, each once.

    Parameters
    ----------
    names : ids of runs or their beginnings, records, folders of runs, of results or of ledgers.
    ledger : where ids are looked up; then the results of the working directory and of the source tree.

    Raises
    ------
    UsageError : for a name that says no run, or several.
    CadcError : if a record is damaged, or was changed after it was written.
    """
    found: dict[tuple[str, str], Recorded] = {}
    for name in names:
        for own in _named(name, ledger):
            # Two records of one id, as of two machines, are both compared.
            found.setdefault((own.run_id, str(own.record.get("record_hash", own.place))), own)
    return list(found.values())


def _named(name: str, ledger: Ledger) -> list[Recorded]:
    if not name:
        raise UsageError("a run's name is empty; name a run by its id, or a folder of results.")
    path = user_path(name)
    if path.is_file():
        if path.name in (RECORDS, PACKED):
            return list(_of_results(path.parent))
        if path.suffix != ".json":
            raise UsageError(
                f"{path} is not a record; expected a {RECORD}, a {RECORDS}, or a folder of a run, of results or of a "
                "ledger. An archive is unpacked by `cadc ledger unpack`."
            )
        return [_single(path)]
    if (path / RECORD).is_file():
        return [_single(path / RECORD)]
    if is_results(path):
        return list(_of_results(path))
    if path.is_dir():
        if found := [own for folder in sorted(path.iterdir()) if is_results(folder) for own in _of_results(folder)]:
            return found
        if found := list(_of_ledger(Ledger(path))):
            return found
        raise UsageError(
            f"{path} holds no runs; expected a folder of a run ({RECORD}), of results ({RECORDS}), or of several."
        )
    if "/" in name:
        raise UsageError(f"there is no file or folder {shown(name)}; name a run by its id, or a folder of results.")
    return [_by_id(name, ledger)]


def _by_id(prefix: str, ledger: Ledger) -> Recorded:
    """Return the run of a ledger whose id begins so, else of committed results."""
    if any(run_id.startswith(prefix) for run_id in ledger.names()):
        run_id = ledger.find(prefix, any_status=True)
        if ledger.recorded(run_id) is None:
            raise UsageError(f"run {run_id} is {ledger.status(run_id)}, so there is no result to compare with.")
        return _single(ledger.path(run_id) / RECORD)
    places = (Path("results"), results_dir())
    folders = sorted({folder.resolve() for place in places for folder in folders_with_records(place)})
    # Checking all records and their hashes takes seconds.
    folders = [folder for folder in folders if f'"id": "{prefix}'.encode() in read_records(records_path(folder))]
    found = [own for folder in folders for own in _of_results(folder) if own.run_id.startswith(prefix)]
    ids = sorted({own.run_id for own in found})
    if len(ids) != 1:
        what = f"{len(ids)} ids start with it ({', '.join(ids[:8])})" if ids else "no id starts with it"
        raise UsageError(
            f"{shown(prefix)} names neither a folder nor one run of {ledger.folder} or of results: {what}. "
            "`cadc ledger list` shows runs."
        )
    return found[0]


def _single(path: Path) -> Recorded:
    record = read_record(path, "name another" if path.name != RECORD else None)
    if record.get("status", "finished") == "finished":
        check_record(record, path)
    folder = path.parent if path.name == RECORD else None
    return Recorded(record, str(path.parent.parent), _options(record), folder)


def _of_ledger(ledger: Ledger) -> Iterator[Recorded]:
    for run_id in ledger.names():
        if ledger.recorded(run_id) is not None:
            yield _single(ledger.path(run_id) / RECORD)


def _of_results(folder: Path) -> Iterator[Recorded]:
    records = committed_records(folder)
    arms = runs_of(folder, read_provenance(folder)) if records and (folder / PROVENANCE).exists() else {}
    arm_of = {run_id: arm for arm, ids in arms.items() for run_id in ids}
    for record in records:
        yield Recorded(record, folder.name, arm_of.get(record["id"], ""))


def require_some(found: Sequence[Recorded], names: Sequence[str]) -> None:
    """Raise a CadcError if no run was found, as in results of an analysis."""
    if not found:
        raise CadcError(
            f"{', '.join(names)} holds no records of runs; an analysis has none, and `cadc experiment NAME` carries it "
            "out again."
        )


def _options(record: Record) -> str:
    choices = leaves(part(part(record, "config"), "choices"))
    return " ".join(f"{key}={choices[key]}" for key in ("data", "model") if key in choices)
