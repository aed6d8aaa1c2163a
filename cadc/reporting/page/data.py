"""The data of a page, as JSON that docs/reference/page.md describes."""

import json
from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from typing import Any

import pandas as pd

from cadc import __version__
from cadc.ledger.listing import differing
from cadc.ledger.status import Entry
from cadc.ledger.store import Ledger
from cadc.reporting.columns import evaluated_on, higher_is_better
from cadc.reporting.comparisons.columns import interval_of, p_of
from cadc.reporting.page.calibration import calibration
from cadc.reporting.page.columns import metric_entries, plain_entries, rows_of, table_entries
from cadc.reporting.page.runs import RunData
from cadc.reporting.page.source import Source, without_runs
from cadc.reporting.pareto import pareto_front
from cadc.reporting.points import Point, names_of
from cadc.reporting.saved import SavedRows
from cadc.reporting.streams.by_segment import segments_table, sizes_table
from cadc.reporting.verdicts import ORDER
from cadc.terminal.counted import counted

SCHEMA_VERSION = 1

FEWEST_TRIALS = 5
"""Runs of a search below which no chart of its options is drawn."""

SHOWN_OF_COMPARISON = (
    "dataset",
    "arm",
    "rate",
    "metric",
    "reference",
    "seeds",
    "difference",
    "low",
    "high",
    "p_holm",
    "verdict",
)
LABELS = {
    "interval": "interval (95 %, Holm)",
    "p_of_verdict": "p (Holm)",
    "low": "interval from",
    "high": "interval to",
    "low_95": "interval alone from",
    "high_95": "interval alone to",
    "p_holm": "p of no difference (Holm)",
    "p_margin": "p of the margin",
    "p_margin_holm": "p of the margin (Holm)",
    "n_units": "units",
    "delong_se": "DeLong's standard error",
    "by": "stratum by",
    "n_rows": "rows",
    "n_users": "users",
    "regret_mean": "regret",
    "regret_ci": "regret, half the 95 % interval",
    "regret_to_truth_mean": "regret to the truth",
    "regret_to_truth_ci": "regret to the truth, half the 95 % interval",
}

OF_SEGMENTS = ("model", "policy", "mean_size", "index_bytes", "number_bytes", "budget_bytes", "rows_train")
OF_SIZES = ("model", "policy", "mean_size")
"""Columns of the tables of streams that are not shown at first."""


def page_data(sources: Sequence[Source], ledger: Ledger | None, command: str = "") -> dict[str, Any]:
    """Return what a page holds.

    Parameters
    ----------
    sources : its parts, in order.
    ledger : has the runs' curves and scores; None has none.
    command : that makes the page.
    """
    runs, saved = RunData(ledger), SavedRows(ledger)
    experiments = [_experiment(source, runs, saved) for source in sources]
    return {
        "schema_version": SCHEMA_VERSION,
        "made": {"at": datetime.now(UTC).isoformat(timespec="seconds"), "version": __version__, "command": command},
        "experiments": experiments,
        **runs.as_json(),
    }


def _experiment(source: Source, runs: RunData, saved: SavedRows) -> dict[str, Any]:
    rows = list(source.points)
    for point in rows:
        runs.add(point)
    known = [
        {"name": name, "runs": [record["id"] for record in point.records]}
        for name, point in zip(names_of(rows), rows, strict=True)
    ]
    # Rows of which no run has a result are rows all the same.
    if rows and len(rows) < len(source.table):
        for at in without_runs(source.table):
            known.insert(at, {"name": str(source.table["arm"].iloc[at]), "runs": []})
            rows.insert(at, Point(str(source.table["arm"].iloc[at]), {}, []))
    return {
        "name": source.name,
        "title": source.title or source.name,
        "claim": source.claim,
        "source": source.source,
        "command": source.command,
        "summary": summary(source.comparison),
        "verdicts": list(source.verdicts),
        "notes": list(source.notes),
        "metrics": metric_entries(source.table.attrs["metrics"]),
        "table": {"columns": table_entries(source.table), "rows": rows_of(source.table)},
        "points": known,
        "bytes": _size(source.table),
        "front": _front(source.table),
        "searched": _searched(source),
        "comparisons": _comparisons(source.comparison),
        "strata": _strata(source.strata),
        "segments": _of_streams(segments_table(source.points, source.table.attrs["metrics"]), OF_SEGMENTS),
        "sizes": _of_streams(sizes_table(source.points), OF_SIZES),
        "calibration": calibration(rows, saved),
    }


def _size(table: pd.DataFrame) -> str:
    """Return the column of the bytes that count: those of the whole model where every row tells them."""
    whole = "model_bytes"
    return whole if whole in table and table[whole].notna().all() else "embedding_bytes"


def _front(table: pd.DataFrame) -> list[int]:
    """Return the rows of a table that no other of their data set beats in the first metric, rows and bytes together."""
    names = [f"{name}_mean" for name in table.attrs["metrics"][:1]]
    size = _size(table)
    if not names or not {"dataset", "rows_kept", size} <= set(table):
        return []
    directions = [higher_is_better(table.attrs["metrics"][0]), False, False]
    values = table[[*names, "rows_kept", size]].astype("float64").reset_index(drop=True)
    found: list[int] = []
    for _, own in values.groupby(table["dataset"].to_numpy(), sort=False):
        found += own.index[pareto_front(own.to_numpy(), directions)].tolist()
    return sorted(found)


def _searched(source: Source) -> list[str]:
    """Return the options in which the trials of a search differ; none where runs were tested, or are few."""
    records = [record for point in source.points for record in point.records]
    if len(records) < FEWEST_TRIALS or any(evaluated_on(record) == "test" for record in records):
        return []
    entries = [Entry(record["id"], "finished", record) for record in records]
    return [key for key in differing(entries, ()) if not key.rpartition(".")[2].endswith("seed")]


def summary(comparison: pd.DataFrame | None) -> str:
    """Return in a sentence how many comparisons ended how; empty where nothing was compared."""
    if comparison is None or not (n := int(comparison["difference"].notna().sum())):
        return ""
    found = comparison.loc[comparison["difference"].notna(), "verdict"].fillna("").str.partition(" (")[0]
    counts = found.value_counts()
    shown = sorted(counts.index, key=lambda verdict: (*ORDER, verdict).index(verdict))
    parts = [f"{counts[verdict]} {verdict or 'without a verdict'}" for verdict in shown]
    return f"Of {counted(n, 'comparison')} with a reference: {', '.join(parts)}."


def _comparisons(comparison: pd.DataFrame | None) -> dict[str, Any] | None:
    """Return what was compared, with its verdicts; None if nothing was."""
    if comparison is None:
        return None
    kept = comparison[comparison["difference"].notna()].drop(columns=["runs", "family"])
    if kept.empty:
        return None
    lines = kept.to_dict("records")
    place = list(kept).index("difference") + 1
    kept.insert(place, "interval", [interval_of(line) for line in lines])
    kept.insert(place + 1, "p_of_verdict", [p_of(line) for line in lines])
    entries = plain_entries(kept, SHOWN_OF_COMPARISON, LABELS)
    several = len(kept["dataset"].unique()) > 1
    return {
        "columns": [one | {"shown": one["shown"] and (several or one["name"] != "dataset")} for one in entries],
        "rows": rows_of(kept),
    }


def _strata(strata: pd.DataFrame | None) -> dict[str, Any] | None:
    if strata is None or strata.empty:
        return None
    kept = strata.drop(columns="runs")
    entries = plain_entries(kept, [str(name) for name in kept if not str(name).endswith("_ci")], LABELS)
    return {"columns": entries, "rows": rows_of(kept)}


def _of_streams(table: pd.DataFrame | None, hidden: Collection[str]) -> dict[str, Any] | None:
    """Return a table of streams, its columns shown but the hidden ones and intervals; None without streams."""
    if table is None:
        return None
    shown = [str(name) for name in table if name not in hidden and not str(name).endswith("_ci")]
    return {"columns": plain_entries(table, shown, LABELS), "rows": rows_of(table)}


def as_text(data: dict[str, Any]) -> str:
    r"""Return JSON that an HTML script element can hold, whatever texts are in it.

    >>> as_text({"arm": "</script><!-- \u2028 é"})
    '{"arm":"\\u003c/script\\u003e\\u003c!-- \\u2028 \\u00e9"}'
    """
    text = json.dumps(data, separators=(",", ":"), allow_nan=False)
    return text.replace("<", r"\u003c").replace(">", r"\u003e").replace("&", r"\u0026")
