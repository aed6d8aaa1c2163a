"""`cadc report`: rebuild table and figure of an experiment from the ledger."""

import argparse
from pathlib import Path

from cadc.cli.experiment import add_grid_arguments, command, for_each, wanted
from cadc.errors import UsageError

HELP = "rebuild the table and figure of an experiment from finished runs, without data"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this command."""
    add_grid_arguments(parser)


def main(arguments: argparse.Namespace) -> int:
    """Run the command."""
    return for_each(arguments, report)


def report(arguments: argparse.Namespace) -> str:
    """Write the results of one experiment again; return a line about them."""
    from cadc.execution.jobs import runnable_cells
    from cadc.experiment import load_experiment
    from cadc.ledger import Ledger
    from cadc.reporting.lookup import find_runs
    from cadc.reporting.results import write_results
    from cadc.reporting.written.terminal import print_table
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
    cells, folder = wanted(experiment, arguments)
    check_output_folder(folder)
    committed = list(dict.fromkeys([folder, Path("results") / experiment.name]))
    ledger = Ledger()
    runs = find_runs(runnable_cells(cells), ledger, committed)
    table = write_results(experiment, runs, folder, command(arguments), ledger, committed)
    print_table(experiment.title, table)
    return f"written to {folder}"
