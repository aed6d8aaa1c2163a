"""`cadc claims`: what is claimed, and what the results say of it."""

import argparse
import shlex
from pathlib import Path

from cadc.cli.folders import RESULTS
from cadc.cli.output import remark_cut, show
from cadc.cli.train import add_wide
from cadc.errors import UsageError
from cadc.paths import results_dir, user_path

HELP = "list what experiments claim, and what the results say: holds, fails, undecided or not run"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this command."""
    parser.add_argument("names", nargs="*", metavar="NAME", help="an experiment, or a folder with one (all)")
    parser.add_argument("--results", type=user_path, help="folder of results (results, or that of the source tree)")
    parser.add_argument(
        "--output", type=user_path, help="folder for claims.md and claims.csv; without it, the list is only printed"
    )
    parser.add_argument("--commit", action="store_true", help="write them to the folder of results")
    add_wide(parser)


def main(arguments: argparse.Namespace) -> int:
    """Run the command."""
    from cadc.experiment import load_experiment, names
    from cadc.reporting.claims.tested import examine
    from cadc.reporting.claims.written import PAGE, TABLE, lines, summary, write_claims
    from cadc.storage.output_files import check_output_folder
    from cadc.terminal.aligned import terminal_width

    if arguments.commit and (arguments.output or arguments.names):
        raise UsageError("--commit is for the claims of all experiments; leave out names and --output.")
    results: Path = arguments.results or (RESULTS if RESULTS.is_dir() or arguments.commit else results_dir())
    if not results.is_dir():
        raise UsageError(f"{results} is not a folder; name the results with --results, such as those of a clone.")
    folder: Path | None = results if arguments.commit else arguments.output
    if folder is not None:
        check_output_folder(folder)
    found = examine([load_experiment(name) for name in arguments.names or names()], results)
    if not found:
        raise UsageError(f"{', '.join(arguments.names)} claims nothing; add the key claims to its experiment.yaml.")
    table, is_cut = lines(found, None if arguments.wide else terminal_width())
    show(*table)
    show(summary(found))
    if folder is not None:
        options = ["--results", str(results)] if arguments.results else []
        options += ["--commit"] if arguments.commit else ["--output", str(folder)]
        write_claims(found, folder, shlex.join(["cadc", "claims", *arguments.names, *options]))
        show(f"written to {folder / PAGE} and {folder / TABLE}")
    remark_cut(is_cut)
    return 0
