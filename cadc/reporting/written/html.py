"""A table as a page of HTML that needs nothing else: for a browser, a letter or a spreadsheet."""

from html import escape as escaped

import pandas as pd

from cadc import escape
from cadc.reporting.written.shown_columns import ARM, DATASET, ShownColumn, shown_columns

STYLE = """
:root { color-scheme: light dark; }
body { font: 15px/1.4 system-ui, sans-serif; margin: 2rem; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
caption { text-align: left; font-weight: 600; padding-bottom: .6rem; }
th, td { padding: .2rem .7rem; text-align: right; vertical-align: top; }
thead th { border-bottom: 1px solid; vertical-align: bottom; }
.text { text-align: left; }
tbody th { font-weight: 400; }
.note { max-width: 60rem; }
"""


def html(title: str, table: pd.DataFrame) -> str:
    """Return all columns of a table as a page, each data set in a body of its own, the notes below.

    Parameters
    ----------
    title : caption of the table.
    table : as `cadc.reporting.table.build_table` returns it, with or without further columns.
    """
    columns = shown_columns(table, joined=True)
    datasets = next((column.cells for column in columns if column.name == DATASET), ("",) * len(table))
    columns = [column for column in columns if column.name != DATASET]
    heads = "".join(f'<th scope="col"{_side(column)}>{_text(column.head)}</th>' for column in columns)
    bodies = []
    for name in dict.fromkeys(datasets):
        above = f'<tr><th class="text" scope="rowgroup" colspan="{len(columns)}"><b>{_text(name)}</b></th></tr>\n'
        rows = [_row(columns, place) for place, own in enumerate(datasets) if own == name]
        bodies.append(f"<tbody>\n{above if name else ''}{''.join(rows)}</tbody>\n")
    notes = [*table.attrs.get("note", "").splitlines(), *table.attrs.get("verdicts", ())]
    below = "".join(f'<p class="note">{_text(note)}</p>\n' for note in notes)
    return (
        f'<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>{_text(title)}</title>\n'
        f"<style>{STYLE}</style>\n</head>\n<body>\n<table>\n<caption>{_text(title)}</caption>\n"
        f"<thead>\n<tr>{heads}</tr>\n</thead>\n{''.join(bodies)}</table>\n{below}</body>\n</html>\n"
    )


def _row(columns: list[ShownColumn], place: int) -> str:
    cells = []
    for column in columns:
        tag, scope = ("th", ' scope="row"') if column.name == ARM else ("td", "")
        cells.append(f"<{tag}{scope}{_side(column)}>{_text(column.cells[place])}</{tag}>")
    return f"<tr>{''.join(cells)}</tr>\n"


def _side(column: ShownColumn) -> str:
    return ' class="text"' if column.is_text else ""


def _text(text: str) -> str:
    return escaped(escape.terminal(text))
