"""`cadc report`: rebuild table and figure of an experiment from the ledger, or from results as they are."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from cadc.cli.folders import OUTPUTS, RESULTS, folders_of_results
from cadc.cli.grid import add_grid_arguments, command, for_each, is_part, own_folder
from cadc.cli.output import show
from cadc.cli.table import require_complete
from cadc.errors import UsageError, shown
from cadc.paths import user_path
from cadc.terminal.progress import say

if TYPE_CHECKING:
    import pandas as pd

    from cadc.experiment import Experiment

HELP = "rebuild the table and figure of an experiment from finished runs, without data"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this command."""
    add_grid_arguments(parser)
    parser.add_argument(
        "--commit",
        action="store_true",
        help="write to results/NAME, or to the folder of results that was named, instead of outputs",
    )


def main(arguments: argparse.Namespace) -> int:
    """Run the command."""
    if arguments.commit and arguments.output:
        raise UsageError("--commit and --output were both given; give one of the two.")
    if arguments.commit and is_part(arguments):
        raise UsageError("--commit is for the whole grid of an experiment; leave out --fast, --arm and overrides.")
    return for_each(arguments, report)


def report(arguments: argparse.Namespace) -> str:
    """Write the results of one experiment again; return a line about them."""
    from cadc.reporting.verify import is_results

    named = user_path(arguments.name)
    is_own = (named / "experiment.yaml").exists()
    if is_results(named) and not is_own:
        return _report_results(named.resolve(), arguments)
    if "/" in arguments.name and not is_own:
        raise UsageError(
            f"{shown(arguments.name)} holds neither an experiment.yaml nor results; name an experiment, or a folder of "
            "one of the two."
        )
    return _report_experiment(arguments)


def _report_experiment(arguments: argparse.Namespace) -> str:
    """Write the results of an experiment again, from the ledger and committed records."""
    from cadc.execution.jobs import runnable_cells
    from cadc.experiment import load_experiment
    from cadc.ledger import Ledger
    from cadc.reporting.lookup import find_runs
    from cadc.reporting.results import write_results
    from cadc.storage.output_files import check_output_folder

    experiment = load_experiment(arguments.name)
    if experiment.analysis is not None:
        if arguments.all:
            return "is an analysis, which has no runs to report"
        raise UsageError(
            f"{experiment.name} is an analysis, which has no runs to report; run `cadc experiment {experiment.name}`."
        )
    if arguments.arm:
        experiment = experiment.only(arguments.arm)
    own = RESULTS / experiment.name if arguments.commit else own_folder(experiment, arguments)
    folder = arguments.output or own
    check_output_folder(folder)
    committed = folders_of_results(experiment.name, folder)
    ledger = Ledger()
    cells = runnable_cells(experiment.cells(arguments.overrides, arguments.fast))
    runs = find_runs(cells, ledger, committed, command(arguments))
    table = write_results(experiment, runs, folder, command(arguments), ledger, committed)
    return _written(experiment, table, folder, arguments.wide)


def _report_results(results: Path, arguments: argparse.Namespace) -> str:
    """Write results again from their own records, whatever the experiment asks for today."""
    from cadc.ledger import Ledger
    from cadc.reporting.committed import read_results
    from cadc.reporting.results import write_results
    from cadc.storage.output_files import check_output_folder

    if is_part(arguments):
        raise UsageError(
            f"{shown(arguments.name)} is a folder of results, whose runs are given; leave out --fast, --arm and "
            "overrides, or name the experiment."
        )
    experiment, runs = read_results(results)
    say(f"read {len(runs)} runs from {results}")
    folder = arguments.output or (results if arguments.commit else OUTPUTS / results.name)
    check_output_folder(folder)
    table = write_results(experiment, runs, folder, command(arguments), Ledger(), [results])
    return _written(experiment, table, folder, arguments.wide)


def _written(experiment: "Experiment", table: "pd.DataFrame", folder: Path, wide: bool) -> str:
    """Print a table; return a line about its folder."""
    from cadc.reporting.written.terminal import print_table

    print_table(experiment.title, table, wide)
    show(*table.attrs["seen"])
    done = f"written to {folder}"
    require_complete(table, done)
    return done
