"""Ratings on unusual scales, and folds that differ in theirs: a sentence each, or numbers that are finite."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cadc.errors import DataError
from cadc.testing import small_log
from cadc.views.fitted_views import fit_views
from cadc.views.statistics import StatisticsView
from tests.support.commands import cadc

STACK = ("model=stack", "sampler.rate=0.2", "factorization.dim=2", "factorization_rows=complement")


@pytest.fixture
def words(tmp_path):
    """Write a log with these ratings, whose labels are those of `rated`; return the overrides that read it."""

    def write(change=lambda ratings: ratings):
        generator = np.random.default_rng(0)
        rated = generator.integers(1, 6, 1000).astype(float)
        frame = pd.DataFrame(generator.integers(0, [30, 20], (1000, 2)), columns=["user", "item"])
        frame.assign(label=(rated >= 4).astype(int), rating=change(rated)).to_csv(tmp_path / "log.csv", index=False)
        columns = (f"data.{name}={name}" for name in ("user", "item", "label", "rating"))
        return ("data=table", f"data.path={tmp_path}/log.csv", *columns, *STACK)

    return write


@pytest.mark.parametrize("view", ["ease", "item_neighbours"])
@pytest.mark.parametrize("scale", [1e-30, 1e10, 1e30])
def test_ratings_that_cannot_be_squared_are_refused(words, view, scale):
    answer = cadc("train", *words(lambda ratings: ratings * scale), f"views=[{view}]")
    assert answer.status
    assert "residuals need a highest one that is 1e-09 to 1e+09 above the lowest" in answer.sentence


def test_biases_beyond_16_bits_are_kept_in_32(words):
    def worth(change):
        record = Path(cadc("train", *words(change), "views=[ease,item_neighbours]").out.split()[-1])
        return json.loads(record.read_text())["metrics"]["test/auc"]

    assert worth(lambda ratings: 1e8 * ratings) == pytest.approx(worth(lambda ratings: ratings), abs=0.01)


def test_views_without_a_number_are_refused(words):
    # There is no threshold but the label's own.
    answer = cadc("train", *words(lambda ratings: np.where(ratings >= 4, 5, 1)), "views=[ordinal]")
    assert answer.status
    assert "the chosen views, ordinal, have no numbers" in answer.sentence


def test_thresholds_that_differ_between_folds_are_refused(words):
    ratings = words(lambda ratings: ratings + np.random.default_rng(1).random(1000))
    answer = cadc("train", *ratings, "views=[ordinal]", "factorization_rows=crossfit")
    assert answer.status
    assert "the view ordinal has other numbers in one fold" in answer.sentence
    chosen = "views.ordinal.thresholds=[3,5]"
    assert cadc("train", *ratings, "views=[ordinal]", "factorization_rows=crossfit", chosen).status == 0


def test_a_view_that_is_not_finite_is_named():
    class Broken(StatisticsView):
        def fit(self, evidence):
            return {name: table / 0 for name, table in super().fit(evidence).items()}

    log = small_log()
    with pytest.raises(
        DataError, match="the view mine of the log synthetic has fitted user, item, which are not finite"
    ):
        fit_views({"mine": Broken()}, log, "complement", log.rows("train")[:9], 2)
