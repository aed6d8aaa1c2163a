"""A figure as a page of HTML that needs nothing else."""

import tempfile
from html import escape as escaped
from pathlib import Path

from matplotlib.figure import Figure

from cadc import escape
from cadc.reporting.drawn.figure import save_as


def figure_html(figure: Figure, title: str, command: str) -> str:
    """Return a figure as a page: vectors, whose texts can be searched, on white.

    Parameters
    ----------
    figure : the figure.
    title : of the page, and what a screen reader says of the figure.
    command : that makes the page.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "figure.svg")
        save_as(figure, path, ".svg")
        svg = path.read_text("utf-8")
    told = escaped(escape.terminal(title))
    return (
        f'<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>{told}</title>\n'
        "<style>body { background: white; margin: 1rem; } svg { max-width: 100%; height: auto; }</style>\n"
        f'</head>\n<body>\n<figure role="img" aria-label="{told}">\n{svg[svg.index("<svg") :]}</figure>\n'
        f"<p><code>{escaped(escape.terminal(command))}</code></p>\n</body>\n</html>\n"
    )
