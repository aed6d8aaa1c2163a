"""Calibration of the arms of a page, from the scores that their runs saved."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from cadc.evaluation.metrics.ece import equal_mass_bins
from cadc.reporting.page.columns import plain
from cadc.reporting.points import Point
from cadc.reporting.saved import SavedRows
from cadc.storage.run_files import SCORES

N_BINS = 15
"""As many as the calibration error has."""


def calibration(rows: Sequence[Point], saved: SavedRows) -> list[dict[str, Any]]:
    """Return the calibration of each point whose runs all have their scores in the ledger.

    Parameters
    ----------
    rows : points of a table.
    saved : rows that runs saved.

    Returns
    -------
    curves : of each point its place in the table, and for each bin of equal mass the mean probability, the share of
        positive labels and the number of rows, over the rows of all its runs.

    Raises
    ------
    CadcError : where a file of scores is not the one that its record names.
    """
    return [
        {"point": place, "bins": bins(pd.concat([saved.read(record, SCORES) for record in point.results]))}
        for place, point in enumerate(rows)
        if point.results and all(saved.has(record["id"], SCORES) for record in point.results)
    ]


def bins(scores: pd.DataFrame) -> list[list[Any]]:
    """Return mean probability, share of positive labels and number of rows of each bin.

    >>> bins(pd.DataFrame({"label": [0, 1, 1, 1], "probability": [0.25, 0.25, 0.75, 0.75]}))
    [[0.25, 0.5, 2], [0.75, 1, 2]]
    """
    number = equal_mass_bins(scores["probability"].to_numpy(np.float64), N_BINS)
    found = scores.groupby(number)[["probability", "label"]].mean().assign(n=np.unique(number, return_counts=True)[1])
    return [[plain(round(value, 6)) for value in row] for row in found.itertuples(index=False, name=None)]
