"""To which digit two records of a run agree, metric by metric, and their scores where they are at hand."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cadc.configuration.nested import part
from cadc.evaluation.saved_tables import SAVED, SavedTable
from cadc.ledger.reading import Record
from cadc.ledger.safe_text import number
from cadc.storage.run_files import MODEL

ALL = math.inf
"""Digits of numbers that are equal to the last bit."""


@dataclass(frozen=True)
class Agreement:
    """How two records of a run differ in what they measured.

    Parameters
    ----------
    largest : the largest difference between two metrics, see `distance`.
    metric : the metric that it is of; empty where all are equal.
    scores : `equal`, a text that says how far they are apart, or empty where nothing is known of them.
    score_difference : largest difference between two probabilities; 0 where they are not at hand.
    weights : `equal`, `other`, or empty where nothing is known of them.
    """

    largest: float
    metric: str
    scores: str = ""
    score_difference: float = 0.0
    weights: str = ""

    @property
    def digits(self) -> float:
        """Decimal digits to which all metrics agree, `ALL` where they are equal."""
        return digits(self.largest)

    @property
    def is_bit_equal(self) -> bool:
        """Whether nothing that was compared differs in a bit."""
        return self.largest == 0 and {self.scores, self.weights} <= {"equal", ""}

    def is_within(self, tolerance: float, metrics_alone: bool = False) -> bool:
        """Tell whether metrics and probabilities, or metrics alone, agree within a tolerance."""
        return self.largest <= tolerance and (metrics_alone or self.score_difference <= tolerance)


def distance(one: float | None, two: float | None) -> float:
    """Return how far two values of a metric are apart: absolute up to 1, relative to the first beyond.

    A value that is missing on one side is infinitely far from the other.

    >>> distance(0.75, 0.5), distance(200.0, 100.0), distance(None, None), distance(None, 0.5)
    (0.25, 0.5, 0.0, inf)
    """
    if one is None or two is None:
        return 0.0 if one is two else math.inf
    return abs(one - two) / max(1.0, abs(one))


def digits(difference: float) -> float:
    """Return the decimal digits to which two numbers of this difference agree.

    >>> digits(3e-8), digits(0.0), digits(0.2), digits(math.inf)
    (7, inf, 0, 0)
    """
    if difference == 0:
        return ALL
    return 0 if math.isinf(difference) else max(0, math.floor(-math.log10(difference)))


def measured(record: Record) -> dict[str, float | None]:
    """Return all metrics of a record by name, those of the segments of a stream included; None for what is null."""
    found = {name: number(value) for name, value in part(record, "metrics").items()}
    segments: Any = record.get("segments")
    for own in segments if isinstance(segments, list) else ():
        if isinstance(own, Mapping):
            where = f"segment {own.get('segment')}"
            found |= {f"{where} {name}": number(value) for name, value in part(own, "metrics").items()}
    return found


def agreement(record: Record, again: Record, folder: Path | None, again_folder: Path) -> Agreement:
    """Return how a run that was repeated agrees with its record.

    Metrics that the repeated run has beside those of the record, which may be of an earlier version, do not count.

    Parameters
    ----------
    record, again : of the run, and of its repetition.
    folder : of the run, with its scores; None where its record alone is at hand.
    again_folder : of the repetition.
    """
    before, after = measured(record), measured(again)
    apart = {name: distance(value, after.get(name)) for name, value in before.items()}
    metric = max(apart, key=lambda name: apart[name], default="")
    largest = apart.get(metric, 0.0)
    saved = SAVED["ranking" if record.get("task") == "ranking" else "ctr"]
    if folder is not None and (folder / saved.file).exists():
        scores, score_difference = _scores(folder / saved.file, again_folder / saved.file, saved)
    else:
        scores, score_difference = _by_hash(record, again, saved.file), 0.0
    weights = _by_hash(record, again, MODEL)
    return Agreement(largest, metric if largest else "", scores, score_difference, weights)


def _by_hash(record: Record, again: Record, name: str) -> str:
    hashes = [part(found, "files").get(name) for found in (record, again)]
    if None in hashes:
        return ""
    if hashes[0] == hashes[1]:
        return "equal"
    # Another version of a library may write the same numbers in other bytes.
    packages = [part(part(found, "environment"), "packages") for found in (record, again)]
    return "other" if packages[0] == packages[1] else ""


def _scores(one: Path, two: Path, saved: SavedTable) -> tuple[str, float]:
    """Return how two tables of scores or ranks differ as text, and the largest difference between probabilities."""
    import numpy as np
    import pandas as pd

    tables = [pd.read_parquet(path) for path in (one, two)]
    keys = [table[list(saved.key)].to_numpy() for table in tables]
    if keys[0].shape != keys[1].shape or (keys[0] != keys[1]).any():
        return "of other rows", math.inf
    a, b = (table[saved.value].to_numpy() for table in tables)
    other = a != b
    if not other.any():
        return "equal", 0.0
    if saved.value == "rank":
        # A rank is a whole number, which the last bit of a score can move; the metrics say what that comes to.
        return f"{other.mean():.2%} of the ranks", 0.0
    largest = float(np.abs(a - b).max())
    return f"up to {largest:.1e}", largest
