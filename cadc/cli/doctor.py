"""`cadc doctor`: examine this machine, and what a run would need, before anything is started."""

import argparse

from cadc.cli.output import show
from cadc.errors import UsageError

HELP = "examine installation, machine, folders, and what a run would need"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this command."""
    parser.add_argument(
        "overrides", nargs="*", metavar="KEY=VALUE", help="of the run that is meant, such as data=ml-1m; default: none"
    )


def main(arguments: argparse.Namespace) -> int:
    """Run the command."""
    from cadc.configuration.precheck import precheck
    from cadc.diagnosis import examine
    from cadc.diagnosis.finding import WIDTH
    from cadc.launchers.launch import split_launcher
    from cadc.terminal.aligned import terminal_width
    from cadc.terminal.counted import counted

    overrides, launcher = split_launcher(arguments.overrides)
    if launcher:
        raise UsageError("a launcher was given, but the doctor examines the machine it runs on; leave it out.")
    precheck([overrides])
    width = min(terminal_width() or WIDTH, WIDTH)
    states = []
    for finding in examine(overrides):
        show(*finding.lines(width))
        states.append(finding.state)
    n_wrong, n_notes = states.count("wrong"), states.count("note")
    notes = f", {counted(n_notes, 'note')}" if n_notes else ""
    show("", f"{counted(n_wrong, 'thing')} wrong{notes}." if n_wrong else f"Nothing is wrong{notes}.")
    return 1 if n_wrong else 0
