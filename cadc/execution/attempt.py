"""One attempt at a run: what becomes of it, what is written about it, and whether another attempt may help."""

import errno
from collections.abc import Callable
from datetime import UTC, datetime

from cadc.configuration.settings import dim_of_factors, needs_factors, task, used_groups
from cadc.errors import CadcError, Lost, NotWritable, Pruned, Unreachable
from cadc.execution.jobs import Job
from cadc.ledger.store import Ledger, Record
from cadc.pipeline.build import open_log
from cadc.pipeline.record import SCHEMA_VERSION
from cadc.pipeline.run import run
from cadc.storage.lease import Lease
from cadc.terminal.interrupts import check_interrupt
from cadc.training.checkpoints import CheckpointFolder
from cadc.training.search import SEARCH


def settled(job: Job, ledger: Ledger, retry_failed: bool, finished: str = "skipped") -> str | None:
    """Return what became of a run that nothing is left to do for, else None."""
    status = ledger.recorded(job.run_id)
    if status == "finished":
        ledger.tidy_if_free(job.run_id)
        return finished
    if status == "failed" and not retry_failed:
        return "unreachable" if ledger.is_unreachable(job.run_id) else "failed before"
    return None


def carry_out(
    job: Job, ledger: Ledger, lease: Lease, tell: Callable[[list[dict[str, float]]], None] | None = None
) -> str:
    """Carry out a run whose lease is held, going on from its last checkpoint; return what became of it.

    Raises
    ------
    Lost : where another process took the run over; nothing is written about it any more.
    Exception : whatever the run raised; a record of its failure is written, unless trying again may help.
    """

    def require_held() -> None:
        if not lease.is_held():
            raise Lost(f"another process took the run {job.run_id} over while this one gave no sign of life.")

    def after_epoch(history: list[dict[str, float]]) -> None:
        check_interrupt()
        require_held()
        if tell is not None:
            tell(history)

    checkpoints = ledger.checkpoints(job.run_id)
    is_retried = ledger.recorded(job.run_id) == "failed"
    if is_retried:
        ledger.forget_checkpoints(job.run_id)
    resumed = bool(CheckpointFolder(checkpoints) or CheckpointFolder(checkpoints / SEARCH))
    known = {
        "id": job.run_id,
        "words": list(job.words),
        "config": job.config,
        "begun_at": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    ledger.begin(job.run_id, known)
    if is_retried:
        # From here on it is interrupted where it is stopped, and goes on from its own checkpoints.
        ledger.forget_failure(job.run_id)
    try:
        ledger.write(job.run_id, lambda folder: run(job.config, job.run_id, job.code, folder, checkpoints, after_epoch))
    except Lost:
        raise
    except Pruned:
        ledger.end(job.run_id, without_result(job, "pruned", "others did better at its age"))
        return "pruned"
    except NotWritable:
        raise
    except Exception as error:
        require_held()
        if is_transient(error):
            ledger.begin(job.run_id, known | {"reason": str(sentence(error))})
        else:
            record = without_result(job, "failed", str(sentence(error)))
            ledger.end(job.run_id, record | (shown_as(job) if isinstance(error, Unreachable) else {}))
            ledger.tidy(job.run_id)
        raise
    ledger.tidy(job.run_id)
    return "resumed" if resumed else "finished"


def without_result(job: Job, status: str, reason: str) -> Record:
    """Return the record of a run that failed or was pruned."""
    from cadc.provenance.environment import environment, source_version

    return {
        "id": job.run_id,
        "schema_version": SCHEMA_VERSION,
        "status": status,
        "reason": reason,
        "config": job.config,
        "seed": job.config["seed"],
        "code": source_version() | {"hash": job.code},
        "environment": environment(),
        "metrics": {},
        "ended_at": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def shown_as(job: Job) -> Record:
    """Return what a table needs to know of a run whose budget no table of its scheme meets."""
    config, meta = job.config, open_log(job.config).meta
    return {
        "unreachable": True,
        "task": task(config),
        "data": {name: meta[name] for name in ("name", "edition", "content_hash", "files", "rows")},
        "cost": {"total_s": 0.0},
        "bytes": {"embedding": None, "optimizer": None},
        "rows": {"kept": None},
        "uses": used_groups(config),
        "factor_dim": dim_of_factors(config) if needs_factors(config) else None,
        "finished_at": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def is_transient(error: Exception) -> bool:
    """Tell whether the same run may succeed another time: it lacked memory, space or a right, or the ledger did."""
    from torch import OutOfMemoryError

    # torch says so in words where it cannot allocate on the CPU.
    lacks_memory = isinstance(error, RuntimeError) and "allocate memory" in str(error)
    return lacks_memory or isinstance(error, OSError | MemoryError | OutOfMemoryError | NotWritable | Lost)


def sentence(error: Exception) -> CadcError:
    """Return an error in a sentence, without the trace, which would keep model and data in memory."""
    if isinstance(error, CadcError):
        return type(error)(str(error))
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES):
        return CadcError(f"{error.filename or 'a file'}: {(error.strerror or str(error)).lower()}.")
    return CadcError(f"{type(error).__name__}: {error} (run it alone to see where)")
