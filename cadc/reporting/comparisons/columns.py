"""How a comparison is shown: as columns of the table, and as a list of all differences and shares."""

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import pandas as pd

from cadc.evaluation.prefixes import SEGMENTS
from cadc.evaluation.statistics import LEVEL, interval_text, p_text
from cadc.experiment import Reference
from cadc.reporting.columns import MARGIN, is_empty, shown
from cadc.reporting.written.markdown import markdown_rows


def add_comparison(table: pd.DataFrame, comparison: pd.DataFrame, references: Sequence[Reference]) -> pd.DataFrame:
    """Return the table with differences and verdicts, and a note that explains them.

    With one reference its columns are `METRIC_difference`, `..._low`, `..._high`, `p_holm`, `p_margin_holm`,
    `seeds_compared` and `verdict`; with several they are `METRIC_difference to REFERENCE` and `verdict on FAMILY`, and
    the rest is in `comparison.md`.

    Parameters
    ----------
    table : as `build_table` returns it.
    comparison : as `compare_points` returns it, for each reference a line for each row of the table.
    references : references of the experiment.
    """
    wide = table.copy()
    families = dict(tuple(comparison.groupby("family")))
    found = {reference: families[reference.family] for reference in references if reference.family in families}
    for reference, part in found.items():
        name = f"{reference.metric}_difference"
        if len(references) == 1:
            columns = {name: "difference", f"{name}_low": "low", f"{name}_high": "high"}
            columns |= {"p_holm": "p_holm", "p_margin_holm": "p_margin_holm"}
            wide = wide.assign(**{new: part[old].round(6).to_numpy() for new, old in columns.items()})
            wide["seeds_compared"] = part["seeds"].astype("Int64").array
            wide["verdict"] = part["verdict"].fillna("").to_numpy()
            wide.attrs[MARGIN] = reference.margin
        else:
            wide[f"{name} to {reference}"] = part["difference"].round(6).to_numpy()
            wide[f"verdict on {reference.family}"] = part["verdict"].fillna("").to_numpy()
    notes = [wide.attrs["note"]] if "note" in wide.attrs else []
    wide.attrs["note"] = "\n".join([*notes, *map(_note, found), *([_adjusted(list(found))] if found else [])])
    return wide


def _adjusted(references: Sequence[Reference]) -> str:
    units = " or ".join(dict.fromkeys(_unit(reference) for reference in references))
    return (
        f"Intervals of differences are 95 % intervals over {units} and seeds, adjusted as the verdict beside them; "
        f"those of one seed are over {units} alone."
    )


def _unit(reference: Reference) -> str:
    return "segments" if reference.metric.startswith(SEGMENTS) else "users"


def _note(reference: Reference) -> str:
    n_named = len(reference.arms)
    some = (
        f", of {n_named} arms named before" if n_named > 3 else f", of {'; '.join(reference.arms)}" if n_named else ""
    )
    at = f", at rates {', '.join(f'{rate:g}' for rate in reference.rates)}" if reference.rates else ""
    at += f", at mean sizes {', '.join(f'{size:g}' for size in reference.mean_sizes)}" if reference.mean_sizes else ""
    family = "these" if some or at else "the table"
    return (
        f"Differences in {reference.metric} to {reference}{some}{at}; Holm over {family}; margin {reference.margin:g}."
    )


HEADS = (
    "data",
    "arm",
    "rate",
    "reference",
    "metric",
    "seeds",
    "difference",
    "interval",
    "p (Holm)",
    "verdict",
    "share",
    "95 %, alone",
)


def comparison_markdown(comparison: pd.DataFrame) -> str:
    """Return a comparison as a Markdown table: differences, verdicts and, for ranks, shares of the reference.

    The interval, and the p value, are those of the test that decided: *of the margin* is one-sided.
    """
    rows = []
    for row in comparison[comparison["p"].notna()].to_dict("records"):
        share, low, high = (row[name] for name in ("share", "share_low", "share_high"))
        cells = [
            row["dataset"],
            row["arm"],
            "" if is_empty(row["rate"]) else f"{100 * row['rate']:g} %",
            row["reference"]
            if is_empty(row["reference_rate"])
            else f"{row['reference']}, {100 * row['reference_rate']:g} %",
            row["metric"],
            str(row["seeds"]),
            shown("_difference", row["difference"]),
            interval_of(row),
            p_of(row),
            row["verdict"],
            "" if is_empty(share) else f"{100 * share:.1f} %",
            "" if is_empty(share) else f"[{100 * low:.1f}, {100 * high:.1f}]",
        ]
        rows.append(cells)
    return markdown_rows(HEADS, rows)


def interval_of(line: Mapping[Hashable, Any]) -> str:
    """Return the interval of a line of a comparison as text; its ends stay on their sides of 0 and the margin."""
    return interval_text(line["low"], line["high"], (0.0, -line["margin"], line["margin"]))


def p_of(line: Mapping[Hashable, Any]) -> str:
    """Return the adjusted p value of the test that decided a line; empty where nothing was tested."""
    if str(line["verdict"]).startswith("as good"):
        return f"{p_text(line['p_margin_holm'], LEVEL / 2)} of the margin"
    return "" if is_empty(line["p_holm"]) else p_text(line["p_holm"], LEVEL)
