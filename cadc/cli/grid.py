"""The grid that a command was asked for: its arguments, its runs, the folder of its results, one experiment or all."""

import argparse
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from cadc.cli.folders import RESULTS, output_folder
from cadc.cli.output import show
from cadc.cli.train import add_wide
from cadc.errors import CadcError, NotDownloadable, UsageError, one_line
from cadc.paths import user_path
from cadc.terminal.progress import say

if TYPE_CHECKING:
    from cadc.experiment import Cell, Experiment


def add_grid_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments that choose a grid and the folder of its results."""
    parser.add_argument("name", nargs="?", help="experiment such as cadc_ml1m, or folder with an experiment.yaml")
    parser.add_argument(
        "overrides", nargs="*", metavar="KEY=VALUE", help="override the grid, such as data=ml-100k seed=0,1"
    )
    parser.add_argument("--arm", action="append", default=[], help="only this arm; may be repeated")
    parser.add_argument("--all", action="store_true", help="all experiments, one after the other")
    add_wide(parser)
    parser.add_argument("--fast", action="store_true", help="a quick look: few rates, one seed, small data")
    parser.add_argument(
        "--output",
        type=user_path,
        help="folder of table and figure (default: for the whole grid of cadc experiment, and with --commit, "
        "results/NAME; else one in outputs whose name carries what differs)",
    )


def require_one_or_all(arguments: argparse.Namespace) -> None:
    """Raise a UsageError unless one experiment was named, or --all given without what belongs to one.

    With --all, the first override stands where the name of an experiment would.
    """
    if not arguments.all:
        if arguments.name is None:
            raise UsageError("no experiment was given; name one, or give --all.")
        return
    if arguments.name is not None:
        if "=" not in arguments.name:
            raise UsageError(f"--all and {arguments.name} were both given; give one of the two.")
        arguments.overrides, arguments.name = [arguments.name, *arguments.overrides], None
    if arguments.output:
        raise UsageError("--output and --all were both given; leave --output out: results go to results and outputs.")
    if arguments.arm:
        raise UsageError("--arm and --all were both given; leave one of the two out.")


def for_each(arguments: argparse.Namespace, do: Callable[[argparse.Namespace], str]) -> int:
    """Call a function for the named experiment, or with --all for all, even if some fail; return the exit status.

    Parameters
    ----------
    arguments : of the command.
    do : takes the arguments with the name of one experiment; returns a line about the result.
    """
    require_one_or_all(arguments)
    if not arguments.all:
        show(do(arguments))
        return 0
    from cadc.experiment import names

    results: dict[str, str] = {}
    failed = 0
    for name in names():
        say(f"== {name}")
        single = argparse.Namespace(**{**vars(arguments), "name": name, "overrides": list(arguments.overrides)})
        try:
            results[name] = do(single)
        except NotDownloadable as missing:
            results[name] = f"left out: {one_line(str(missing))}"
        except (CadcError, OSError) as error:
            failed += 1
            results[name] = f"failed: {one_line(str(error))}"
            say(f"cadc: {name}: {one_line(str(error))}")
    width = max(map(len, results), default=0)
    show(*(f"{name:{width}}  {line}" for name, line in results.items()))
    if failed:
        raise CadcError(f"{failed} of {len(results)} experiments failed; see the lines above.")
    return 0


def wanted(experiment: "Experiment", arguments: argparse.Namespace) -> "tuple[list[Cell], Path]":
    """Return the runs that were asked for, and the folder of their results.

    Only the whole, unchanged grid goes into `results`; every other has a folder of its own in `outputs`.
    """
    default = own_folder(experiment, arguments) if is_part(arguments) else RESULTS / experiment.name
    return experiment.cells(arguments.overrides, arguments.fast), (arguments.output or default)


def is_part(arguments: argparse.Namespace) -> bool:
    """Tell whether another grid than the whole, unchanged one was asked for."""
    return bool(arguments.overrides or arguments.fast or arguments.arm)


def own_folder(experiment: "Experiment", arguments: argparse.Namespace) -> Path:
    """Return the folder in `outputs` of the grid that was asked for."""
    return output_folder(experiment.name, arguments.overrides, arguments.fast, arguments.arm)


def command(arguments: argparse.Namespace) -> str:
    """Return the command that reproduces the table."""
    fast = ["--fast"] if arguments.fast else []
    arms = [argument for arm in arguments.arm for argument in ("--arm", arm)]
    return shlex.join(["cadc", "experiment", arguments.name, *fast, *arms, *arguments.overrides])
