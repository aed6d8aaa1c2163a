"""An Optuna study that any number of processes work on: each trial belongs to the process that holds its lease.

With Optuna's ask and tell alone, a killed trial would stay *running* for ever. Here its lease expires, and the next
process resumes the same trial, whose run continues from its checkpoint.
"""

from collections.abc import Sequence
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, TypeAlias

import optuna
from optuna.exceptions import StorageInternalError
from optuna.study import Study
from optuna.trial import FrozenTrial, Trial, TrialState
from sqlalchemy.exc import SQLAlchemyError

from cadc.errors import CadcError, UsageError
from cadc.ledger.store import Ledger
from cadc.provenance.fingerprint import digest
from cadc.storage.lease import Lease, claim
from cadc.storage.under_lease import clear
from cadc.tuning.proposals import Proposals
from cadc.tuning.storage import Storage
from cadc.tuning.tuning import DEFAULT, Tuning

LEDGER, SETTINGS, SECONDS = "cadc:ledger", "cadc:settings", "cadc:seconds"

Ended: TypeAlias = Literal["trials", "seconds", "space"]


def seconds_of(trial: FrozenTrial) -> float:
    """Return the seconds that a trial took, as the records of its runs count them; 0 for one that has not ended."""
    return float(trial.user_attrs.get(SECONDS, 0.0))


def _seconds_so_far(trial: FrozenTrial) -> float:
    """Return the seconds of a trial that has ended, and the time since one that another process works on began."""
    if trial.state != TrialState.RUNNING or trial.datetime_start is None:
        return seconds_of(trial)
    return (datetime.now() - trial.datetime_start).total_seconds()


class SharedStudy:
    """A study and the leases of its trials.

    Several ledgers may share a study in PostgreSQL; since their processes do not see each other's leases, they only
    resume their own trials.

    Parameters
    ----------
    tuning : its settings.
    name : of the study.
    settings : hash of what all its trials have in common.
    ledger : has the leases of the trials, and the study unless it is in a database.
    max_epochs : of a trial.
    overrides : common to all trials.

    Raises
    ------
    UsageError : if a study of this name was begun with other settings, or its storage cannot be opened.
    """

    def __init__(
        self,
        tuning: Tuning,
        name: str,
        settings: str,
        ledger: Ledger,
        max_epochs: int,
        overrides: Sequence[str] = (),
    ) -> None:
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self.tuning, self.name, self.overrides = tuning, name, tuple(overrides)
        self.is_exhausted = False
        self.folder = ledger.folder / ".studies"
        self.storage = Storage(tuning.storage, self.folder, name)
        # Trials of other ledgers are left to processes that see their runs and leases.
        self.here = digest(str(ledger.folder.resolve()))
        self._held: dict[int, Lease] = {}
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with self.storage.alone("opening"):
                self._trials = self.storage.open()
                self.study: Study = optuna.create_study(
                    storage=self._trials,
                    study_name=name,
                    directions=list(tuning.directions),
                    pruner=tuning.pruner(max_epochs),
                    load_if_exists=True,
                )
                found = self.study.user_attrs.get(SETTINGS)
                if found is None:
                    self.study.set_user_attr(SETTINGS, settings)
        except (
            ImportError,
            SQLAlchemyError,
            StorageInternalError,
            OSError,
            ValueError,
            KeyError,
            RuntimeError,
        ) as error:
            raise UsageError(
                f"the study {name!r} in {self.storage.place} cannot be opened: {self.storage.reason(error)}"
            ) from error
        if found not in (None, settings):
            raise UsageError(
                f"the study {name!r} in {self.storage.place} was begun with other data, code, options or settings of "
                "the tuning; choose another tune.name."
            )

    def next(self) -> tuple[Trial, Lease] | None:
        """Return a trial to work on and its lease: an abandoned trial, or a new one; None if all are begun or done.

        Raises
        ------
        NoAnswer : if the storage does not answer.
        """
        with self.storage.reached(), self.storage.alone(f"{self.name}.asking"):
            trials = self.study.get_trials(deepcopy=False)
            for trial in trials:
                lease = claim(self._leases(trial.number), f"trial {trial.number}") if self._is_ours(trial) else None
                if lease is None:
                    continue
                # Its holder may have ended it since the trials were read.
                if self._trials.get_trial(trial._trial_id).state.is_finished():
                    clear(lease)
                else:
                    return self._begin(trial.number, trial._trial_id, lease), lease
            if self._is_enough(trials):
                return None
            if all(trial.state != TrialState.WAITING for trial in trials):
                values = self._proposals.next(self.study, trials) if trials else self._proposals.default()
                self.is_exhausted = values is None
                if values is None:
                    return None
                # Written in one piece, so that a trial whose process is killed now has its options already.
                self.study.enqueue_trial(values, user_attrs={} if trials else {DEFAULT: True})
            new = self.study.ask()
            lease = claim(self._leases(new.number), f"trial {new.number}")
            if lease is None:
                raise CadcError(f"trial {new.number} of {self.name} is claimed already; choose another tune.name.")
            return self._begin(new.number, new._trial_id, lease), lease

    def _is_enough(self, trials: Sequence[FrozenTrial]) -> bool:
        """Return whether no trial is to begin: there are enough, or they took all seconds."""
        begun = [trial for trial in trials if trial.state != TrialState.WAITING]
        return len(begun) >= self.tuning.trials or self._is_out_of_time(trials)

    def _is_out_of_time(self, trials: Sequence[FrozenTrial]) -> bool:
        limit = self.tuning.seconds
        return limit is not None and sum(map(_seconds_so_far, trials)) >= limit

    @cached_property
    def _proposals(self) -> Proposals:
        return Proposals(self.tuning, self.overrides)

    def _begin(self, number: int, trial_id: int, lease: Lease) -> Trial:
        """Note the options of a trial where an earlier holder has not done so."""
        self._held[number] = lease
        try:
            trial = Trial(self.study, trial_id)
            trial.set_user_attr(LEDGER, self.here)
            for key in self.frozen(trial).system_attrs.get("fixed_params", {}):
                # What else a shared database may hold is not of this space.
                if key in self.tuning.distributions:
                    trial._suggest(key, self.tuning.distributions[key])
        except BaseException:
            lease.release()
            raise
        return trial

    def tell(self, trial: Trial, seconds: float = 0.0, **outcome: Any) -> None:
        """Tell Optuna the result or state of a trial whose lease is held, and remove its lease.

        Parameters
        ----------
        trial, outcome : as `optuna.Study.tell` takes them.
        seconds : what it took.

        Raises
        ------
        Lost : if another process took the trial over.
        NoAnswer : if the storage does not answer.
        """
        lease = self._held.pop(trial.number)
        lease.require_held()
        with self.storage.reached():
            trial.set_user_attr(SECONDS, seconds)
            self.study.tell(trial, **outcome, skip_if_finished=True)
        clear(lease)

    def frozen(self, trial: Trial) -> FrozenTrial:
        """Return a trial as stored."""
        with self.storage.reached():
            return self._trials.get_trial(trial._trial_id)

    def others_work(self) -> bool:
        """Return whether trials of this ledger are still running, here or in other processes."""
        with self.storage.reached():
            return any(map(self._is_ours, self.study.get_trials(deepcopy=False)))

    def done(self) -> list[FrozenTrial]:
        """Return the trials that have ended."""
        with self.storage.reached():
            return [trial for trial in self.study.get_trials(deepcopy=False) if trial.state.is_finished()]

    def seconds(self) -> float:
        """Return what the trials that have ended took together."""
        return sum(map(seconds_of, self.done()))

    def ended_by(self) -> Ended:
        """Return what ended the study: all trials are done, its seconds are over, or its space has nothing else."""
        done = self.done()
        if len(done) >= self.tuning.trials:
            return "trials"
        return "seconds" if self._is_out_of_time(done) else "space"

    def best(self) -> list[FrozenTrial]:
        """Return the best trial, or the Pareto front in the order of the first metric, without duplicates."""
        if not any(trial.state == TrialState.COMPLETE for trial in self.done()):
            return []
        with self.storage.reached():
            if len(self.tuning.metrics) == 1:
                return [self.study.best_trial]
            front = {tuple(trial.params.items()): trial for trial in reversed(self.study.best_trials)}
        return sorted(front.values(), key=lambda trial: (trial.values, trial.number))

    def _is_ours(self, trial: FrozenTrial) -> bool:
        # A trial without an owner was abandoned just after it was created.
        return trial.state == TrialState.RUNNING and trial.user_attrs.get(LEDGER, self.here) == self.here

    def _leases(self, number: int) -> Path:
        return self.folder / f"{self.name}.trials" / str(number)
