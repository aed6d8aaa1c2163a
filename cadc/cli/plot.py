"""`cadc plot`: a metric, cost or byte count of the ledger's runs against a key, as a figure."""

import argparse
import shlex
from pathlib import Path

from cadc.cli.output import show
from cadc.errors import UsageError
from cadc.paths import user_path

HELP = "draw a metric, cost or byte count of finished runs against a key of their configuration"

WORDS = """\
  x=KEY         horizontal axis: a key such as sampler.rate, or a cost or byte count such as total_s or embedding_bytes
  y=NAME        vertical axis: a metric (auc, val/logloss, ndcg@10), a cost (train_s), bytes (model_bytes), rows
                (rows_kept), or keys of the record joined by dots (sample.effective_size)
  by=KEY,KEY    keys that tell the lines apart (default: all in which the runs differ, besides seeds)
  facet=KEY     key whose values have a panel each
  KEY=VALUE     only these runs, as for `cadc ledger list`, such as data=ml-1m sampler.rate=0.1,1

Points are means over seeds with 95 % t intervals. An axis whose numbers span a decade is logarithmic.
"""

FORMATS = (".png", ".svg", ".pdf", ".html")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this command."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = WORDS
    # Arguments of this name may precede and follow an option.
    parser.add_argument("overrides", nargs="*", metavar="NAME=VALUE", help="what is drawn, see below")
    parser.add_argument(
        "--output",
        type=user_path,
        help="file of the figure: .png, .svg, .pdf or .html (default outputs/plots/Y-by-X.png)",
    )


def main(arguments: argparse.Namespace) -> int:
    """Run the command."""
    asked = dict.fromkeys(("x", "y", "by", "facet"), "")
    filters = []
    for text in arguments.overrides:
        name, equals, value = text.partition("=")
        if equals and name in asked:
            asked[name] = value
        else:
            filters.append(text)
    missing = [f"{name}=" for name in ("x", "y") if not asked[name]]
    if missing:
        raise UsageError(
            f"`cadc plot` lacks {' and '.join(missing)}; name both axes, such as `cadc plot x=sampler.rate y=auc`."
        )
    path = arguments.output or Path("outputs", "plots", f"{_plain(asked['y'])}-by-{_plain(asked['x'])}.png")
    kind = path.suffix.lower()
    if kind not in FORMATS:
        raise UsageError(f"--output ends in {path.suffix!r}; expected one of {', '.join(FORMATS)}.")
    from cadc.api.plot import plot
    from cadc.api.plotted import plotted
    from cadc.ledger.store import Ledger
    from cadc.reporting.drawn.figure import save_as
    from cadc.reporting.drawn.html import figure_html
    from cadc.storage.output_files import check_output, write_output

    if arguments.output:
        check_output(path)
    by = [name for name in asked["by"].split(",") if name] if asked["by"] else None
    frame, column = plotted(Ledger(), asked["x"], asked["y"], by, asked["facet"] or None, filters)
    figure = plot(frame, asked["x"], column, by, asked["facet"] or None)
    if not arguments.output:
        path.parent.mkdir(parents=True, exist_ok=True)
    if kind == ".html":
        title = f"{column} against {asked['x']}"
        write_output(path, figure_html(figure, title, shlex.join(["cadc", "plot", *arguments.overrides])))
    else:
        write_output(path, lambda file: save_as(figure, file, kind))
    show(f"{int(frame[column].notna().sum())} runs; written to {path}")
    return 0


def _plain(name: str) -> str:
    """Return a name that can be part of a file's name."""
    return "".join(letter if letter.isalnum() or letter in "._@" else "_" for letter in name)
