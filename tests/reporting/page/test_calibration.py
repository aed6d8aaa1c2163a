"""Calibration on a page agrees with the calibration error that is recorded."""

import numpy as np
import pandas as pd
import pytest

from cadc.evaluation.metrics.ece import expected_calibration_error
from cadc.ledger import Ledger
from cadc.reporting.page.calibration import bins, calibration
from cadc.reporting.points import points
from cadc.reporting.saved import SavedRows
from tests.support.commands import train


def test_bins_weighted_by_their_rows_give_the_calibration_error():
    rng = np.random.default_rng(0)
    probability = np.round(rng.random(2000), 2)  # with ties
    label = (rng.random(2000) < probability**2).astype(np.float64)
    found = bins(pd.DataFrame({"label": label, "probability": probability}))
    assert sum(n for *_, n in found) == 2000
    error = sum(n * abs(predicted - observed) for predicted, observed, n in found) / 2000
    assert error == pytest.approx(expected_calibration_error(label, probability), abs=1e-5)


def test_a_point_has_its_curve_where_all_its_runs_have_their_scores():
    folders = [train("sampler.rate=0.3", f"seed={seed}") for seed in (0, 1)]
    ledger = Ledger()
    runs = [("arm", ledger.record(folder.name)) for folder in folders]
    (found,) = calibration(points(runs), SavedRows(ledger))
    assert found["point"] == 0
    assert sum(n for *_, n in found["bins"]) == sum(record["data"]["rows"]["test"] for _, record in runs)
    (folders[0] / "scores.parquet").unlink()
    assert calibration(points(runs), SavedRows(ledger)) == []
