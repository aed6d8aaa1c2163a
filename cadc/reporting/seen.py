"""What a table shows, in a sentence: the fewest rows that do as well as the reference, and what controls reach."""

from collections.abc import Sequence

import pandas as pd

from cadc.experiment import Reference
from cadc.reporting.columns import higher_is_better, label
from cadc.reporting.points import Point, at_rate, names_of
from cadc.reporting.verdicts import has_network, without_margin

GOOD = {"better": "better than", "as good": "as good as", "equal": "equal to"}
"""Verdicts of rows that do as well as a reference, and how a sentence puts them."""


def seen_lines(
    references: Sequence[Reference], rows: Sequence[Point], table: pd.DataFrame, comparison: pd.DataFrame | None
) -> list[str]:
    """Return a sentence for each data set about the first reference with a rate; none without such a reference.

    Parameters
    ----------
    references : of the experiment.
    rows, table : points and table of the same order.
    comparison : as `compare_points` returns it, for each reference a line for each row.
    """
    reference = next((one for one in references if one.rate is not None), None)
    if reference is None or comparison is None or f"{reference.metric}_mean" not in table:
        return []
    lines = comparison[comparison["family"] == reference.family].to_dict("records")
    names = [at_rate(name, point.columns["rate"]) for name, point in zip(names_of(rows), rows, strict=True)]
    # A run without a result leaves its row empty.
    shown = table.assign(
        name=names,
        verdict=[line["verdict"] for line in lines],
        as_good=[without_margin(line["verdict"]) in GOOD for line in lines],
        network=[has_network(point) for point in rows],
    )
    return [
        f"{dataset}: {_sentence(reference, own)}"
        for dataset, own in shown[table[f"{reference.metric}_mean"].notna()].groupby("dataset", sort=False)
        if "reference" in set(own["verdict"])
    ]


def _sentence(reference: Reference, own: pd.DataFrame) -> str:
    """Return the sentence about the rows of one data set, to which `seen_lines` added columns."""
    metric, is_low_first = f"{reference.metric}_mean", not higher_is_better(reference.metric)
    full = own[own["verdict"] == "reference"].iloc[0]
    good = own[own["as_good"] & own["network"]].sort_values(["rows_kept", metric], ascending=[True, is_low_first])
    of_reference = f"{full['name']} with {full[metric]:.4f}"
    if good.empty:
        said = f"by {label(reference.metric)}, no network is seen to do as well as {of_reference}"
    else:
        best = good.iloc[0]
        said = f"{best['name']} has {label(reference.metric)} {best[metric]:.4f} with {best['rows_kept']:,} rows"
        said += f", {GOOD[without_margin(best['verdict'])]} {of_reference} (margin {reference.margin:g})"
    controls = own[~own["network"] & (own["model"] != "oracle")].sort_values(metric, ascending=is_low_first)
    if not controls.empty:
        said += f"; without a network, {controls.iloc[0]['name']} has {controls.iloc[0][metric]:.4f}"
    oracle = own[own["model"] == "oracle"]
    return said + (f"; the best possible is {oracle.iloc[0][metric]:.4f}." if len(oracle) else ".")
