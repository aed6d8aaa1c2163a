"""One run is repeated from its record."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from cadc.configuration.components import TARGET
from cadc.configuration.nested import part
from cadc.errors import CadcError, UsageError, one_line
from cadc.execution.failure import as_cadc_error
from cadc.execution.jobs import Job
from cadc.execution.sweep import execute
from cadc.ledger.identity import recorded_settings, run_code, run_identity
from cadc.ledger.reading import Record
from cadc.ledger.store import Ledger
from cadc.loggers.none import NoLogger
from cadc.pipeline.build import open_log
from cadc.pipeline.compatibility import require_compatible
from cadc.pipeline.settings import Settings
from cadc.rerun.agreement import Agreement, agreement
from cadc.rerun.differences import of_the_machine, of_the_run
from cadc.rerun.recorded import Recorded

BIT_EQUAL, AGREES, DIFFERS = "bit-equal", "agrees", "differs"
FAILS, FAILS_ALIKE, FAILS_OTHERWISE, FINISHES = "fails", "fails alike", "fails otherwise", "finishes now"
SKIPPED = "skipped"

WRONG = (DIFFERS, FAILS, FAILS_OTHERWISE, FINISHES)
"""Verdicts on a run that is not what its record says."""

WITHIN = 1e-6
"""Tolerance where processor, kernels and libraries are those of the record."""


@dataclass(frozen=True)
class Repeated:
    """What came of repeating a run.

    Parameters
    ----------
    recorded : the run.
    verdict : one of the words above.
    remark : why it failed, or was skipped.
    agreement : with its record; None where there are no two results.
    tolerance : that the verdict was made with.
    run_id : of the repetition; empty for a run that was skipped.
    reasons : why the two may differ.
    """

    recorded: Recorded
    verdict: str
    remark: str = ""
    agreement: Agreement | None = None
    tolerance: float = WITHIN
    run_id: str = ""
    reasons: list[str] = field(default_factory=list)


def is_of_present_code(own: Recorded) -> bool:
    """Tell whether a run was made by the code that would run now."""
    try:
        return run_code(recorded_settings(own.record)) == part(own.record, "code").get("hash")
    except (UsageError, KeyError, TypeError):
        return False


def repeat(own: Recorded, ledger: Ledger, tolerance: float | None, elsewhere: float) -> Repeated:
    """Repeat a run and compare it with its record.

    Parameters
    ----------
    own : the run.
    ledger : where the repetition is recorded.
    tolerance : of metrics and, on a machine like that of the record, probabilities; None takes `WITHIN`, and
        `elsewhere` on another machine.
    elsewhere : see `tolerance`.
    """
    if own.status == "pruned":
        return Repeated(own, SKIPPED, "it was stopped early, as the other trials of its study decided")
    try:
        job = job_of(own.record)
    except Exception as error:
        return Repeated(own, SKIPPED, one_line(str(as_cadc_error(error))))
    reason, trouble = _carry_out(job, ledger)
    if trouble:
        return Repeated(own, SKIPPED, trouble, run_id=job.run_id)
    again = ledger.record(job.run_id)
    machine = list(of_the_machine(own.record, part(again, "environment")))
    reasons = [*machine, *of_the_run(own.record, job.settings, job.run_id, again["code"], job.data)]
    allowed = tolerance if tolerance is not None else elsewhere if machine else WITHIN
    if own.status == "failed":
        verdict = FINISHES if not reason else FAILS_ALIKE if reason == own.record.get("reason") else FAILS_OTHERWISE
        return Repeated(own, verdict, reason, None, allowed, job.run_id, reasons)
    if reason:
        return Repeated(own, FAILS, reason, None, allowed, job.run_id, reasons)
    found = agreement(own.record, again, own.folder, ledger.path(job.run_id))
    # Of single rows, training on another machine may move some far.
    is_within = found.is_within(allowed, metrics_alone=bool(machine))
    verdict = BIT_EQUAL if found.is_bit_equal else AGREES if is_within else DIFFERS
    epochs = [part(record, "cost").get("epochs") for record in (own.record, again)]
    if None not in epochs and epochs[0] != epochs[1]:
        reasons.append(f"training stopped after another epoch: {epochs[0]} in the record, {epochs[1]} here")
    return Repeated(own, verdict, "", found, allowed, job.run_id, reasons)


def job_of(record: Record) -> Job:
    """Return the job that repeats a run: its configuration, on the data that is at hand.

    It logs nowhere, trains alone, and does not measure its energy, none of which changes a result.

    Raises
    ------
    CadcError : if the data is not at hand, or is other data, or the configuration cannot be used here.
    """
    config = dict(record["config"])
    logger = {TARGET: f"{NoLogger.__module__}.{NoLogger.__qualname__}"}
    config |= {"logger": logger} | ({"energy": False} if "energy" in config else {})
    config["trainer"] = {**config["trainer"], **_alone(record)}
    settings = Settings.of(config)
    require_compatible(settings)
    log = open_log(settings)
    data = {name: log.meta[name] for name in ("name", "content_hash", "files")}
    if log.rating_hash:
        data["rating_hash"] = log.rating_hash
    _require_same_files(part(record, "data"), data)
    return Job((), settings, *run_identity(settings, log), data)


def _alone(record: Record) -> dict[str, Any]:
    """Return the keys of the trainer that change no result, as a run that is repeated alone has them."""
    import torch

    found: dict[str, Any] = {}
    trainer = part(record["config"], "trainer")
    if "fleet" in trainer:
        found["fleet"] = 1
    if (
        trainer.get("accelerator") == "auto"
        and not part(record, "environment").get("gpu")
        and torch.cuda.is_available()
    ):
        found["accelerator"] = "cpu"  # as the record was made
    return found


def _require_same_files(before: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    """Raise a CadcError if the publisher's files are not those that a record names."""
    files = part(before, "files")
    other = [name for name in files if part(now, "files").get(name) != files[name]]
    if other and before.get("content_hash") != now["content_hash"]:
        raise CadcError(
            f"the data at hand is not that of the record: {', '.join(sorted(map(str, other))[:3])} of "
            f"{now['name']} has another SHA-256; fetch the files that were read."
        )


def _carry_out(job: Job, ledger: Ledger) -> tuple[str, str]:
    """Run a job; return why it failed, and what kept it from running, each empty where nothing did."""
    try:
        execute([job], ledger, report=lambda line: None)
    except Exception as error:
        recorded = ledger.recorded(job.run_id)
        if recorded == "failed":
            return str(ledger.record(job.run_id).get("reason", "")), ""
        if recorded is None:
            return "", one_line(str(as_cadc_error(error)))
        raise
    return "", ""
