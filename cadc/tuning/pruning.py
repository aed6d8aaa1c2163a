"""Stopping trials early: epochs are reported to the study as a run tells them, each once, and the pruner is asked."""

from collections.abc import Callable
from pathlib import Path

import torch
from optuna.trial import Trial

from cadc.errors import Pruned
from cadc.pipeline.settings import Settings
from cadc.training.checkpoints import CheckpointFolder
from cadc.training.fit import History
from cadc.tuning.study import SharedStudy

AfterEpoch = Callable[[History], None]

STOPPED = "cadc:stopped"
"""Attribute of a trial that is to be stopped, with the epoch."""


def epoch_reporter(trial: Trial, study: SharedStudy, settings: Settings) -> AfterEpoch:
    """Return what a run calls with its history after each epoch; it raises `Pruned` where the pruner says so.

    A trial that goes on in another process has reported some epochs already, and may not have heard the answer. What
    it is told then is what it would have been told without the interruption, if no other trial came to an end.

    Parameters
    ----------
    trial : whose lease is held.
    study : its study.
    settings : of its run.
    """
    frozen = study.frozen(trial)
    told = set(frozen.intermediate_values)
    is_stopped = STOPPED in frozen.user_attrs
    unanswered = max(told, default=None)
    last_epoch = None if settings.fit is None else settings.fit.option("max_epochs")
    metric = study.tuning.metrics[0]

    def ask(epoch: int) -> None:
        # After the last epoch there is nothing left to save.
        if trial.should_prune() and epoch != last_epoch:
            trial.set_user_attr(STOPPED, epoch)
            raise Pruned

    def tell(history: History) -> None:
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
                if epoch not in told and metric in row:
                    trial.report(row[metric], epoch)
                    told.add(epoch)
                    ask(epoch)

    return tell


def saved_history(checkpoints: Path) -> History:
    """Return the history that an interrupted run saved, empty where there is none.

    Raises
    ------
    CadcError : where its checkpoint is damaged.
    """
    newest = CheckpointFolder(checkpoints).newest()
    if newest is None:
        return []
    history: History = torch.load(newest, weights_only=True, map_location="cpu", mmap=True).get("history", [])
    return history
