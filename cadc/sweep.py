"""Many runs: each configuration is planned, those finished before are skipped, the others are carried out.

Any number of processes may carry out the same sweep on one ledger: a run belongs to whoever holds its lease.
"""

import errno
import platform
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from cadc.choices import check
from cadc.components import TARGET, load_class
from cadc.config import compose_config
from cadc.errors import CadcError, Lost, NotWritable, Pruned, UsageError
from cadc.experiment import Cell
from cadc.launching import launch
from cadc.lease import Lease
from cadc.ledger.identity import arm_signature, run_identity
from cadc.ledger.store import Ledger, Record
from cadc.mirrors.after import AfterRun
from cadc.pipeline import SCHEMA_VERSION, open_log, run
from cadc.progress import Display, clock, display
from cadc.signals import check_interrupt
from cadc.training.checkpoints import CheckpointFolder

Say = Callable[[str], None]


@dataclass(frozen=True)
class Job:
    """A run that is wanted.

    Parameters
    ----------
    words : the overrides that it was asked for with.
    config : what they compose to.
    run_id, code : its identity.
    """

    words: tuple[str, ...]
    config: dict[str, Any]
    run_id: str
    code: str


MEANING = {
    "finished": "carried out now",
    "resumed": "interrupted before, gone on with and finished now",
    "skipped": "finished before",
    "elsewhere": "finished meanwhile by another process",
    "pruned": "stopped early",
    "interrupted": "not carried out to the end; the same command goes on with them",
    "failed before": "not tried again without --retry-failed",
    "failed": "failed now",
}
"""What can become of a run in a sweep."""


@dataclass
class Outcome:
    """What became of a sweep.

    Parameters
    ----------
    became : a key of `MEANING` by run id.
    errors : by run id, of those that failed or were interrupted.
    """

    became: dict[str, str] = field(default_factory=dict)
    errors: dict[str, CadcError] = field(default_factory=dict)

    @property
    def counts(self) -> dict[str, int]:
        """Return how many runs became what, in the order of `MEANING`."""
        found = Counter(self.became.values())
        return {name: found[name] for name in MEANING if found[name]}

    @property
    def exit_status(self) -> int:
        """Return 0 where every run has its record."""
        return max((error.exit_status for error in self.errors.values()), default=0)

    def summary(self, n_runs: int) -> list[str]:
        """Return the lines that close a sweep: how many became what, and each run that is not finished."""
        rows = [*self.counts.items()]
        if left := n_runs - len(self.became):
            rows.append(("left", left))
        lines = [f"{count:6}  {name:14} {MEANING.get(name, 'not begun, or interrupted')}" for name, count in rows]
        return lines + [f"        {run_id}  {self.became[run_id]}: {why}" for run_id, why in self.errors.items()]


def plan(combinations: Sequence[Sequence[str]]) -> list[Job]:
    """Return the runs of several lists of overrides; data is prepared where it was not yet.

    Raises
    ------
    CadcError : for the first wrong word or unreadable data, before anything is run.
    """
    configs = [compose_config(words) for words in combinations]
    for config in configs:
        check(config)
    jobs = []
    for words, config in zip(combinations, configs, strict=True):
        run_id, code = run_identity(config, open_log(config))
        jobs.append(Job(tuple(words), config, run_id, code))
    return jobs


def without_impossible(cells: Sequence[Cell], say: Say | None = None) -> list[Cell]:
    """Leave out the cells whose model needs a column that the data set cannot have (an oracle of real data)."""
    kept = []
    left_out = set()
    for cell in cells:
        config = compose_config(cell.words)
        needed = getattr(load_class(config["model"][TARGET]), "needs_columns", ())
        offered = getattr(load_class(config["data"][TARGET]), "extra_columns", ())
        if set(needed) <= set(offered):
            kept.append(cell)
        else:
            left_out.add(f"the arm {cell.arm!r} is left out: {config['choices']['data']} has no {', '.join(needed)}")
    for line in sorted(left_out):
        (say or display().say)(line)
    if not kept:
        raise UsageError("no arm is left, so there is nothing to run.")
    return kept


def execute(
    jobs: Sequence[Job],
    ledger: Ledger,
    retry_failed: bool = False,
    say: Say | None = None,
    launcher: Sequence[str] = (),
    after: AfterRun | None = None,
) -> Outcome:
    """Carry out the jobs that are not finished yet, one after the other, or where a launcher takes them.

    A failing run gets a record that says so and does not end the others. Ctrl-C, a full disk or a folder that cannot
    be written end all; what is finished stays finished, and what was begun goes on from its last checkpoint next time.
    Runs that another process works on are left to it, and waited for.

    Parameters
    ----------
    jobs : the runs; several of one id are run once.
    ledger : where runs are found and written.
    retry_failed : whether runs that failed before are tried again, from their beginning.
    say : takes a line about each run.
    launcher : words that choose a launcher, see `cadc.launching`; none carries the runs out in this process.
    after : mirrors each finished run; None mirrors nothing.
    """
    left = list({job.run_id: job for job in jobs}.values())
    with Display(len(left)) as shown:
        sweep = _Sweep(left, ledger, retry_failed, say or shown.say, shown, after)
        try:
            if launcher:
                sweep.launch(launcher)
            else:
                sweep.carry_out()
        finally:
            if len(left) > 1:
                for line in sweep.outcome.summary(len(left)):
                    sweep.say(line)
    return sweep.outcome


class _Sweep:
    """The state of `execute`."""

    def __init__(
        self, jobs: list[Job], ledger: Ledger, retry_failed: bool, say: Say, shown: Display, after: AfterRun | None
    ) -> None:
        self.jobs = jobs
        self.ledger = ledger
        self.retry_failed = retry_failed
        self.say = say
        self.shown = shown
        self.after = after
        self.outcome = Outcome()
        self.estimate = Estimate(jobs)
        self.shared = set.intersection(*(set(job.words) for job in jobs)) if len(jobs) > 1 else set()
        self.waited_for: set[str] = set()
        """Runs that other processes worked on when it was their turn."""
        self.numbers = {job.run_id: number for number, job in enumerate(jobs, 1)}

    def carry_out(self) -> None:
        left = self.jobs
        told = False
        while left:
            self._show(0)
            busy = [job for job in left if not self._settle(job)]
            self.waited_for |= {job.run_id for job in busy}
            if len(busy) == len(left):
                if not told:
                    self.say(f"waiting for {len(busy)} runs that other processes work on")
                told = True
                time.sleep(0.5)
            left = busy

    def launch(self, launcher: Sequence[str]) -> None:
        """Have a launcher carry out what is left; what is finished meanwhile is said as it appears in the ledger."""
        left = []
        for job in self.jobs:
            if became := settled(job, self.ledger, self.retry_failed):
                self.outcome.became[job.run_id] = became
                self._report(job, became)
            else:
                left.append(job)
        if not left:
            return
        self.say(f"{len(left)} runs go to {' '.join(launcher)}")
        launched = threading.Event()
        watcher = threading.Thread(target=self._watch, args=(left, launched), daemon=True)
        watcher.start()
        try:
            results = launch([RunTask(job.words, job.run_id, self.retry_failed) for job in left], launcher)
        finally:
            launched.set()
            watcher.join()
        for job, result in zip(left, results, strict=True):
            if isinstance(result, CadcError) and self.ledger.recorded(job.run_id) == "finished":
                result = "finished"  # its process was lost after its work
            if isinstance(result, CadcError):
                self.outcome.errors[job.run_id] = result
                if len(self.jobs) == 1:
                    raise result
                result = "failed" if self.ledger.recorded(job.run_id) == "failed" else "interrupted"
            is_new = job.run_id not in self.outcome.became
            self.outcome.became[job.run_id] = result
            if is_new:
                self._report(job, result)

    def _watch(self, jobs: Sequence[Job], launched: threading.Event) -> None:
        ended = False
        while not ended:
            left = [job for job in jobs if job.run_id not in self.outcome.became]
            # Of a thousand runs in a folder on the network, not every one is asked after each second.
            ended = launched.wait(max(1.0, len(left) / 50))
            with suppress(OSError, CadcError):  # whatever it is, the launcher's answer tells
                for job in left:
                    if self.ledger.recorded(job.run_id) == "finished":
                        self.outcome.became[job.run_id] = "finished"
                        self._report(job, "finished")
                self._show(sum(self.ledger.status(job.run_id) == "running" for job in left))

    def _settle(self, job: Job) -> bool:
        """Find out what becomes of a run, carrying it out if that is ours to do; False while others work on it."""
        started = time.perf_counter()
        try:
            became = self._become(job)
        except Exception as error:
            if len(self.jobs) == 1 or isinstance(error, NotWritable):
                raise
            became = "interrupted" if is_transient(error) else "failed"
            self.outcome.errors[job.run_id] = _sentence(error)
        if became is None:
            return False
        self.outcome.became[job.run_id] = became
        self._report(job, became, time.perf_counter() - started)
        return True

    def _become(self, job: Job) -> str | None:
        check_interrupt()
        # What another process finished, or failed to, is not done once more, nor is it ours to report.
        others_did = job.run_id in self.waited_for
        retry_failed = self.retry_failed and not others_did
        became = settled(job, self.ledger, retry_failed, "elsewhere" if others_did else "skipped")
        if became is not None:
            return became
        lease = self.ledger.claim(job.run_id)
        if lease is None:
            return None
        with lease:
            became = settled(job, self.ledger, retry_failed, "elsewhere")
            if became is None:
                self._show(1)
                became = carry_out(job, self.ledger, lease)
            else:
                # Claiming made its workplace anew.
                self.ledger.tidy(job.run_id)
        return became

    def _report(self, job: Job, became: str, seconds: float | None = None) -> None:
        own = " ".join(word for word in job.words if word not in self.shared)
        label = f"[{self.numbers[job.run_id]}/{len(self.jobs)}] {job.run_id} {own}".rstrip()
        if became in ("failed", "interrupted"):
            self.say(f"{label}: {became}: {self.outcome.errors[job.run_id]}")
        elif became == "failed before":
            reason = self.ledger.record(job.run_id).get("reason", "")
            self.outcome.errors[job.run_id] = CadcError(str(reason))
            if len(self.jobs) == 1:
                raise CadcError(f"{job.run_id} failed before: {reason} --retry-failed tries it again.")
            self.say(f"{label}: failed before, not tried again: {reason}")
        else:
            record = self.ledger.record(job.run_id)
            if seconds is None or became not in ("finished", "resumed"):
                seconds = own_seconds(record)
            self.estimate.add(job, seconds)
            how = f"{seconds:.1f} s" if became in ("finished", "resumed") else MEANING[became]
            also = ", resumed" if became == "resumed" else ", skipped" if became == "skipped" else ""
            remaining = self.estimate.remaining(self.outcome.became)
            # What was finished before goes by too fast for more words.
            left = f"; {self._counts()}{remaining}" if len(self.jobs) > 1 and became != "skipped" else ""
            self.say(f"{label}: {summary(record)}, {how}{also}{left}")
            # Whoever carries a run out mirrors it, so that no two do at once.
            if self.after and became != "elsewhere":
                self.after.run(job.config, self.ledger.path(job.run_id))

    def _counts(self) -> str:
        counts = self.outcome.counts
        failed = counts.get("failed", 0) + counts.get("failed before", 0)
        n_settled = len(self.outcome.became)
        return f"{n_settled - failed} done, {failed} failed, {len(self.jobs) - n_settled} left"

    def _show(self, n_running: int) -> None:
        state = f"{self._counts()}, {n_running} running{self.estimate.remaining(self.outcome.became)}"
        self.shown.sweep(len(self.outcome.became), state)


def settled(job: Job, ledger: Ledger, retry_failed: bool, finished: str = "skipped") -> str | None:
    """Return what became of a run that nothing is left to do for, else None."""
    status = ledger.recorded(job.run_id)
    if status == "finished":
        ledger.tidy_if_free(job.run_id)
        return finished
    if status == "failed" and not retry_failed:
        return "failed before"
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
    resumed = bool(CheckpointFolder(checkpoints))
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
            ledger.begin(job.run_id, known | {"reason": str(_sentence(error))})
        else:
            ledger.end(job.run_id, without_result(job, "failed", str(_sentence(error))))
            ledger.tidy(job.run_id)
        raise
    ledger.tidy(job.run_id)
    return "resumed" if resumed else "finished"


def without_result(job: Job, status: str, reason: str) -> Record:
    """Return the record of a run that failed or was pruned."""
    from cadc.measure import environment, source_version

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


def is_transient(error: Exception) -> bool:
    """Tell whether the same run may succeed another time: it lacked memory, space or a right, or the ledger did."""
    from torch import OutOfMemoryError

    # torch says so in words where it cannot allocate on the CPU.
    lacks_memory = isinstance(error, RuntimeError) and "allocate memory" in str(error)
    return lacks_memory or isinstance(error, OSError | MemoryError | OutOfMemoryError | NotWritable | Lost)


def _sentence(error: Exception) -> CadcError:
    """Return an error in a sentence, without the trace, which would keep model and data in memory."""
    if isinstance(error, CadcError):
        return type(error)(str(error))
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES):
        return CadcError(f"{error.filename or 'a file'}: {(error.strerror or str(error)).lower()}.")
    return CadcError(f"{type(error).__name__}: {error} (run it alone to see where)")


def summary(record: Record) -> str:
    """Return the metrics of a record in a few words."""
    metrics: Mapping[str, float] = record["metrics"]
    shown = {name: value for name, value in metrics.items() if name.startswith("test/")} or metrics
    return ", ".join(f"{name} {value:.4f}" for name, value in shown.items())


def own_seconds(record: Record) -> float:
    """Return what a run itself took by its record, without the stages that runs share."""
    cost = record.get("cost", {})
    return float(sum(cost.get(name, 0.0) for name in ("sample_s", "initialise_s", "train_s", "evaluate_s")))


@dataclass(frozen=True)
class RunTask:
    """One run, for a launcher to carry out elsewhere.

    Parameters
    ----------
    words : its overrides.
    run_id : what they come to here; another id there means other code or data.
    retry_failed : as in `execute`.
    """

    words: tuple[str, ...]
    run_id: str
    retry_failed: bool

    def __call__(self) -> str:
        """Carry it out and return what became of it."""
        (job,) = plan([self.words])
        if job.run_id != self.run_id:
            raise CadcError(
                f"run {self.run_id} is {job.run_id} on {platform.node()}: code, plug-ins or data differ there; install "
                "the same version everywhere and share CADC_DATA_DIR."
            )
        return execute([job], Ledger(), self.retry_failed, say=lambda line: None).became[job.run_id]


class Estimate:
    """Seconds that are left of a sweep, from those that its runs took.

    A run is taken to last as long as others of its arm did, or else as long as the average run.

    Parameters
    ----------
    jobs : of the sweep.
    """

    def __init__(self, jobs: Sequence[Job]) -> None:
        self.arms = {job.run_id: arm_signature(job.config) for job in jobs}
        self.took: dict[str, list[float]] = {}

    def add(self, job: Job, seconds: float) -> None:
        """Learn from a run that took so long."""
        self.took.setdefault(self.arms[job.run_id], []).append(seconds)

    def remaining(self, became: Mapping[str, str]) -> str:
        """Return the time left in words, empty where nothing is known yet or nothing is left."""
        left = [arm for run_id, arm in self.arms.items() if run_id not in became]
        known = [seconds for values in self.took.values() for seconds in values]
        if not left or not known:
            return ""
        mean = sum(known) / len(known)
        total = sum(sum(self.took[arm]) / len(self.took[arm]) if arm in self.took else mean for arm in left)
        return f", about {clock(total)} to go"
