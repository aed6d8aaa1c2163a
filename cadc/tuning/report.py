"""Report of a study: the best options as a file to run, a table of the trials, and figures."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from optuna.trial import FrozenTrial

from cadc.configuration.from_files import is_for_files, keys_for_files
from cadc.configuration.override_text import to_values
from cadc.configuration.safe_yaml import dump_yaml
from cadc.storage.csv_tables import csv_text
from cadc.storage.output_files import put_in_place, remove_output
from cadc.tuning.figures.overview import FIGURES, write_figures
from cadc.tuning.study import SharedStudy
from cadc.tuning.trial_lines import metrics_text
from cadc.tuning.work import RUNS

BEST = re.compile(r"best(-\d+)?\.yaml")


def write_report(study: SharedStudy, base: Sequence[str], folder: Path) -> list[str]:
    """Write `best.yaml` (`best-1.yaml`, ... for a Pareto front), `trials.csv` and figures; return a summary in lines.

    Files of an earlier report that are not written again are removed.

    Parameters
    ----------
    study : the study.
    base : overrides common to all its trials.
    folder : where the files go.
    """
    best = study.best()
    common = [text for text in base if not text.startswith("evaluate=")]
    written: set[str] = set()

    def write(aside: Path) -> None:
        (aside / "trials.csv").write_text(csv_text(table(study)), encoding="utf-8")
        for number, trial in enumerate(best, 1):
            _write_best(study, trial, common, aside / _name(number, len(best)))
        if best:
            write_figures(study, aside)
        written.update(path.name for path in aside.iterdir())

    put_in_place(folder, write)
    for path in folder.iterdir():
        if (BEST.fullmatch(path.name) or path.name in FIGURES) and path.name not in written:
            remove_output(path)
    lines = []
    for number, trial in enumerate(best, 1):
        lines.append(f"trial {trial.number}: {metrics_text(trial, study)}: {' '.join(study.tuning.overrides(trial))}")
        lines.append(f"  cadc train @{folder / _name(number, len(best))}")
    return lines


def table(study: SharedStudy) -> pd.DataFrame:
    """Return one row per trial: number, state, runs, options, metrics, epochs, seconds, and why it failed."""
    rows = []
    for trial in study.study.get_trials(deepcopy=False):
        values: Sequence[Any] = trial.values or [None] * len(study.tuning.metrics)
        seconds = trial.duration.total_seconds() if trial.duration else None
        rows.append(
            {"trial": trial.number, "state": trial.state.name.lower(), "run": trial.user_attrs.get(RUNS)}
            | study.tuning.chosen(trial)
            | dict(zip(study.tuning.metrics, values, strict=True))
            | {"epochs": len(trial.intermediate_values) or None, "seconds": seconds}
            | {"reason": trial.user_attrs.get("reason")}
        )
    return pd.DataFrame(rows)


def _name(number: int, of: int) -> str:
    return "best.yaml" if of == 1 else f"best-{number}.yaml"


def _write_best(study: SharedStudy, trial: FrozenTrial, common: Sequence[str], path: Path) -> None:
    lines = [
        f"# Trial {trial.number} of {len(study.done())} of the study {study.name}: {metrics_text(trial, study)}",
        f"# run it on the test data: cadc train @{path.name}",
    ]
    # What a file may not set, such as a logger, is left to the command line.
    allowed = keys_for_files()
    kept = [text for text in common if is_for_files(text.partition("=")[0], allowed)]
    options = to_values([*kept, *study.tuning.overrides(trial)])
    path.write_text("\n".join(lines) + "\n" + dump_yaml(options), encoding="utf-8")
