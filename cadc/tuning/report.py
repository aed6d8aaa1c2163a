"""What a tuning found: the best options as a file to run, a table of the trials, figures."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import yaml

from cadc.cache import put_in_place
from cadc.tuning.study import SharedStudy
from cadc.words import words_of

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial


def write_report(study: SharedStudy, base: Sequence[str], folder: Path) -> list[str]:
    """Write `best.yaml` (`best-1.yaml`, ... of a Pareto front), `trials.csv` and figures; return lines that say what.

    Parameters
    ----------
    study : the study.
    base : words that all its trials have in common.
    folder : where the files go.
    """
    best = sorted(study.study.best_trials, key=lambda trial: trial.values) if _complete(study) else []
    words = [word for word in base if not word.startswith("evaluate=")]

    def write(aside: Path) -> None:
        table(study).to_csv(aside / "trials.csv", index=False)
        for number, trial in enumerate(best, 1):
            _write_best(study, trial, words, aside / _name(number, len(best)))
        if best:
            from cadc.tuning.figures import write_figures

            write_figures(study, aside)

    put_in_place(folder, write)
    lines = []
    for number, trial in enumerate(best, 1):
        reached = ", ".join(f"{m} {v:.6g}" for m, v in zip(study.tuning.metrics, trial.values, strict=True))
        lines.append(f"trial {trial.number}: {reached}: {' '.join(words_of(trial.params))}")
        lines.append(f"  cadc train @{folder / _name(number, len(best))}")
    return lines


def table(study: SharedStudy) -> pd.DataFrame:
    """Return a row a trial: number, state, run, options, metrics, seconds."""
    rows = []
    for trial in study.study.get_trials(deepcopy=False):
        values: Sequence[Any] = trial.values or [None] * len(study.tuning.metrics)
        seconds = trial.duration.total_seconds() if trial.duration else None
        rows.append(
            {"trial": trial.number, "state": trial.state.name.lower(), "run": trial.user_attrs.get("run")}
            | trial.params
            | dict(zip(study.tuning.metrics, values, strict=True))
            | {"epochs": len(trial.intermediate_values) or None, "seconds": seconds}
        )
    return pd.DataFrame(rows)


def _complete(study: SharedStudy) -> bool:
    from optuna.trial import TrialState

    return bool(study.study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,)))


def _name(number: int, of: int) -> str:
    return "best.yaml" if of == 1 else f"best-{number}.yaml"


def _write_best(study: SharedStudy, trial: "FrozenTrial", words: Sequence[str], path: Path) -> None:
    reached = ", ".join(f"{m} {v:.6g}" for m, v in zip(study.tuning.metrics, trial.values, strict=True))
    lines = [
        f"# Trial {trial.number} of {len(study.done())} of the study {study.name}: {reached}",
        f"# run it on the test part: cadc train @{path.name}",
    ]
    options = dict(word.partition("=")[::2] for word in [*words, *words_of(trial.params)])
    path.write_text("\n".join(lines) + "\n" + yaml.safe_dump(_typed(options), sort_keys=False))


def _typed(options: dict[str, str]) -> dict[str, Any]:
    """Return values as YAML has them, where that reads back as the same word."""
    typed = {}
    for key, text in options.items():
        value = yaml.safe_load(text)
        typed[key] = value if words_of({key: value}) == [f"{key}={text}"] else text
    return typed
