"""What a table shows, in a sentence: the fewest rows that do as well as the reference, and what controls reach."""

from collections.abc import Sequence

import pandas as pd

from cadc.experiment import Reference
from cadc.reporting.columns import is_empty, label
from cadc.reporting.points import Point, names_of
from cadc.reporting.verdicts import at, has_network

GOOD = ("better", "as good", "equal")
"""Verdicts of rows that do as well as a reference."""


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
    names = [at(name, point.columns["rate"]) for name, point in zip(names_of(rows), rows, strict=True)]
    shown = table.assign(
        name=names, verdict=[line["verdict"] for line in lines], network=[has_network(point) for point in rows]
    )
    return [
        f"{dataset}: {_sentence(reference, own)}" for dataset, own in shown.groupby("dataset", sort=False) if len(lines)
    ]


def _sentence(reference: Reference, own: pd.DataFrame) -> str:
    metric = f"{reference.metric}_mean"
    (full,) = own[own["verdict"] == "reference"].to_dict("records")
    judged = own[[not is_empty(text) and str(text).startswith(GOOD) for text in own["verdict"]]]
    value = f"{label(reference.metric)} {full[metric]:.4f} of {full['name']} ({full['rows_kept']:,} rows)"
    if judged.empty:
        said = f"no arm is seen to reach the {value}"
    else:
        best = judged.sort_values(["rows_kept", metric], na_position="first").iloc[0]
        said = f"{best['name']} reaches {best[metric]:.4f} with {best['rows_kept']:,} rows, {best['verdict']} as the {value}"
    controls = own[~own["network"] & (own["model"] != "oracle")].sort_values(metric, ascending=False)
    if not controls.empty:
        said += f". Without a network, {controls.iloc[0]['name']} reaches {controls.iloc[0][metric]:.4f}"
    oracle = own[own["model"] == "oracle"]
    return said + (f"; no model can have more than {oracle.iloc[0][metric]:.4f} (oracle)." if len(oracle) else ".")
