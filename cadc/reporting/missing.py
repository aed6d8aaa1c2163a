"""Runs of a table without a result: a record stands for each, with what was asked for and what became of it."""

from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from cadc.errors import CadcError
from cadc.ledger.identity import signature
from cadc.ledger.store import Record
from cadc.pipeline.settings import Settings
from cadc.reporting.columns import MISSING
from cadc.reporting.points import Point, at_rate, names_of

MOST_NAMED = 5
"""Arms that a note names."""


def without_result(settings: Settings, state: str, data: Mapping[str, Any] | None = None) -> Record:
    """Return what stands in a table for a run without a result.

    Parameters
    ----------
    settings : of the run.
    state : what became of it, such as `failed` or `not run`.
    data : name of its data set, as a record has it; None takes the name that its source gives.
    """
    return planned(settings, signature(settings), data) | {MISSING: state}


def planned(settings: Settings, run_id: str, data: Mapping[str, Any] | None = None) -> Record:
    """Return what is known of a run before it is carried out: what was asked for.

    Parameters
    ----------
    settings, run_id : of the run.
    data : its data set, as a record has it; None takes the name that its source gives.
    """
    return {
        "id": run_id,
        "config": dict(settings.config),
        "seed": settings.config["seed"],
        "task": settings.task,
        "data": dict(data or {"name": _name_of_data(settings)}),
        "uses": settings.uses,
        "factor_dim": settings.factor_dim,
        **{part: {} for part in ("metrics", "cost", "bytes", "rows")},
    }


def _name_of_data(settings: Settings) -> str:
    with suppress(CadcError, OSError):  # a file that is gone
        return settings.source.build().name
    return str(settings.config["choices"]["data"])


def states_of(point: Point) -> str | None:
    """Return what became of the runs of a point without a result, such as `2 failed, 1 not run`; None without any."""
    found = Counter(str(record[MISSING]) for record in point.records if MISSING in record)
    return ", ".join(f"{count} {state}" for state, count in found.items()) or None


def missing_note(rows: Sequence[Point]) -> str | None:
    """Return a sentence that names the runs without a result; None without any."""
    named = []
    for point, name in zip(rows, names_of(rows), strict=True):
        where = at_rate(name, point.columns["rate"])
        seeds: dict[str, list[int]] = {}
        for record in point.records:
            if MISSING in record:
                seeds.setdefault(record[MISSING], []).append(record["seed"])
        named += [
            f"{where}, seed{'s' * (len(own) > 1)} {', '.join(map(str, sorted(own)))} ({state})"
            for state, own in seeds.items()
        ]
    if not named:
        return None
    n_missing = sum(MISSING in record for point in rows for record in point.records)
    n_runs = sum(len(point.records) for point in rows)
    more = f" and {len(named) - MOST_NAMED} more arms" if len(named) > MOST_NAMED else ""
    have = "has" if n_missing == 1 else "have"
    return f"{n_missing} of {n_runs} runs {have} no result: {'; '.join(named[:MOST_NAMED])}{more}."
