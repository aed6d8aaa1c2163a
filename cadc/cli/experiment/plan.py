"""`cadc experiment --plan`: runs that are left and their time, and how they split into parts of some hours."""

import argparse
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING

from cadc.cli.grid import command
from cadc.cli.output import show
from cadc.errors import CadcError, UsageError, one_line

if TYPE_CHECKING:
    from cadc.execution.forecast import Forecast
    from cadc.execution.forecasts import Forecasts

HOUR = 3600.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments that ask for a plan."""
    parser.add_argument(
        "--plan",
        "--dry-run",
        dest="plan",
        action="store_true",
        help="print how many runs there are, how many are finished, and the time of the others",
    )
    parser.add_argument(
        "--hours", type=float, metavar="H", help="with --plan: commands for parts that take at most H hours each"
    )


def check(arguments: argparse.Namespace) -> None:
    """Raise a UsageError if a plan was asked for wrongly."""
    if arguments.plan and arguments.tune:
        raise UsageError("--plan counts the runs of a grid, and --tune runs studies; give one of the two.")
    if arguments.hours is not None and not arguments.plan:
        raise UsageError("--hours splits a plan into parts; add --plan, or leave it out.")
    if arguments.hours is not None and not arguments.hours > 0:
        raise UsageError(f"--hours is {arguments.hours:g}; expected a number of hours above 0.")


def plan_one(arguments: argparse.Namespace) -> int:
    """Print what the grid of one experiment would take; return the exit status. Nothing is prepared or written."""
    from cadc.execution.forecast import duration

    found = _forecasts(arguments)(arguments.name)
    if isinstance(found, str):
        show(found)
        return 0
    width = max(3, *map(len, found.arms))
    show(f"{'arm':{width}}   runs  finished      time")
    for name, arm in found.arms.items():
        # Where nothing is known of any, a line below says so once.
        time = "unknown" if arm.unknown and found.unknown < found.left else ""
        time = duration(arm.seconds) if arm.left > arm.unknown or not arm.left else time
        show(f"{name:{width}}  {arm.runs:5}  {arm.finished:8}  {time:>8}".rstrip())
    show(*found.summary(), *_parts({arguments.name: found}, arguments))
    return 0


def plan_all(arguments: argparse.Namespace) -> int:
    """Print what the grids of all experiments would take, a line each and in all; return the exit status."""
    from cadc.execution.forecast import merged
    from cadc.experiment import names

    forecast = _forecasts(arguments)
    found: dict[str, Forecast] = {}
    others: dict[str, str] = {}
    n_failed = 0
    for name in names():
        try:
            one = forecast(name)
        except CadcError as error:
            n_failed += 1
            others[name] = f"failed: {one_line(str(error))}"
            continue
        if isinstance(one, str):
            others[name] = one
        else:
            found[name] = one
    width = max(map(len, [*found, *others, "experiment"]))
    show(f"{'experiment':{width}}  arms   runs  finished   left  time")
    for name, one in found.items():
        finished = one.runs - one.left
        show(f"{name:{width}}  {len(one.arms):4}  {one.runs:5}  {finished:8}  {one.left:5}  {one.time()}")
    show(*(f"{name:{width}}  {what}" for name, what in others.items()))
    show(*merged(found).summary(), *_parts(found, arguments))
    if n_failed:
        raise CadcError(f"{n_failed} of {len(found) + len(others)} experiments cannot be planned; see the lines above.")
    return 0


def _forecasts(arguments: argparse.Namespace) -> "Callable[[str], Forecast | str]":
    """Return a function that makes the forecast of an experiment, or says why it has none."""
    known: list[Forecasts] = []

    def forecast(name: str) -> "Forecast | str":
        from cadc.configuration.precheck import precheck
        from cadc.experiment import load_experiment
        from cadc.launchers.launch import split_launcher

        experiment = load_experiment(name)
        if experiment.analysis is not None:
            return "is an analysis, which has no runs to count"
        if arguments.arm:
            experiment = experiment.only(arguments.arm)
        overrides, _ = split_launcher(arguments.overrides)
        cells = experiment.cells(overrides, arguments.fast)
        precheck([cell.overrides for cell in cells])

        from cadc.execution.forecasts import Forecasts
        from cadc.execution.jobs import runnable_cells
        from cadc.ledger import Ledger

        cells = runnable_cells(cells)
        if not known:
            known.append(Forecasts(Ledger(), not arguments.anew))
        return known[0].of(experiment, cells)

    return forecast


def _parts(found: "Mapping[str, Forecast]", arguments: argparse.Namespace) -> "Iterator[str]":
    """Yield the commands of parts of so many hours, if they were asked for."""
    from cadc.execution.forecast import duration
    from cadc.execution.parts import split

    if arguments.hours is None:
        return
    limit = arguments.hours * HOUR
    for number, part in enumerate(split(found, limit), 1):
        over = ", more than a part is to take" if part.seconds > limit else ""
        yield f"part {number}: about {duration(part.seconds)}{over}"
        for name, arms in part.arms.items():
            left = [arm for arm, own in found[name].arms.items() if own.left]
            named = list(arguments.arm) if arms == left else arms  # a whole grid needs no names
            yield f"  {command(argparse.Namespace(**{**vars(arguments), 'name': name, 'arm': named}))}"
