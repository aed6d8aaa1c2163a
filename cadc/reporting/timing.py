"""What the seconds of a table were taken on, and what speaks against comparing them."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import numpy as np

from cadc.configuration.nested import part
from cadc.ledger.safe_text import harmless, number
from cadc.ledger.store import Record
from cadc.terminal.counted import counted

OWN_STAGES = ("initialise_s", "train_s", "evaluate_s")
"""Stages that never come from the cache, so that they took their seconds right before the run ended."""


def timed_on(environment: Mapping[str, Any], on_gpu: bool = True) -> str:
    """Return the processor, the threads and whatever else makes seconds longer or shorter, as text.

    Parameters
    ----------
    environment : that part of a record; keys that older records lack may be missing.
    on_gpu : whether a GPU was used if there was one.

    >>> timed_on({"cpu": "AMD EPYC", "threads": 2, "denormals_flushed": True})
    'AMD EPYC with 2 threads, denormal numbers taken for 0'
    """
    threads = number(environment.get("threads"))
    gpu = environment.get("gpu") if on_gpu else None
    return "".join(
        [
            harmless(environment.get("cpu") or "a processor that is not recorded", 80),
            f" and {harmless(gpu, 80)}" if gpu else "",
            "" if threads is None else f" with {counted(f'{threads:g}', 'thread')}",
            ", denormal numbers taken for 0" if environment.get("denormals_flushed") else "",
            f", in fleets of {harmless(environment['fleet'], 20)}" if "fleet" in environment else "",
        ]
    )


def timing(records: Sequence[Record]) -> dict[str, int]:
    """Return the number of runs by what their seconds were taken on, the most frequent first.

    Parameters
    ----------
    records : of the runs of a table; a run that cannot meet its budget took no time and does not count.
    """
    return dict(Counter(map(_timed_on, _timed(records))).most_common())


def timing_notes(records: Sequence[Record]) -> list[str]:
    """Return a line on what the seconds of a table were taken on, and one for each reason not to compare them.

    Seconds do not compare between processors, numbers of threads, ways to treat denormal numbers, and between runs that
    were trained together and runs alone. Nor do those of runs that ran side by side on one machine. Two runs did so if
    the seconds before their ends overlap by more than one second, the unit in which ends are recorded. A run
    that was resumed counts the seconds before its interruption as well, so that it may seem to overlap.

    Parameters
    ----------
    records : of the runs of a table, see `timing`.
    """
    timed = _timed(records)
    found = timing(timed)
    if not found:
        return []
    if len(found) == 1:
        notes = [f"Seconds were taken on {next(iter(found))}."]
    else:
        taken = "; ".join(f"on {where} ({counted(n, 'run')})" for where, n in found.items())
        notes = [f"Seconds were taken {taken}: they do not compare between these."]
    if n_in_fleets := sum(_is_in_fleet(record) for record in timed):
        notes.append(
            f"The seconds of {n_in_fleets} of the {len(timed)} runs, which were trained with others "
            "(environment.fleet), are shares: they do not compare with those of runs alone."
        )
    if n_beside := _n_side_by_side(timed):
        notes.append(
            f"{n_beside} of the {len(timed)} runs ran side by side with others of the table, as their ends and seconds "
            "tell: if they shared a machine, their seconds do not compare with those of runs alone."
        )
    return notes


def _timed(records: Sequence[Record]) -> list[Record]:
    return list({record["id"]: record for record in records if not record.get("unreachable")}.values())


def _timed_on(record: Record) -> str:
    accelerator = part(part(record, "config"), "trainer").get("accelerator")
    return timed_on(part(record, "environment"), "trainer" in record["uses"] and accelerator != "cpu")


def _is_in_fleet(record: Record) -> bool:
    return "fleet" in part(record, "environment")


def _n_side_by_side(records: Sequence[Record]) -> int:
    """Return how many runs overlap another run on a machine of the same kind; fleets are left out."""
    spans: dict[tuple[str, str], list[tuple[float, float]]] = {}
    for record in records:
        environment, span = part(record, "environment"), _span(record)
        if span is not None and not _is_in_fleet(record):
            spans.setdefault((str(environment.get("cpu")), str(environment.get("platform"))), []).append(span)
    return sum(_n_overlapping(*np.array(found).T) for found in spans.values())


def _span(record: Record) -> tuple[float, float] | None:
    """Return the time from the start to the end of a run, half a second less at each end; None if it is not known."""
    seconds = [number(part(record, "cost").get(name)) or 0.0 for name in OWN_STAGES]
    try:
        end = datetime.fromisoformat(record["finished_at"]).timestamp()
    except ValueError:
        return None
    # What overlaps after that overlapped by more than a second before.
    start, end = end - sum(seconds) + 0.5, end - 0.5
    return (start, end) if start < end else None


def _n_overlapping(starts: np.ndarray, ends: np.ndarray) -> int:
    """Return the number of intervals that overlap another one."""
    begun = np.searchsorted(np.sort(starts), ends)
    over = np.searchsorted(np.sort(ends), starts, "right")
    return int((begun - over > 1).sum())
