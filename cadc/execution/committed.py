"""Runs that results hold the records of: they count as finished, where code and data are those of today."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from cadc.errors import CadcError, UsageError, one_line
from cadc.execution.jobs import Job
from cadc.experiment import Cell, Experiment
from cadc.ledger.identity import recorded_identity
from cadc.ledger.store import Ledger, Record
from cadc.paths import regular_file
from cadc.provenance.fingerprint import file_hash
from cadc.reporting.columns import MISSING
from cadc.reporting.lookup import committed_records
from cadc.reporting.missing import planned
from cadc.reporting.needed_rows import runs_to_read
from cadc.reporting.provenance import PROVENANCE, sealed_hash
from cadc.reporting.records_file import records_path
from cadc.terminal.counted import counted
from cadc.terminal.progress import say


class CommittedRuns:
    """The runs of a grid that are not in the ledger, but whose records results hold.

    The id of a run follows from its configuration, the content of its data and its code. So a record counts if its id,
    computed anew, is that of the run. Results hold no scores: a run whose scores a comparison needs, which is not kept
    beside the results either, is carried out again.

    Parameters
    ----------
    experiment : the experiment.
    cells, jobs : its runs, of equal length.
    ledger : whose finished runs come before records of results.
    folders : of results.
    retry_failed : whether runs that failed before are carried out again.

    Attributes
    ----------
    records : by id, of the runs that count as finished.
    folders : of results that stand for scores which are gone; none where they cannot be read.
    """

    def __init__(
        self,
        experiment: Experiment,
        cells: Sequence[Cell],
        jobs: Sequence[Job],
        ledger: Ledger,
        folders: Sequence[Path],
        retry_failed: bool = False,
    ) -> None:
        self.experiment, self.ledger, self.folders = experiment, ledger, list(folders)
        self.records: dict[str, Record] = {}
        wanted = {job.run_id: job for job in jobs if not (job.run_id in ledger or ledger.is_unreachable(job.run_id))}
        try:
            for folder in folders:
                self.records |= _valid(_sealed_records(folder), wanted)
            self.leave_to_run([(cell.arm, self.record_of(job)) for cell, job in zip(cells, jobs, strict=True)])
            if retry_failed:
                # Whether others need their scores for these is seen once they were carried out.
                self.records = {name: own for name, own in self.records.items() if not own.get("unreachable")}
        except CadcError as error:
            say(f"committed records do not count: {one_line(str(error))}")
            self.records, self.folders = {}, []
        if self.records:
            listed = " and ".join(str(folder) for folder in self.folders if folder.is_dir())
            say(f"{len(self.records)} of {counted(len(jobs), 'run')} are finished by records in {listed}")

    def record_of(self, job: Job) -> Record:
        """Return the record of a run, or what is known of one that is to be carried out."""
        if job.run_id in self.records:
            return self.records[job.run_id]
        if job.run_id in self.ledger or self.ledger.is_unreachable(job.run_id):
            return self.ledger.record(job.run_id)
        return planned(job.settings, job.run_id, job.data)

    def leave_to_run(self, runs: Sequence[tuple[str, Record]], are_all_done: bool = False) -> bool:
        """Leave out the runs whose scores are needed, so that they are carried out; return whether there are any.

        Parameters
        ----------
        runs, are_all_done : see `cadc.reporting.needed_rows.runs_to_read`.
        """
        if not self.records:
            return False
        runs = [(arm, record) for arm, record in runs if MISSING not in record]
        needed = self.records.keys() & runs_to_read(self.experiment, runs, self.ledger, self.folders, are_all_done)
        for run_id in needed:
            del self.records[run_id]
        if needed:
            say(
                f"{counted(len(needed), 'run')} with committed records are carried out again: comparisons or strata "
                "need their scores, which are neither in the ledger nor kept as results; `cadc ledger unpack` brings "
                "them where an archive has them"
            )
        return bool(needed)


def _sealed_records(folder: Path) -> list[Record]:
    """Return the records that results hold, whose file is the one that was written with its table.

    Raises
    ------
    CadcError : if `provenance.json` names another file, or none: the id of a run does not tell its metrics.
    """
    path = records_path(folder)
    if path.exists() and sealed_hash(path) != file_hash(regular_file(path)):
        raise CadcError(f"{path} is not the file that {PROVENANCE} beside it names; restore both")
    return committed_records(folder)


def _valid(records: Sequence[Record], wanted: Mapping[str, Job]) -> dict[str, Record]:
    """Return the records that are those of runs that are asked for."""
    found = {}
    for record in records:
        job = wanted.get(record["id"])
        if job is None or record["code"]["hash"] != job.code:
            continue
        try:
            is_own = recorded_identity(record) == job.run_id
        except (UsageError, KeyError, TypeError, AttributeError, ValueError):
            is_own = False
        if is_own:
            found[record["id"]] = record
    return found
