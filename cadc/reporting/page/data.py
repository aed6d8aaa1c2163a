"""The data of a page, as JSON that docs/reference/page.md describes."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pandas as pd

from cadc import __version__
from cadc.ledger.store import Ledger
from cadc.reporting.page.columns import metric_entries, plain_entries, rows_of, table_entries
from cadc.reporting.page.runs import RunData
from cadc.reporting.page.source import Source
from cadc.reporting.points import names_of, points

SCHEMA_VERSION = 1

SHOWN_OF_COMPARISON = ("dataset", "arm", "rate", "metric", "reference", "seeds", "difference", "p_holm", "verdict")
LABELS = {
    "rate": "rate",
    "p_holm": "p (Holm)",
    "p_margin": "p of the margin",
    "p_margin_holm": "p of the margin (Holm)",
    "n_units": "units",
    "delong_se": "DeLong's standard error",
    "by": "stratum by",
    "n_rows": "rows",
    "n_users": "users",
}


def page_data(sources: Sequence[Source], ledger: Ledger | None, command: str = "") -> dict[str, Any]:
    """Return what a page holds.

    Parameters
    ----------
    sources : its parts, in order.
    ledger : has the runs' curves and scores; None has none.
    command : that makes the page.
    """
    runs = RunData(ledger)
    experiments = [_experiment(source, runs) for source in sources]
    return {
        "schema_version": SCHEMA_VERSION,
        "made": {"at": datetime.now(UTC).isoformat(timespec="seconds"), "version": __version__, "command": command},
        "experiments": experiments,
        **runs.as_json(),
    }


def _experiment(source: Source, runs: RunData) -> dict[str, Any]:
    rows = points(source.runs) if source.runs else []
    for point in rows:
        runs.add(point)
    points_of = [
        {"name": name, "runs": [record["id"] for record in point.records]}
        for name, point in zip(names_of(rows), rows, strict=True)
    ]
    return {
        "name": source.name,
        "title": source.title or source.name,
        "claim": source.claim,
        "source": source.source,
        "command": source.command,
        "verdicts": list(source.verdicts),
        "notes": list(source.notes),
        "metrics": metric_entries(source.table.attrs["metrics"]),
        "table": {"columns": table_entries(source.table), "rows": rows_of(source.table)},
        "points": points_of,
        "comparisons": _comparisons(source.comparison),
        "strata": _strata(source.strata),
    }


def _comparisons(comparison: pd.DataFrame | None) -> dict[str, Any] | None:
    """Return what was compared, with its verdicts; None if nothing was."""
    if comparison is None:
        return None
    kept = comparison[comparison["difference"].notna()].drop(columns=["runs", "family"])
    if kept.empty:
        return None
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


def as_text(data: dict[str, Any]) -> str:
    r"""Return JSON that an HTML script element can hold, whatever texts are in it.

    >>> as_text({"arm": "</script><!-- \u2028 é"})
    '{"arm":"\\u003c/script\\u003e\\u003c!-- \\u2028 \\u00e9"}'
    """
    text = json.dumps(data, separators=(",", ":"), allow_nan=False)
    return text.replace("<", r"\u003c").replace(">", r"\u003e").replace("&", r"\u0026")
