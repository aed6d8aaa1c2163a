"""`cadc report`: rebuild table and figure of an experiment from the ledger alone."""

import argparse
from pathlib import Path

from cadc.cli.experiment import add_grid_arguments, command, wanted

HELP = "rebuild the table and figure of an experiment from finished runs, without data"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the words of this command."""
    add_grid_arguments(parser)


def main(arguments: argparse.Namespace) -> int:
    """Run the command."""
    from cadc.experiment import load_experiment
    from cadc.jobs import without_impossible
    from cadc.ledger import Ledger
    from cadc.reporting.results import find_runs, write_results
    from cadc.reporting.table import print_table

    experiment = load_experiment(arguments.name)
    cells, folder = wanted(experiment, arguments)
    committed = list(dict.fromkeys([folder, Path("results") / experiment.name]))
    ledger = Ledger()
    runs = find_runs(without_impossible(cells), ledger, committed)
    table = write_results(experiment, runs, folder, command(arguments), ledger, committed)
    print_table(experiment.title, table)
    print(f"written to {folder}")
    return 0
