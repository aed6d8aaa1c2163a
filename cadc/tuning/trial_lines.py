"""What is said of the trials of a study, those of other processes included."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from optuna.trial import FrozenTrial, TrialState

from cadc.terminal.progress import Display
from cadc.tuning.storage import NoAnswer
from cadc.tuning.study import SharedStudy
from cadc.tuning.tuning import DEFAULT


def progress_line(study: SharedStudy) -> str:
    """Return how far a study is."""
    return f"{len(study.done())}/{study.tuning.trials} trials of {study.name}"


def trial_line(trial: FrozenTrial, study: SharedStudy, seconds: float) -> str:
    """Return the result of a trial as a line."""
    chosen = " ".join(
        f"{key}={value:.4g}" if isinstance(value, float) else f"{key}={value}"
        for key, value in study.tuning.chosen(trial).items()
    )
    if DEFAULT in trial.user_attrs:
        chosen = "with the current settings"
    unfinished = {TrialState.PRUNED: "stopped early", TrialState.FAIL: f"failed: {trial.user_attrs.get('reason', '')}"}
    how = unfinished.get(trial.state) or metrics_text(trial, study)
    return f"trial {trial.number} {chosen}: {how}, {seconds:.1f} s"


def metrics_text(trial: FrozenTrial, study: SharedStudy) -> str:
    """Return the metrics of a trial as text."""
    return ", ".join(f"{m} {v:.6g}" for m, v in zip(study.tuning.metrics, trial.values, strict=True))


def best_line(study: SharedStudy) -> str:
    """Return what is best so far, as the end of a line; empty before the first result."""
    best = study.best()
    if len(study.tuning.metrics) > 1:
        return f"; {len(best)} on the Pareto front"
    return f"; best {best[0].value:.6g} (trial {best[0].number})" if best else ""


@contextmanager
def watched(study: SharedStudy) -> Iterator[None]:
    """Report each trial that other processes end meanwhile."""
    ended = threading.Event()
    reported = {trial.number for trial in study.done()}

    def look(shown: Display) -> None:
        for trial in study.done():
            if trial.number not in reported:
                reported.add(trial.number)
                seconds = trial.duration.total_seconds() if trial.duration else 0.0
                shown.write(f"[{len(reported)}/{study.tuning.trials}] {trial_line(trial, study, seconds)}")
        shown.sweep(len(reported), progress_line(study))

    def watch(shown: Display) -> None:
        while not ended.wait(1.0):
            # A database may be unreachable for a moment; the workers report a longer failure.
            with suppress(NoAnswer):
                look(shown)

    with Display(study.tuning.trials) as shown:
        thread = threading.Thread(target=watch, args=(shown,), daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()
            with suppress(NoAnswer):
                look(shown)
