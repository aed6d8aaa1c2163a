"""`cadc tune`: search for the best options on validation data; several processes may share a study."""

import argparse
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from cadc.cli.output import show
from cadc.errors import CadcError, UsageError
from cadc.paths import user_path

if TYPE_CHECKING:
    from cadc.tuning.study import SharedStudy

HELP = "search for the best options on validation data; run again to resume"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this command."""
    parser.add_argument(
        "overrides",
        nargs="*",
        metavar="KEY=VALUE",
        help="such as data=ml-1m tune=size tune.trials=30 tune.metric=val/auc",
    )
    parser.add_argument("--output", type=user_path, help="folder of the report (default outputs/tune/STUDY)")
    parser.add_argument(
        "--dry-run", action="store_true", help="print the search space, the number of trials and their time"
    )


def main(arguments: argparse.Namespace) -> int:
    """Run the command."""
    from cadc.configuration.hydra_habits import answer_command
    from cadc.configuration.precheck import precheck
    from cadc.launchers.launch import split_launcher
    from cadc.tuning.swept_space import ends_of, split_swept

    answer_command(arguments.overrides)
    overrides, launcher = split_launcher(arguments.overrides)
    # Addresses of databases, among them, are no overrides that Hydra could parse.
    single, swept = split_swept([text for text in overrides if not text.lstrip("+").startswith(("tune=", "tune."))])
    precheck([single, *([*single, *ends] for ends in ends_of(swept))])
    if arguments.dry_run:
        return _count(overrides)

    from cadc.ledger import Ledger
    from cadc.storage.output_files import check_output_folder, write_output
    from cadc.tuning.page import study_page
    from cadc.tuning.report import write_report
    from cadc.tuning.work import open_study, work

    ledger = Ledger()
    study, base = open_study(overrides, ledger)
    folder = arguments.output or Path("outputs") / "tune" / study.name
    check_output_folder(folder)
    if launcher:
        _launch(study, overrides, launcher)
    elif study.tuning.workers > 1:
        raise UsageError("tune.workers needs a launcher; add hydra/launcher=joblib, or run this command several times.")
    else:
        work(study, base, ledger)
    lines = write_report(study, base, folder)
    show(*lines)
    if page := study_page(study, ledger):
        write_output(folder / "page.html", page)
    states = [trial.state.name.lower() for trial in study.done()]
    counts = ", ".join(f"{states.count(name)} {name}" for name in ("complete", "pruned", "fail") if name in states)
    hint = "" if find_spec("optuna_dashboard") else "  # after pip install 'cadc[dashboard]'"
    show(f"{counts}; written to {folder}", f"optuna-dashboard {study.storage.place}{hint}")
    if not lines:
        raise CadcError("no trial was complete; see the lines above.")
    return 0


def _count(overrides: Sequence[str]) -> int:
    """Print what a study would search and take; nothing is prepared or begun."""
    from cadc.execution.forecast import duration
    from cadc.execution.forecasts import Forecasts
    from cadc.ledger import Ledger
    from cadc.tuning.compose import check_space, compose_tuning
    from cadc.tuning.space import searched

    tuning, base = compose_tuning(overrides)
    check_space(tuning, base)
    show(*(f"{key}: {searched(own)}" for key, own in tuning.distributions.items()))
    n_runs = tuning.trials * tuning.repeats
    repeats = f" of {tuning.repeats} runs each" if tuning.repeats > 1 else ""
    show(f"at most {tuning.trials} trials{repeats}, those of earlier starts included")
    one, basis = Forecasts(Ledger()).of_run(base)
    if one is None:
        show("time: unknown, since no record of runs like these was found; the first trial tells")
        return 0
    limit = f", but no trial begins after {duration(tuning.seconds)}" if tuning.seconds is not None else ""
    show(f"time: about {duration(n_runs * one)}, if each run takes {duration(one)}{limit}")
    show(basis)
    return 0


def _launch(study: "SharedStudy", overrides: Sequence[str], launcher: Sequence[str]) -> None:
    from cadc.launchers.launch import launch
    from cadc.tuning.trial_lines import watched
    from cadc.tuning.work import WorkTask

    with watched(study):
        results = launch([WorkTask(tuple(overrides))] * study.tuning.workers, launcher)
    errors = [result for result in results if isinstance(result, CadcError)]
    # A lost worker does not matter if the others completed all trials.
    if errors and len(study.done()) < study.tuning.trials:
        raise errors[0]
