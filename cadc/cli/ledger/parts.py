"""`cadc ledger pack` and `cadc ledger unpack`: runs in one archive, for another ledger."""

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING

from cadc.cli.output import show
from cadc.errors import CadcError, UsageError
from cadc.ledger.safe_text import harmless
from cadc.paths import user_path
from cadc.terminal.counted import counted

if TYPE_CHECKING:
    from cadc.ledger.store import Ledger

MEGABYTE = 1e6


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `cadc ledger pack`."""
    parser.add_argument("--output", type=user_path, metavar="FILE", help="archive to write (pack)")
    parser.add_argument("--arm", action="append", default=[], help="only this arm of an experiment; repeatable (pack)")
    parser.add_argument("--fast", action="store_true", help="the grid of a quick look (pack)")
    parser.add_argument("--weights", action="store_true", help="pack the weights of the models, too (pack)")


def pack(ledger: "Ledger", given: Sequence[str], arguments: argparse.Namespace) -> None:
    """Write an archive of the runs that are named: of experiments, by ids, or all."""
    from cadc.ledger.parts.pack import pack as write
    from cadc.storage.output_files import check_output

    if arguments.output is None:
        raise UsageError("`cadc ledger pack` writes an archive, but got no --output; name one, such as part.zip.")
    check_output(arguments.output)
    run_ids = _wanted(ledger, given, arguments)
    if not run_ids:
        raise UsageError(f"there is no finished run in {ledger.folder}; set CADC_RUNS to the folder of the runs.")
    done = write(ledger, run_ids, arguments.output, arguments.weights)
    size = user_path(arguments.output).stat().st_size if arguments.output.is_file() else 0
    without = f", without {' and '.join(done.left_out)} (--weights packs it)" if done.left_out else ""
    show(
        f"{counted(done.n_runs, 'run')} packed{without}: {done.n_bytes / MEGABYTE:.1f} MB in {size / MEGABYTE:.1f} MB, "
        f"written to {arguments.output}"
    )


def unpack(ledger: "Ledger", given: Sequence[str], arguments: argparse.Namespace) -> None:
    """Add the runs of an archive to the ledger."""
    from cadc.ledger.parts.unpack import unpack as read

    if len(given) != 1:
        raise UsageError(f"`cadc ledger unpack` takes one archive, but got {len(given)}; name one, such as part.zip.")
    found = read(user_path(given[0]), ledger)
    for run_id, why in found.refused.items():
        show(f"{run_id}  {harmless(why)}")
    others = [
        f"{len(ids)} {what}"
        for ids, what in ((found.completed, "given their weights"), (found.equal, "there already with the same result"))
        if ids
    ]
    done = f"{', '.join([counted(len(found.new), 'run') + ' unpacked', *others])} in {ledger.folder}"
    if found.refused:
        n_refused = counted(len(found.refused), "run")
        raise CadcError(f"{n_refused} not unpacked, see the lines above; {done}.")
    show(done)


def _wanted(ledger: "Ledger", given: Sequence[str], arguments: argparse.Namespace) -> list[str]:
    """Return the ids of the runs that are named."""
    from cadc.experiment import names
    from cadc.ledger.parts.pack import packable

    overrides = [text for text in given if "=" in text]
    named = [text for text in given if "=" not in text]
    known = names()
    experiments = [name for name in named if name in known or (user_path(name) / "experiment.yaml").is_file()]
    if not experiments and (arguments.arm or arguments.fast or overrides):
        raise UsageError("--arm, --fast and overrides choose runs of an experiment, but none was named; name one.")
    if not named:
        return packable(ledger)
    found = [ledger.find(name, any_status=True) for name in named if name not in experiments]
    for run_id in found:
        if ledger.recorded(run_id) is None:
            raise UsageError(f"run {run_id} has not ended, so it has no record to pack; wait for it, or leave it out.")
    for name in experiments:
        found += _of_experiment(ledger, name, overrides, arguments)
    return found


def _of_experiment(ledger: "Ledger", name: str, overrides: Sequence[str], arguments: argparse.Namespace) -> list[str]:
    """Return the ids of the runs of an experiment that have a record."""
    from cadc.cli.grid import command
    from cadc.execution.jobs import runnable_cells
    from cadc.experiment import load_experiment
    from cadc.reporting.columns import MISSING
    from cadc.reporting.lookup import find_runs

    experiment = load_experiment(name)
    if experiment.analysis is not None:
        raise UsageError(f"{name} is an analysis, which has no runs to pack; leave it out.")
    if arguments.arm:
        experiment = experiment.only(arguments.arm)
    cells = runnable_cells(experiment.cells(overrides, arguments.fast))
    again = command(argparse.Namespace(name=name, arm=arguments.arm, fast=arguments.fast, overrides=list(overrides)))
    return [record["id"] for _, record in find_runs(cells, ledger, (), again) if MISSING not in record]
