"""`cadc cache`: list or remove the content of the stage cache."""

import argparse

from cadc.cli.output import show
from cadc.storage.cache_entries import STAGES

HELP = "list or remove downloads, prepared data and factors"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this command."""
    parser.add_argument("action", choices=["list", "clean"])
    parser.add_argument("stage", nargs="?", choices=STAGES, help="only this stage")


def main(arguments: argparse.Namespace) -> int:
    """Run the command."""
    from cadc.ledger.safe_text import harmless, since
    from cadc.paths import cache_dir
    from cadc.storage.cache_entries import discard_entry, entries
    from cadc.terminal.aligned import Column, aligned, terminal_width

    found = entries(STAGES if arguments.stage is None else (arguments.stage,))
    # Entries that a process is making stay.
    kept = [entry for entry in found if arguments.action == "list" or discard_entry(entry)]
    columns = [
        Column("size", [f"{entry.size / 1e6:.1f} MB" for entry in kept], is_number=True, weight=4),
        Column("stage", [entry.stage for entry in kept], weight=5),
        Column("data", [harmless(entry.data, 80) for entry in kept], weight=3, least=12),
        Column("rows", ["" if entry.n_rows is None else f"{entry.n_rows:,}" for entry in kept], True, 1),
        Column("made", [since(entry.made_at) for entry in kept], is_number=True, weight=2),
        Column("entry", [harmless(entry.key, 80) for entry in kept], weight=0, least=12),
    ]
    if kept:
        show(*aligned(columns, terminal_width())[0])
    total = sum(entry.size for entry in kept)
    show(f"{total / 1e6:.1f} MB {'removed from' if arguments.action == 'clean' else 'in'} {cache_dir()}")
    return 0
