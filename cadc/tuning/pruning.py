"""Pruning: report each epoch to Optuna once, then ask the pruner."""

from collections.abc import Callable

from optuna.trial import Trial

from cadc.errors import Pruned
from cadc.pipeline.settings import Settings
from cadc.training.fit_state import History
from cadc.tuning.study import SharedStudy

AfterEpoch = Callable[[History], None]

STOPPED = "cadc:stopped"
"""Attribute of a pruned trial: the epoch after which it was stopped."""


def epoch_reporter(trial: Trial, study: SharedStudy, settings: Settings) -> AfterEpoch:
    """Return a function that a run calls with its history after each epoch; it raises `Pruned` if the pruner says so.

    A trial that is resumed by another process has reported some epochs already, and may lack the answer to the last. It
    then gets the answer that it would have got before, unless other trials have ended since.

    Parameters
    ----------
    trial : a trial whose lease is held.
    study : its study.
    settings : of its run.
    """
    frozen = study.frozen(trial)
    reported = set(frozen.intermediate_values)
    is_stopped = STOPPED in frozen.user_attrs
    unanswered = max(reported, default=None)
    last_epoch = None if settings.fit is None else settings.fit.option("max_epochs")
    metric = study.tuning.metrics[0]

    def ask(epoch: int) -> None:
        # Stopping after the last epoch saves nothing.
        if trial.should_prune() and epoch != last_epoch:
            trial.set_user_attr(STOPPED, epoch)
            raise Pruned

    def after_epoch(history: History) -> None:
        nonlocal unanswered
        if is_stopped:
            raise Pruned
        if not study.tuning.prunes:
            return
        with study.storage.reached():
            if unanswered is not None:
                epoch, unanswered = unanswered, None
                ask(epoch)
            for row in history:
                epoch = int(row["epoch"])
                if epoch not in reported and metric in row:
                    trial.report(row[metric], epoch)
                    reported.add(epoch)
                    ask(epoch)

    return after_epoch
