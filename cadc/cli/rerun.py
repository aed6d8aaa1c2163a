"""`cadc rerun`: repeat runs from their records, and compare the results."""

import argparse
from typing import TYPE_CHECKING

from cadc.cli.output import remark_cut, show
from cadc.cli.train import add_wide
from cadc.errors import CadcError, UsageError
from cadc.paths import user_path
from cadc.terminal.counted import counted
from cadc.terminal.progress import say

if TYPE_CHECKING:
    from cadc.rerun.repeat import Repeated
    from cadc.rerun.several import Several

HELP = "repeat runs from their records, and say to which digit the results agree"

ENDS = """\
RUN is the id of a run of the ledger (or of results), its beginning, a record.json, or a folder: of a run, of results
such as results/samplers, of several results such as results, or of a ledger.

Runs are repeated in a ledger and a cache of their own; nothing else is written. Exit status: 0 if all agree, 1 if one
does not, 3 if all that could be repeated agree, but not all could, such as for want of their data.
"""

NOT_ALL = 3
"""Exit status where runs could not be repeated, and nothing is known to be wrong."""

ELSEWHERE = 5e-3
"""Tolerance where processor, kernels, libraries or threads are not those of the record."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this command."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = ENDS
    parser.add_argument("runs", nargs="+", metavar="RUN", help="see below")
    parser.add_argument("--sample", type=int, metavar="N", help="only N of them, spread over experiments and arms")
    parser.add_argument("--seed", type=int, default=0, help="of the sample (default 0)")
    parser.add_argument(
        "--tolerance",
        type=float,
        help="largest difference of a metric (default 1e-6; where machine or libraries are others than those of the "
        f"record, {ELSEWHERE:g})",
    )
    parser.add_argument("--seconds", type=float, metavar="S", help="only runs that took at most S seconds")
    parser.add_argument("--present-code", action="store_true", help="only runs that were made by the present code")
    parser.add_argument("--keep", type=user_path, metavar="FOLDER", help="keep the repeated runs as a ledger")
    add_wide(parser)


def main(arguments: argparse.Namespace) -> int:
    """Run the command."""
    _check(arguments)
    try:
        return _repeat(arguments)
    except KeyboardInterrupt as interrupt:
        raise interrupt if interrupt.args else KeyboardInterrupt("interrupted; no run was repeated.") from interrupt


def _repeat(arguments: argparse.Namespace) -> int:
    from cadc.execution.forecast import duration
    from cadc.ledger.store import Ledger
    from cadc.rerun.draw import in_drawn_order
    from cadc.rerun.recorded import find, require_some
    from cadc.rerun.scratch import note, scratch
    from cadc.rerun.several import Several, wanted

    ledger = Ledger()
    found = find(arguments.runs, ledger)
    require_some(found, arguments.runs)
    kept, left_out = wanted(found, arguments.seconds, arguments.present_code)
    for why, n_runs in left_out.items():
        say(f"left out: {counted(n_runs, 'run')} {why}")
    runs = kept if arguments.sample is None else in_drawn_order(kept, arguments.seed)
    several = Several(runs, arguments.sample)
    n = len(runs) if arguments.sample is None else min(arguments.sample, len(runs))
    if n > 1:
        how = f", drawn with seed {arguments.seed}" if arguments.sample is not None else ""
        took = duration(sum(own.seconds for own in runs[:n]))
        say(f"{n} of {counted(len(runs), 'run')} to repeat{how}; by their records they took {took}")

    def tell(own: "Repeated", seconds: float) -> None:
        from cadc.rerun.lines import line

        if n > 1:
            say(line(own, seconds, f"[{len(several.compared)}/{n}]"))

    with scratch(arguments.keep, runs, ledger) as own:
        try:
            several.repeat(own, arguments.tolerance, ELSEWHERE, tell)
        except KeyboardInterrupt as interrupt:
            _show(several, arguments.wide)
            then = "run the same command again to go on" if arguments.keep else "--keep FOLDER would keep them"
            raise KeyboardInterrupt(
                f"interrupted after {len(several.compared)} of {counted(n, 'run')}; {then}."
            ) from interrupt
        if arguments.keep:
            from cadc.rerun.lines import noted

            note(arguments.keep, noted(several.done))
    return _end(several, arguments)


def _check(arguments: argparse.Namespace) -> None:
    if arguments.sample is not None and arguments.sample < 1:
        raise UsageError(f"--sample is {arguments.sample}; expected a number of runs, at least 1.")
    if arguments.seed < 0:
        raise UsageError(f"--seed is {arguments.seed}; expected a whole number from 0.")
    for option in ("tolerance", "seconds"):
        value = vars(arguments)[option]
        if value is not None and not 0 <= value < float("inf"):
            raise UsageError(f"--{option} is {value:g}; expected a finite number from 0.")


def _show(several: "Several", wide: bool) -> None:
    """Print the table of what was repeated, and why it may differ."""
    from cadc.rerun.lines import columns, reasons, summary
    from cadc.terminal.aligned import aligned, terminal_width

    is_cut = False
    if several.done:
        table, is_cut = aligned(columns(several.done), None if wide else terminal_width())
        show(*table, *reasons(several.done))
    show(summary(several.done))
    remark_cut(is_cut)


def _end(several: "Several", arguments: argparse.Namespace) -> int:
    """Print the results and return the exit status."""
    _show(several, arguments.wide)
    if several.wrong:
        n = len(several.compared)
        raise CadcError(f"{len(several.wrong)} of {counted(n, 'run')} that were repeated are not as recorded.")
    if several.is_short:
        n_skipped = len(several.done) - len(several.compared)
        short = f"{n_skipped} of {counted(len(several.done), 'run')} could not be repeated"
        if arguments.sample is not None:
            short = f"{len(several.compared)} of the {arguments.sample} runs asked for could be repeated"
        say(f"cadc: {short}.")
        return NOT_ALL
    return 0
