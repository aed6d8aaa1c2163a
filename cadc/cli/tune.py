"""`cadc tune`: search for the best options on validation, alone or with others on one study."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from cadc.errors import CadcError, UsageError

if TYPE_CHECKING:
    from cadc.tuning.study import SharedStudy

HELP = "search for the best options on validation data; started again, it goes on"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the words of this command."""
    parser.add_argument(
        "overrides",
        nargs="*",
        metavar="KEY=VALUE",
        help="such as data=ml-1m tune=size tune.trials=30 tune.metric=val/auc",
    )
    parser.add_argument("--output", type=Path, help="folder of best options, trials and figures (outputs/tune/STUDY)")


def main(arguments: argparse.Namespace) -> int:
    """Run the command."""
    from cadc.launchers.launch import split_launcher
    from cadc.ledger import Ledger
    from cadc.tuning.report import write_report
    from cadc.tuning.work import open_study, work

    words, launcher = split_launcher(arguments.overrides)
    ledger = Ledger()
    study, base = open_study(words, ledger)
    if launcher:
        _launch(study, words, launcher)
    elif study.tuning.workers > 1:
        raise UsageError("tune.workers needs a launcher, such as hydra/launcher=joblib; or start this command again.")
    else:
        work(study, base, ledger)
    folder = arguments.output or Path("outputs") / "tune" / study.name
    lines = write_report(study, base, folder)
    print("\n".join(lines))
    states = [trial.state.name.lower() for trial in study.done()]
    counts = ", ".join(f"{states.count(name)} {name}" for name in ("complete", "pruned", "fail") if name in states)
    print(f"{counts}; written to {folder}\noptuna-dashboard {study.storage.place}")
    if not lines:
        raise CadcError("no trial was complete; the reasons are in the lines above.")
    return 0


def _launch(study: "SharedStudy", words: Sequence[str], launcher: Sequence[str]) -> None:
    from cadc.launchers.launch import launch
    from cadc.tuning.work import WorkTask, watched

    with watched(study):
        results = launch([WorkTask(tuple(words))] * study.tuning.workers, launcher)
    errors = [result for result in results if isinstance(result, CadcError)]
    # One worker may be lost where the others did its share.
    if errors and len(study.done()) < study.tuning.trials:
        raise errors[0]
