"""`cadc export`: write model and tables of a finished run as safetensors or Parquet."""

import argparse
from pathlib import Path

from cadc.cli.output import show
from cadc.paths import user_path

HELP = "write model, tables and vocabularies of a finished run for use elsewhere"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this command."""
    parser.add_argument("run", help="id of a finished run, or its beginning")
    parser.add_argument(
        "--format",
        choices=("safetensors", "parquet"),
        default="safetensors",
        help="of the tables: safetensors and files of raw ids, or Parquet with ids and vectors (default safetensors)",
    )
    parser.add_argument("--output", type=user_path, help="folder to write (default outputs/export-RUN)")


def main(arguments: argparse.Namespace) -> int:
    """Run the command."""
    from cadc.ledger import Ledger
    from cadc.serving.export import export

    ledger = Ledger()
    run_id = ledger.find(arguments.run)
    folder = arguments.output or Path("outputs") / f"export-{run_id}"
    export(ledger, run_id, folder, arguments.format)
    show(folder)
    return 0
