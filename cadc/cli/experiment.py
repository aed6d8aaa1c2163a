"""`cadc experiment`: run the grid of an experiment and write its table and figure."""

import argparse
import shlex
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from cadc.cli.train import add_retry_failed

if TYPE_CHECKING:
    from cadc.experiment import Cell, Experiment

HELP = "run the grid of an experiment, then write its table and figure"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the words of this command."""
    add_grid_arguments(parser)
    add_retry_failed(parser)


def add_grid_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the words that name a grid and where its results go."""
    parser.add_argument("name", help="such as cadc_ml1m, or the path of a folder with an experiment.yaml")
    parser.add_argument(
        "overrides", nargs="*", metavar="KEY=VALUE", help="laid over the grid, such as data=ml-100k seed=0,1"
    )
    parser.add_argument("--fast", action="store_true", help="a quick look: few rates, one seed, small data")
    parser.add_argument(
        "--output",
        type=Path,
        help="folder of table and figure (results/NAME; outputs/NAME for --fast and overrides)",
    )


def main(arguments: argparse.Namespace) -> int:
    """Run the command."""
    from cadc.errors import CadcError
    from cadc.experiment import load_experiment
    from cadc.jobs import plan, without_impossible
    from cadc.launching import split_words
    from cadc.ledger import Ledger
    from cadc.mirrors.after import AfterRun
    from cadc.reporting.results import write_results
    from cadc.reporting.table import print_table
    from cadc.sweep import execute

    experiment = load_experiment(arguments.name)
    arguments.overrides, launcher = split_words(arguments.overrides)
    cells, folder = wanted(experiment, arguments)
    cells = without_impossible(cells)
    jobs = plan([cell.words for cell in cells])
    folder.mkdir(parents=True, exist_ok=True)
    ledger = Ledger()
    after = AfterRun(experiment.name)
    try:
        outcome = execute(jobs, ledger, arguments.retry_failed, launcher=launcher, after=after)
    finally:
        with suppress(OSError):  # results of before are in it
            folder.rmdir()
    if outcome.errors:
        raise CadcError(
            f"{len(outcome.errors)} of {len(jobs)} runs have no result, so no table is written; "
            f"the first: {next(iter(outcome.errors.values()))}"
        )
    runs = [(cell.arm, ledger.record(job.run_id)) for cell, job in zip(cells, jobs, strict=True)]
    table = write_results(experiment, runs, folder, command(arguments), ledger)
    print_table(experiment.title, table)
    print(f"{', '.join(f'{count} {name}' for name, count in outcome.counts.items())}; written to {folder}")
    after.table(jobs[0].config, folder)
    return 0


def wanted(experiment: "Experiment", arguments: argparse.Namespace) -> "tuple[list[Cell], Path]":
    """Return the runs that the words ask for, and the folder of their results.

    Only the whole grid, untouched, goes into `results`.
    """
    overrides: Sequence[str] = [*(experiment.fast if arguments.fast else ()), *arguments.overrides]
    default = Path("outputs" if overrides else "results") / experiment.name
    return experiment.cells(overrides), (arguments.output or default)


def command(arguments: argparse.Namespace) -> str:
    """Return the words that make the same table again."""
    fast = ["--fast"] if arguments.fast else []
    return shlex.join(["cadc", "experiment", arguments.name, *fast, *arguments.overrides])
