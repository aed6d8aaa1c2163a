"""The table as LaTeX, in the style of booktabs."""

from math import nan
from typing import Any

import pandas as pd

from cadc.escape import latex as escape
from cadc.evaluation.statistics import interval_text
from cadc.reporting.columns import COSTS, LEVELS, MARGIN, head, is_empty, label, shown
from cadc.reporting.points import ARM_COLUMNS, leading_columns


def latex(table: pd.DataFrame) -> str:
    r"""Return the columns of a table that a paper shows, as a `tabular`; it needs the package booktabs.

    Means are shown with half the width of their 95 % intervals over seeds, differences with their intervals.

    Parameters
    ----------
    table : as `cadc.reporting.table.build_table` returns it, with or without the columns of comparisons.
    """
    names = [str(name) for name in table.columns]
    metrics = [name.removesuffix("_ci") for name in names if name.endswith("_ci")]
    usual = leading_columns(table)
    costs = [name for name in COSTS if name in names]
    known = {*ARM_COLUMNS, "seeds", *costs, *(f"{m}_{kind}" for m in metrics for kind in ("mean", "std", "ci"))}
    further = [name for name in names if name not in known and not _is_end(name)]
    chosen = [*usual, *metrics, *costs, *further]
    is_text = [name in ("dataset", "arm", "embedding") or name.startswith("verdict") for name in chosen]
    lines = [rf"\begin{{tabular}}{{{''.join('l' if text else 'r' for text in is_text)}}}", r"\toprule"]
    lines += [" & ".join(map(_head, chosen)) + r" \\", r"\midrule"]
    before, margin = None, table.attrs.get(MARGIN, 0.0)
    for row in table.to_dict("records"):
        values = {str(name): value for name, value in row.items()}
        if "dataset" in usual and before not in (None, values["dataset"]):
            lines.append(r"\midrule")
        before = values["dataset"]
        lines.append(" & ".join(_cell(name, values, margin) for name in chosen) + r" \\")
    note = [f"% {line}" for line in table.attrs.get("note", "").splitlines()]
    return "\n".join([*note, *lines, r"\bottomrule", r"\end{tabular}"]) + "\n"


def _is_end(name: str) -> bool:
    """Tell whether a column is an end of an interval, which is shown with its difference."""
    return "_difference_low" in name or "_difference_high" in name


def _head(name: str) -> str:
    if "_difference" in name:
        metric, _, other = name.partition("_difference")
        return rf"$\Delta$ {escape(label(metric))}{escape(other)}"
    if name in LEVELS:
        return f"${head(name)[0]}${head(name)[1:]}"
    return {"dataset": "data", "dim": "$d$", "rate": r"rate (\%)"}.get(name, escape(head(name)))


def _cell(name: str, row: dict[str, Any], margin: float) -> str:
    if f"{name}_mean" in row and f"{name}_ci" in row:
        half = "" if is_empty(row[f"{name}_ci"]) else rf" \pm {row[f'{name}_ci']:.4f}"
        if row.get("seeds") == 0:
            return "n/a"
        return "" if is_empty(row[f"{name}_mean"]) else f"${row[f'{name}_mean']:.4f}{half}$"
    value = row[name]
    if is_empty(value):
        return ""
    if "_difference" in name:
        low, high = (row.get(name.replace("_difference", f"_difference_{end}"), nan) for end in ("low", "high"))
        if is_empty(low) or is_empty(high):
            return f"${value:+.4f}$"
        ends = interval_text(low, high, (0.0, margin, -margin)).strip("[]").split(", ")
        return f"${value:+.4f}$ [${ends[0]}$, ${ends[1]}$]"
    if name == "rate":
        return f"{100 * value:g}"
    if name.startswith("rows_") or name.endswith("_bytes"):
        return f"{int(value):,}".replace(",", r"\,")
    if name == "total_s_mean":
        return f"{value:.1f}"
    if name in LEVELS:
        return f"${text}$" if (text := shown(name, value)).startswith("<") else text
    return escape(shown(name, value))
