"""The table as LaTeX, in the style of booktabs."""

import re
from typing import Any

import pandas as pd

SPECIAL = {
    "\\": r"\textbackslash{}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
}


def escape(text: str) -> str:
    r"""Return text in which no character has a meaning for LaTeX.

    >>> print(escape("50 % of l2_bias"))
    50 \% of l2\_bias
    """
    return re.sub("|".join(map(re.escape, SPECIAL)), lambda found: SPECIAL[found.group()], text)


def latex(table: pd.DataFrame) -> str:
    """Return the columns of a table that a paper shows, as a `tabular`; it needs the package booktabs.

    Means stand with their standard deviations over seeds, differences with their intervals.

    Parameters
    ----------
    table : as `cadc.reporting.table.build_table` returns it, with or without the columns of a comparison.
    """
    difference = next((str(name) for name in table.columns if str(name).endswith("_difference")), None)
    heads = {"arm": "arm", "rate": r"rate (\%)", "seeds": "seeds", "auc": "AUC", "logloss": "logloss"}
    heads |= {"rows": "rows", "seconds": "seconds", "bytes": "bytes"}
    if len(table["dataset"].unique()) > 1:
        heads = {"dataset": "data", **heads}
    if difference:
        name = escape(difference.removesuffix("_difference"))
        heads |= {"difference": rf"$\Delta$ {name} (95\,\%)", "p": "$p$ (Holm)", "verdict": "verdict"}
    left = {"dataset", "arm", "verdict"}
    lines = [rf"\begin{{tabular}}{{{''.join('l' if name in left else 'r' for name in heads)}}}", r"\toprule"]
    lines += [" & ".join(heads.values()) + r" \\", r"\midrule"]
    for row in table.to_dict("records"):
        cells = _cells({str(name): value for name, value in row.items()}, difference)
        lines.append(" & ".join(cells[name] for name in heads) + r" \\")
    note = [f"% {table.attrs['note']}"] if "note" in table.attrs else []
    return "\n".join([*note, *lines, r"\bottomrule", r"\end{tabular}"]) + "\n"


def _cells(row: dict[str, Any], difference: str | None) -> dict[str, str]:
    cells = {name: escape(str(row[name])) for name in ("dataset", "arm", "seeds")}
    cells["rate"] = _number(row["rate"], lambda rate: f"{100 * rate:g}")
    for name in ("auc", "logloss"):
        spread = _number(row[f"{name}_std"], lambda value: rf" \pm {value:.4f}")
        cells[name] = f"${row[f'{name}_mean']:.4f}{spread}$"
    cells["rows"] = _number(row["rows_kept"], lambda value: f"{value:,}".replace(",", r"\,"))
    cells["seconds"] = f"{row['total_s_mean']:.1f}"
    cells["bytes"] = _number(row["embedding_bytes"], lambda value: f"{value:,}".replace(",", r"\,"))
    if difference:
        low, high = row[f"{difference}_low"], row[f"{difference}_high"]
        cells["difference"] = _number(row[difference], lambda value: f"${value:+.4f}$ [${low:+.4f}$, ${high:+.4f}$]")
        cells["p"] = _number(row["p_holm"], lambda value: "$<0.001$" if value < 0.001 else f"{value:.3f}")
        cells["verdict"] = escape(row["verdict"])
    return cells


def _number(value: Any, shown: Any) -> str:
    """Return how a number is shown; nothing where it does not apply."""
    return "" if pd.isna(value) else str(shown(value))
