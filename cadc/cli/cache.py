"""`cadc cache`: list or remove the content of the stage cache."""

import argparse

from cadc.storage.stage_cache import STAGES

HELP = "list or remove downloads, prepared data and factors"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this command."""
    parser.add_argument("action", choices=["list", "clean"])
    parser.add_argument("stage", nargs="?", choices=STAGES, help="only this stage")


def main(arguments: argparse.Namespace) -> int:
    """Run the command."""
    import shutil

    from cadc.paths import cache_dir
    from cadc.storage.lease import holder
    from cadc.storage.stage_cache import entries

    total = 0
    for entry in entries():
        if arguments.stage not in (None, entry.stage):
            continue
        if arguments.action == "clean" and entry.path.is_dir() and holder(entry.path):
            continue  # a process works on it
        total += entry.size
        print(f"{entry.size / 1e6:10.1f} MB  {entry.stage:10} {entry.key}")
        if arguments.action == "clean":
            if entry.path.is_dir():
                shutil.rmtree(entry.path, ignore_errors=True)
            else:
                entry.path.unlink(missing_ok=True)
    print(f"{total / 1e6:10.1f} MB  {'removed from' if arguments.action == 'clean' else 'in'} {cache_dir()}")
    return 0
