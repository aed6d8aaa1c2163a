"""`cadc cache`: list or remove the content of the stage cache."""

import argparse

from cadc.cli.output import show
from cadc.storage.stage_cache import STAGES

HELP = "list or remove downloads, prepared data and factors"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this command."""
    parser.add_argument("action", choices=["list", "clean"])
    parser.add_argument("stage", nargs="?", choices=STAGES, help="only this stage")


def main(arguments: argparse.Namespace) -> int:
    """Run the command."""
    from cadc.paths import cache_dir
    from cadc.storage.stage_cache import discard_entry, entries

    total = 0
    for entry in entries():
        if arguments.stage not in (None, entry.stage):
            continue
        if arguments.action == "clean" and not discard_entry(entry):
            continue  # a process works on it
        total += entry.size
        show(f"{entry.size / 1e6:10.1f} MB  {entry.stage:10} {entry.key}")
    show(f"{total / 1e6:10.1f} MB  {'removed from' if arguments.action == 'clean' else 'in'} {cache_dir()}")
    return 0
