"""`cadc data`: list data sets and their places, fetch and verify their files, describe and export their content."""

import argparse
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from cadc.cli.folders import output_folder
from cadc.cli.output import show
from cadc.errors import DataError, UsageError, shown
from cadc.paths import user_path
from cadc.terminal.progress import say

if TYPE_CHECKING:
    from cadc.data.layouts.layout import Layout
    from cadc.data.sources.published import PublishedFiles
    from cadc.data.sources.source import Source

HELP = "list, fetch, verify, describe or export data sets"
LAYOUTS = {
    "recbole": "cadc.data.layouts.recbole.RecBoleFiles",
    "lenskit": "cadc.data.layouts.lenskit.LensKitFiles",
    "lightgcn": "cadc.data.layouts.lightgcn.LightGCNFiles",
}
"""Class of each layout that is written."""
DESCRIPTION = "description.txt"
"""File of what describe prints."""
OF_A_CONFIGURATION = ("describe", "export")
"""Actions that take overrides and write a folder."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this command."""
    parser.add_argument("action", choices=["list", "fetch", "verify", "describe", "export"])
    parser.add_argument("name", nargs="?", help="data set, one of `cadc data list`")
    parser.add_argument(
        "overrides", nargs="*", metavar="KEY=VALUE", help="of describe and export, such as data.threshold=3"
    )
    parser.add_argument(
        "--output",
        help="folder of describe's text and figure (default outputs/data/NAME, with overrides in its name), or of "
        "export (default outputs/data/NAME-LAYOUT)",
    )
    parser.add_argument("--layout", choices=LAYOUTS, help="framework for which export writes parts and vectors")
    parser.add_argument("--positives", action="store_true", help="export only rows of the label 1")
    parser.add_argument(
        "--without", nargs="+", default=[], metavar="COLUMN", help="fields and dense columns that export leaves out"
    )


def main(arguments: argparse.Namespace) -> int:
    """Run the command."""
    if arguments.output and arguments.action not in OF_A_CONFIGURATION:
        raise UsageError(
            "--output is only for `cadc data describe` and `export`, which write a folder; leave it out of "
            f"{arguments.action}."
        )
    if arguments.overrides and arguments.action not in OF_A_CONFIGURATION:
        override = arguments.overrides[0]
        raise UsageError(
            f"{override!r} is only for `cadc data describe` and `export`; leave it out of {arguments.action}."
        )
    if arguments.action != "export" and (arguments.layout or arguments.positives or arguments.without):
        raise UsageError(
            "--layout, --positives and --without are only for `cadc data export`; leave them out of "
            f"{arguments.action}."
        )
    # As it is written in every other command.
    arguments.name = arguments.name and arguments.name.removeprefix("data=")
    if arguments.action == "list":
        _list()
    elif arguments.name is None:
        raise UsageError(f"`cadc data {arguments.action}` needs a data set; `cadc data list` shows their names.")
    elif "." in arguments.name and arguments.action in OF_A_CONFIGURATION:
        override = f"data.path={arguments.name}"
        raise UsageError(
            f"{shown(arguments.name)} is not a data set; a file of your own is read by "
            f"{shlex.join(['cadc', 'data', arguments.action, 'table', override])}."
        )
    elif arguments.action == "describe":
        _describe(arguments.name, arguments.overrides, arguments.output)
    elif arguments.action == "export":
        _export(arguments)
    else:
        from cadc.data.sources.published import PublishedFiles

        source = _source([f"data={arguments.name}"])
        if not isinstance(source, PublishedFiles):
            show(f"{source.name} is {source.place()}; there are no files.")
        elif arguments.action == "fetch":
            show(source.folder)
        else:
            _verify(source)
    return 0


def _source(overrides: list[str]) -> "Source":
    from cadc.pipeline.settings import Settings

    return Settings.compose(overrides).source.build()


def _list() -> None:
    from cadc.configuration.groups import groups

    for name in groups()["data"]:
        place = _source([f"data={name}"]).place()
        show(f"{name:16} {place}")


def _verify(source: "PublishedFiles") -> None:
    known, fingerprint = source.known_hashes(), source.fingerprint()
    changed = []
    for name, found in fingerprint.items():
        state = "published" if known.get(name) == found else "differs" if name in known else "no published hash known"
        changed += [name] if state == "differs" else []
        show(f"{name:{max(map(len, fingerprint))}} {found}  {state}")
    show(f"edition: {source.edition(fingerprint)}")
    if changed:
        raise DataError(
            f"{', '.join(changed)} in {source.folder} {'is' if len(changed) == 1 else 'are'} not the publisher's; "
            "runs on it are recorded as the edition 'local'."
        )


def _export(arguments: argparse.Namespace) -> None:
    from cadc.configuration.class_lookup import load_class
    from cadc.pipeline.export_data import export_data
    from cadc.pipeline.settings import Settings

    if arguments.layout is None:
        raise UsageError(f"`cadc data export` needs --layout, one of {', '.join(LAYOUTS)}.")
    layout: Layout = load_class(LAYOUTS[arguments.layout])()
    folder = user_path(arguments.output or Path("outputs", "data", f"{arguments.name}-{arguments.layout}"))
    settings = Settings.compose([f"data={arguments.name}", *arguments.overrides])
    export_data(settings, layout, folder, arguments.positives, arguments.without)
    show(folder)


def _describe(name: str, overrides: list[str], output: str | None) -> None:
    from cadc.data.schema import ENTITY_FIELDS, entity_sides
    from cadc.data.split.segments import SegmentSplit
    from cadc.data.streams import Stream
    from cadc.pipeline.build import open_log
    from cadc.pipeline.settings import Settings
    from cadc.reporting.drawn.activity import write_activity_figure
    from cadc.reporting.written.description import description
    from cadc.storage.output_files import check_output_folder, put_in_place

    # Two tables, or two thresholds of one log, have folders of their own.
    folder = user_path(output or output_folder(f"data/{name}", overrides))
    check_output_folder(folder)
    settings = Settings.compose([f"data={name}", *overrides])
    log = open_log(settings)
    sides = list(entity_sides(log.schema))
    split = settings.split.build()
    stream = None
    if isinstance(split, SegmentSplit) and len(sides) == len(ENTITY_FIELDS):
        stream = Stream(log, split, settings.seeds.split, settings.task == "ranking")
    # Printed together, or not at all if a column is damaged.
    lines = list(description(log, stream))
    show(*lines)

    def write(aside: Path) -> None:
        (aside / DESCRIPTION).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        if sides:
            write_activity_figure(log, sides, aside)

    if sides or output:
        put_in_place(folder, write)
        say(f"written to  {folder}: {DESCRIPTION}{' and activity.png' if sides else ''}")
