"""One attempt at a run: its final state, the record that is written, and whether another attempt may help."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from cadc.errors import Damaged, DamagedCheckpoint, Lost, NotWritable, Pruned, Unreachable
from cadc.execution.epochs import saved_history
from cadc.execution.failure import as_cadc_error, is_of_the_run
from cadc.execution.jobs import Job
from cadc.execution.logged_epochs import LoggedEpochs
from cadc.execution.observer import EpochObserver
from cadc.ledger.progress import ProgressNotes
from cadc.ledger.store import Ledger, Record
from cadc.pipeline.build import open_log
from cadc.pipeline.run import run
from cadc.pipeline.schema_version import SCHEMA_VERSION
from cadc.pipeline.stream_run import STREAM, run_stream
from cadc.provenance.threads import threads
from cadc.storage.lease import Lease
from cadc.storage.manifest import damaged_since
from cadc.terminal.interrupts import check_interrupt
from cadc.terminal.progress import say
from cadc.terminal.work import followed_by
from cadc.training.checkpoints import CheckpointFolder
from cadc.training.fit_state import History
from cadc.training.search import SEARCH

PRUNED_BECAUSE = "other trials had better values after as many epochs"
"""Reason in the record of a pruned trial."""


def final_state(job: Job, ledger: Ledger, retry_failed: bool, finished: str = "skipped") -> str | None:
    """Return the state of a run if nothing is left to do, else None.

    Parameters
    ----------
    job, ledger : the run, and where its record would be.
    retry_failed : whether a run that failed before is to be tried again.
    finished : what to return for a finished run, a key of `cadc.execution.outcome.STATES`.
    """
    status = ledger.recorded(job.run_id)
    if status == "finished":
        ledger.tidy_if_free(job.run_id)
        return finished
    if status == "failed" and not retry_failed:
        return "unreachable" if ledger.is_unreachable(job.run_id) else "failed before"
    return None


def run_job(job: Job, ledger: Ledger, lease: Lease, after_epoch: Callable[[History], None] | None = None) -> str:
    """Execute a run whose lease is held, resuming from its last checkpoint; return its final state.

    Parameters
    ----------
    job, ledger, lease : the run, where it is recorded, and its lease.
    after_epoch : called with the history after each epoch.

    Returns
    -------
    state : `finished`, `resumed` or `pruned`.

    Raises
    ------
    Lost : if another process took the run over; nothing more is written about it.
    Exception : whatever the run raised; it is recorded as a failure only if it is the run's own, see `is_of_the_run`.
    """
    attempt = Attempt(job, ledger, lease, after_epoch)
    with attempt.recorded():
        try:
            attempt.write(attempt.run)
        except DamagedCheckpoint as error:
            what = str(error).partition(";")[0]
            say(f"{what}; it is deleted, and run {job.run_id} starts from its beginning.")
            ledger.forget_checkpoints(lease)
            attempt.resumed = False
            attempt.write(attempt.run)
    return attempt.state


class Attempt:
    """An attempt at a run, which the ledger knows as begun from here on.

    Parameters
    ----------
    job, ledger, lease, after_epoch : see `run_job`.

    Attributes
    ----------
    resumed : whether there are checkpoints of an earlier attempt.
    progress : notes how far the run is, for who looks at it meanwhile.
    state : the final state, once the attempt is `recorded`.
    observers : told of each epoch, and of the end.
    """

    def __init__(
        self, job: Job, ledger: Ledger, lease: Lease, after_epoch: Callable[[History], None] | None = None
    ) -> None:
        self.job, self.ledger, self.lease, self.after_epoch = job, ledger, lease, after_epoch
        self.state = "interrupted"
        self.observers: list[EpochObserver] = [LoggedEpochs(job)]
        self._epochs: History = []
        self._checkpoints = CheckpointFolder(ledger.checkpoints(job.run_id), lease)
        is_retried = ledger.recorded(job.run_id) == "failed"
        if is_retried:
            ledger.forget_checkpoints(lease)
        self.resumed = any((self._checkpoints, *map(self._checkpoints.below, (SEARCH, STREAM))))
        self._known = {
            "id": job.run_id,
            "overrides": list(job.overrides),
            "config": dict(job.settings.config),
            "begun_at": datetime.now(UTC).isoformat(timespec="seconds"),
        }
        ledger.begin(lease, self._known)
        # A stream tells segments for epochs, of which there may be more or fewer.
        fit = job.settings.fit if job.settings.policy is None else None
        self.progress = ProgressNotes(lease, None if fit is None else int(fit.option("max_epochs")), self.resumed)
        self.progress.enter("preparing")
        if is_retried:
            # From here on the run counts as interrupted, and resumes from its own checkpoints.
            ledger.forget_failure(lease)

    def tell(self, history: History) -> None:
        """Note the epochs so far, and raise an error if the run is to stop after them."""
        self._epochs[:] = history
        self.lease.require_held()
        self.progress.tell(history)
        for observer in self.observers:
            observer.tell(history)
        check_interrupt()
        if self.after_epoch is not None:
            self.after_epoch(history)

    def run(self, folder: Path) -> None:
        """Execute the run into a folder."""
        carry_out = run if self.job.settings.policy is None else run_stream
        with followed_by(self.progress):
            carry_out(self.job.settings, self.job.run_id, self.job.code, folder, self._checkpoints, self.tell)

    def write(self, build: Callable[[Path], None]) -> None:
        """Let `build` fill the folder of the run, which appears whole or not at all."""

        def build_from_sound_files(folder: Path) -> None:
            build(folder)
            if faults := damaged_since():
                raise Damaged(f"{faults[0]} since this run read it; run it again.")

        self.ledger.write(self.lease, build_from_sound_files)

    @contextmanager
    def recorded(self) -> Iterator[None]:
        """Record how the run ends with a `with` block, which executes the last part of it."""
        try:
            with self._recorded():
                yield
        finally:
            for observer in self.observers:
                observer.end(self.state)

    @contextmanager
    def _recorded(self) -> Iterator[None]:
        try:
            yield
        except Pruned:
            self.ledger.end(self.lease, record_without_result(self.job, "pruned", PRUNED_BECAUSE))
            self.state = "pruned"
            return
        except Exception as error:
            self.fail(error)
            raise
        self.ledger.tidy(self.lease)
        self.state = "resumed" if self.resumed else "finished"

    def fail(self, error: Exception) -> None:
        """Record an error that ended the run: one of its own as its failure, others as what interrupted it."""
        if isinstance(error, Lost | NotWritable):
            return
        self.lease.require_held()
        # What follows from a damaged cache is not the run's own, whatever it looks like.
        if is_of_the_run(error, self.job.settings) and not damaged_since():
            record = record_without_result(self.job, "failed", str(as_cadc_error(error)))
            ended = record | (unreachable_fields(self.job) if isinstance(error, Unreachable) else {})
            # A resumed attempt may fail before it reports the epochs of earlier ones.
            self.ledger.end(self.lease, ended, self._epochs or _saved(self._checkpoints))
            self.ledger.tidy(self.lease)
            self.state = "failed"
        else:
            self.ledger.begin(self.lease, self._known | {"reason": str(as_cadc_error(error))})


def _saved(checkpoints: CheckpointFolder) -> History:
    try:
        return saved_history(checkpoints)
    except DamagedCheckpoint:
        return []


def record_without_result(job: Job, status: str, reason: str) -> Record:
    """Return the record of a run that failed or was pruned."""
    from cadc.provenance.environment import environment, source_version

    with threads(job.settings.threads):  # as the run computed
        computed_in = environment()
    return {
        "id": job.run_id,
        "schema_version": SCHEMA_VERSION,
        "status": status,
        "reason": reason,
        "config": dict(job.settings.config),
        "seed": job.settings.config["seed"],
        "code": source_version() | {"hash": job.code},
        "environment": computed_in,
        "metrics": {},
        "ended_at": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def unreachable_fields(job: Job) -> Record:
    """Return what reports need to know of a run whose byte budget cannot be met by its embedding scheme."""
    meta = open_log(job.settings).meta
    return {
        "unreachable": True,
        "task": job.settings.task,
        "data": {name: meta[name] for name in ("name", "edition", "content_hash", "files", "rows")},
        "cost": {"total_s": 0.0},
        "bytes": {"embedding": None, "optimizer": None},
        "rows": {"kept": None},
        "uses": job.settings.uses,
        "factor_dim": job.settings.factor_dim,
        "finished_at": datetime.now(UTC).isoformat(timespec="seconds"),
    }
