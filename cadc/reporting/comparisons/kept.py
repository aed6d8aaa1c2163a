"""The comparison that lies beside a table: its columns, its verdicts by the rules of today, and how it is read."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pandas as pd

from cadc.evaluation.metrics.lookup import metric
from cadc.evaluation.prefixes import without_prefix
from cadc.evaluation.statistics import CrossedInterval, judge_family
from cadc.evaluation.statistics.verdict import EQUAL
from cadc.reporting.saved import read_kept

FILE = "comparison.csv"

COLUMNS = [
    "family",
    "dataset",
    "arm",
    "rate",
    "metric",
    "margin",
    "reference",
    "reference_rate",
    "seeds",
    "unit",
    "n_units",
    "difference",
    "standard_error",
    "degrees_of_freedom",
    "low",
    "high",
    "low_95",
    "high_95",
    "p",
    "p_holm",
    "p_margin",
    "p_margin_holm",
    "verdict",
    "share",
    "share_low",
    "share_high",
    "delong_se",
    "runs",
]
"""`low` and `high` are the interval that belongs to the verdict, adjusted as its test is; `low_95` and `high_95` are
that of this comparison alone. `p` is two-sided, of no difference; `p_margin` one-sided, of a disadvantage of the margin
or more; those ending in `_holm` are adjusted over the family, and empty where nothing was tested. `share` is the arm's
metric over the reference's, for ranks only; `delong_se` DeLong's standard error of a difference in AUC over one seed's
rows, which takes rows as independent and models as fixed; `runs` a hash."""

ESTIMATED = {
    "estimate": "difference",
    "standard_error": "standard_error",
    "degrees_of_freedom": "degrees_of_freedom",
    "low": "low_95",
    "high": "high_95",
}
"""Parts of the interval of a comparison alone, and their columns."""

JUDGED = ("low", "high", "p_holm", "p_margin_holm")

LATER = ("low_95", "high_95", "delong_se")
"""Columns that comparisons of earlier versions lack; their `low` and `high` were those of the comparison alone."""


def kept_comparison(path: Path) -> pd.DataFrame | None:
    """Return a comparison that is kept beside results, judged by the rules of today; None if there is none.

    Raises
    ------
    CadcError : if the file is not a comparison, or was changed.
    """
    frame = read_kept(path, COLUMNS, ["runs", "verdict"], later=LATER)
    if frame is None:
        return None
    if frame["low_95"].isna().all():
        is_equal = (frame["difference"] == 0) & (frame["standard_error"] == 0)
        frame = frame.assign(low_95=frame["low"], high_95=frame["high"])
        frame.loc[is_equal, "verdict"] = EQUAL
    return typed(judged(frame))


ALONE = (
    "seeds",
    "unit",
    "n_units",
    "difference",
    "standard_error",
    "degrees_of_freedom",
    "low_95",
    "high_95",
    "p",
    "p_margin",
    "share",
    "share_low",
    "share_high",
    "delong_se",
)
"""Columns of a line that do not depend on other lines of its family."""


def kept_lines(paths: Iterable[Path]) -> dict[str, dict[str, Any]]:
    """Return, by the hash of the runs that they compare, what comparisons beside results say of each line alone.

    Parameters
    ----------
    paths : of the comparisons, which may be missing; the first that has a line counts.

    Raises
    ------
    CadcError : if a file is not a comparison, or was changed.
    """
    found: dict[str, dict[str, Any]] = {}
    for frame in map(kept_comparison, paths):
        if frame is None:
            continue
        compared = frame[frame["p"].notna()]
        for runs, line in zip(compared["runs"], compared.to_dict("records"), strict=True):
            is_equal = {"verdict": EQUAL if line["verdict"] == EQUAL else None}
            found.setdefault(runs, {name: line[name] for name in ALONE} | is_equal)
    return found


def judged(comparison: pd.DataFrame) -> pd.DataFrame:
    """Return a comparison with the verdict on each line, its interval, and p values adjusted over its family.

    They follow from differences, standard errors and seeds. The verdict of a line of equal arms is `equal` before.
    """
    families = [family for _, family in comparison.groupby("family", sort=False)]
    return pd.concat([_judged(family) for family in families]) if families else comparison


def _judged(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the comparison with one reference, judged."""
    frame = frame.astype(dict.fromkeys(JUDGED, "float64"))
    is_compared = frame["p"].notna()
    lines = frame[is_compared].to_dict("records")
    found = judge_family(
        [
            CrossedInterval(**{name: line[own] for name, own in ESTIMATED.items()}, n_seeds=int(line["seeds"]))
            for line in lines
        ],
        [line["verdict"] == EQUAL for line in lines],
        float(frame["margin"].iloc[0]),
        metric(without_prefix(frame["metric"].iloc[0])).higher_is_better,
    )
    if found:
        frame.loc[is_compared, ["verdict", *JUDGED]] = pd.DataFrame(found, frame.index[is_compared]).to_numpy()
    return frame


def typed(frame: pd.DataFrame) -> pd.DataFrame:
    """Set the types of columns that may have empty lines, so that a kept file is written again as it was."""
    numbers = dict.fromkeys(["rate", "reference_rate", "share", "share_low", "share_high", "delong_se"], "float64")
    return frame.astype({"seeds": "Int64", "n_units": "Int64"} | numbers)
