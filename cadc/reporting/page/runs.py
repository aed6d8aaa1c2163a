"""The runs of a page: what differs between their configurations once for all, costs, bytes, curves."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

import pandas as pd

from cadc.configuration.nested import leaves, part
from cadc.configuration.override_text import format_value
from cadc.ledger.listing import options
from cadc.ledger.reading import Record
from cadc.ledger.status import Entry
from cadc.ledger.store import Ledger
from cadc.paths import regular_file
from cadc.provenance.fingerprint import file_hash
from cadc.reporting.columns import MISSING
from cadc.reporting.page.columns import plain
from cadc.reporting.points import Point
from cadc.storage.run_files import CURVES

PARTS = ("metrics", "cost", "bytes", "rows")
"""Parts of a record that a run's part of the page shows as numbers."""

LONGEST_CURVE = 200
"""Most epochs of a curve that are kept; a longer one is thinned out."""

DIGITS = 6
"""Significant digits of a curve."""


class RunData:
    """Collects the runs of a page.

    Parameters
    ----------
    ledger : has the runs' curves; None has none.
    """

    def __init__(self, ledger: Ledger | None) -> None:
        self.ledger = ledger
        self._records: dict[str, Record] = {}
        self._points: dict[str, Point] = {}

    def add(self, point: Point) -> None:
        """Add the runs of a point of a table."""
        for record in point.records:
            self._records.setdefault(record["id"], record)
            self._points.setdefault(record["id"], point)

    def as_json(self) -> dict[str, Any]:
        """Return the keys `configuration`, `environments` and `runs` of a page."""
        found = {run: _configuration(record) for run, record in self._records.items()}
        keys = sorted(dict.fromkeys(key for config in found.values() for key in config), key=lambda key: "." in key)
        values = {key: _distinct(config.get(key) for config in found.values()) for key in keys}
        environments = _distinct(format_environment(record) for record in self._records.values())
        runs = {
            run: self._run(record)
            | {
                "configuration": [-1 if key not in found[run] else values[key].index(found[run][key]) for key in keys],
                "environment": environments.index(format_environment(record)),
            }
            for run, record in self._records.items()
        }
        return {
            "configuration": [{"key": key, "values": values[key]} for key in keys],
            "environments": [dict(pairs) for pairs in environments],
            "runs": runs,
        }

    def _run(self, record: Record) -> dict[str, Any]:
        columns = self._points[record["id"]].columns
        curves, files = self._curves(record), list(_table_files(part(record, "tables")))
        return {
            "arm": columns["arm"],
            "dataset": columns["dataset"],
            "rate": plain(columns["rate"]),
            "seed": record.get("seed"),
            "status": record.get(MISSING) or record.get("status", "finished"),
            "finished_at": record.get("finished_at"),
            **{name: _numbers(part(record, name)) for name in PARTS},
            "tables": _numbers({key: value for key, value in part(record, "tables").items() if key != "files"}),
            **({"table_files": files} if files else {}),
            **({"curves": curves} if curves else {}),
        }

    def _curves(self, record: Record) -> dict[str, list[Any]]:
        """Return the metrics of each epoch by name; none if the ledger does not have them as the run wrote them."""
        if self.ledger is None:
            return {}
        path = self.ledger.path(record["id"]) / CURVES
        with suppress(OSError, ValueError):
            if part(record, "files").get(CURVES) in (None, file_hash(regular_file(path))):
                return thinned(pd.read_csv(path))
        return {}


def thinned(history: pd.DataFrame) -> dict[str, list[Any]]:
    """Return the columns of a history, at most `LONGEST_CURVE` epochs of it, the last among them."""
    step = -(-len(history) // LONGEST_CURVE) or 1
    kept = history.iloc[(len(history) - 1) % step :: step] if len(history) else history
    numbers = kept.select_dtypes("number")
    return {str(name): [_short(value) for value in numbers[name]] for name in numbers}


def _short(value: Any) -> Any:
    found = plain(value)
    return float(f"{found:.{DIGITS}g}") if isinstance(found, float) else found


def _configuration(record: Record) -> dict[str, str]:
    """Return choices and options of a run as text, by key."""
    return {key: format_value(value) for key, value in options(Entry(record["id"], "finished", record)).items()}


def format_environment(record: Record) -> tuple[tuple[str, str], ...]:
    """Return what a run was made with: machine, versions and code."""
    code = {f"code.{key}": value for key, value in part(record, "code").items() if key != "modules"}
    found = leaves(part(record, "environment")) | code
    return tuple((key, format_value(value)) for key, value in found.items())


def _table_files(tables: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield fields, scheme and bytes of each table of a run, where its record names them."""
    for name, file in part(tables, "files").items():
        header = part(file, "header")
        try:
            fields = ", ".join(str(field[0]) for field in json.loads(header.get("fields", "")))
        except (ValueError, TypeError, IndexError, KeyError):
            fields = name  # an older record names its tables only
        yield {
            "fields": fields,
            "scheme": str(header.get("class", "")).rpartition(".")[2],
            **{key: plain(file.get(key)) for key in ("bytes", "index_bytes")},
        }


def _numbers(node: Mapping[str, Any]) -> dict[str, Any]:
    return {
        key: plain(value)
        for key, value in leaves(node).items()
        if isinstance(value, int | float) and not isinstance(value, bool)
    }


def _distinct(values: Iterator[Any] | Sequence[Any]) -> list[Any]:
    return list(dict.fromkeys(value for value in values if value is not None))
