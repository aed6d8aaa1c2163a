"""A study of Optuna that any number of processes work on: each trial belongs to whoever holds its lease.

Optuna's ask and tell have no sign of life, so a killed trial would stay *running* for ever. Here its lease is found
dead, and whoever finds it goes on with the very same trial, whose run resumes from its checkpoint.
"""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from cadc.errors import CadcError, UsageError
from cadc.identity import digest
from cadc.lease import Lease, claim, wait_for
from cadc.ledger.store import Ledger
from cadc.tuning.tuning import Tuning

if TYPE_CHECKING:
    from optuna.storages import BaseStorage
    from optuna.study import Study
    from optuna.trial import FrozenTrial, Trial

LEDGER, SETTINGS = "cadc:ledger", "cadc:settings"


class SharedStudy:
    """A study and the leases of its trials.

    Parameters
    ----------
    tuning : its settings.
    name : of the study.
    settings : hash of what all its trials have in common.
    ledger : the trials' leases lie in it, and so does the study where no database is named.
    max_epochs : of a trial.

    Raises
    ------
    UsageError : where a study of this name was begun with other settings, or its storage cannot be reached.
    """

    def __init__(self, tuning: Tuning, name: str, settings: str, ledger: Ledger, max_epochs: int) -> None:
        import optuna
        from sqlalchemy.exc import ArgumentError, SQLAlchemyError

        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self.tuning, self.name = tuning, name
        self.folder = ledger.folder / ".studies"
        self.folder.mkdir(parents=True, exist_ok=True)
        # Trials of other ledgers are left to those who see their runs and leases.
        self.here = digest(str(ledger.folder.resolve()))
        try:
            with self._alone():
                self.study: Study = optuna.create_study(
                    storage=self._storage(),
                    study_name=name,
                    directions=list(tuning.directions),
                    pruner=tuning.pruner(max_epochs),
                    load_if_exists=True,
                )
                found = self.study.user_attrs.get(SETTINGS)
                if found is None:
                    self.study.set_user_attr(SETTINGS, settings)
        except (ImportError, SQLAlchemyError, ArgumentError, OSError, ValueError, KeyError) as error:
            raise UsageError(f"the study {name!r} in {self.place} cannot be opened: {_first_line(error)}") from error
        if found not in (None, settings):
            raise UsageError(
                f"the study {name!r} in {self.place} was begun with other data, code, options or search space; "
                "give this one another tune.name."
            )

    @property
    def place(self) -> str:
        """Where the study is kept, without a password; `optuna-dashboard` opens it."""
        if self.tuning.storage is None:
            return str(self.folder / f"{self.name}.journal")
        from sqlalchemy import make_url
        from sqlalchemy.exc import ArgumentError

        try:
            return make_url(self.tuning.storage).render_as_string(hide_password=True)
        except ArgumentError:
            return "tune.storage"

    def _storage(self) -> "BaseStorage | str":
        if self.tuning.storage is not None:
            return self.tuning.storage
        from optuna.storages import JournalStorage
        from optuna.storages.journal import JournalFileBackend, JournalFileSymlinkLock

        path = self.folder / f"{self.name}.journal"
        lock = JournalFileSymlinkLock(str(path))
        if path.exists():
            lock.acquire()
            try:
                _cut_half_line(path)
            finally:
                lock.release()
        return JournalStorage(JournalFileBackend(str(path), lock))

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Keep other processes from asking for a trial meanwhile, also those of other ledgers on one PostgreSQL."""
        with wait_for(self.folder / f"{self.name}.asking"):
            url = self.tuning.storage
            if url is None or not url.startswith("postgres"):
                yield
                return
            from sqlalchemy import create_engine, text

            engine = create_engine(url)
            with engine.connect() as connection:
                connection.execute(text("SELECT pg_advisory_lock(hashtext(:name))"), {"name": f"cadc {self.name}"})
                yield  # the lock goes with the connection
            engine.dispose()

    def next(self) -> "tuple[Trial, Lease] | None":
        """Return a trial to work on: one that was left behind, or a new one; None when all are begun or done."""
        from optuna.trial import Trial, TrialState

        with self._alone():
            trials = self.study.get_trials(deepcopy=False)
            for trial in trials:
                # One without an owner was left between asking for it and noting whose it is.
                if trial.state == TrialState.RUNNING and trial.user_attrs.get(LEDGER, self.here) == self.here:
                    lease = claim(self._leases(trial.number))
                    if lease is not None:
                        self.study.sampler = self.tuning.sampler(trial.number)
                        return self._begin(Trial(self.study, trial._trial_id)), lease
            begun = [trial for trial in trials if trial.state != TrialState.WAITING]
            if len(begun) >= self.tuning.trials:
                return None
            self.study.sampler = self.tuning.sampler(len(begun))
            new = self.study.ask()
            lease = claim(self._leases(new.number))
            if lease is None:
                raise CadcError(
                    f"trial {new.number} of {self.name} is claimed already; is its folder of another study?"
                )
            return self._begin(new), lease

    def _begin(self, trial: "Trial") -> "Trial":
        trial.set_user_attr(LEDGER, self.here)
        for key, distribution in self.tuning.distributions.items():
            # What an earlier holder chose is kept.
            trial._suggest(key, distribution)
        return trial

    def tell(self, trial: "Trial", **outcome: Any) -> None:
        """Tell Optuna what became of a trial whose lease is held, and forget its lease."""
        self.study.tell(trial, **outcome, skip_if_finished=True)
        shutil.rmtree(self._leases(trial.number), ignore_errors=True)

    def others_work(self) -> bool:
        """Tell whether trials of this ledger are not done yet."""
        from optuna.trial import TrialState

        running = self.study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))
        return any(trial.user_attrs.get(LEDGER, self.here) == self.here for trial in running)

    def done(self) -> "list[FrozenTrial]":
        """Return the trials that came to an end."""
        return [trial for trial in self.study.get_trials(deepcopy=False) if trial.state.is_finished()]

    def _leases(self, number: int) -> Any:
        return self.folder / f"{self.name}.trials" / str(number)


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]


def _cut_half_line(path: Any) -> None:
    """Remove what a full disk left of the last line, which Optuna would stumble over from then on."""
    content = path.read_bytes()
    if content and not content.endswith(b"\n"):
        with path.open("r+b") as file:
            file.truncate(content.rfind(b"\n") + 1)
