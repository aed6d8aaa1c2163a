"""Statistics of values: those of a loop over the rows."""

from collections import Counter
from math import log as ln

import pytest

from cadc.data.prepare import prepare
from cadc.data.sources.criteo import Criteo
from cadc.data.sources.synthetic import Synthetic
from cadc.data.split.random import RandomSplit
from cadc.errors import DataError, UsageError
from cadc.testing.logs import small_log
from cadc.views.evidence import Evidence
from cadc.views.statistics import StatisticsView
from cadc.views.views import FittedPart, Views
from tests.data.small_sources import write_criteo


def module_of(view, log, rows):
    return Views({"s": view}, [FittedPart({"s": view.fit(Evidence(log, rows))}, None)], log.schema)


def test_numbers_equal_a_loop_over_the_rows():
    log, shrinkage = small_log(), 3.0
    rows = log.rows("train")[::7]
    views = module_of(StatisticsView(shrinkage=shrinkage), log, rows)
    assert views.columns == tuple(
        f"s.{field}_{of}" for field in ("item", "user") for of in ("count", "label", "rating", "spread")
    )
    labels, ratings, test = log.labels(rows).tolist(), log.ratings(rows).tolist(), log.rows("test")[:20]
    share, mean = (sum(labels) + 0.5) / (len(labels) + 1), sum(ratings) / len(ratings)
    found = views(log.gather(test)).tolist()
    for place, field in enumerate(("item", "user")):
        ids = log.field_ids(field, rows).tolist()
        totals = Counter()
        for value, rating in zip(ids, ratings, strict=True):
            totals[value] += rating - mean
        counts = Counter(ids)

        def rating_of(value, totals=totals, counts=counts):
            return totals[value] / (counts[value] + shrinkage)

        left = [rating - mean - rating_of(value) for value, rating in zip(ids, ratings, strict=True)]
        mean_square = sum(rest**2 for rest in left) / len(left)
        for row, value in zip(found, log.field_ids(field, test).tolist(), strict=True):
            own = [number for number, other in enumerate(ids) if other == value]
            liked = sum(labels[number] for number in own)
            odds = (liked + shrinkage * share) / (len(own) - liked + shrinkage * (1 - share))
            expected = [ln(1 + len(own)), ln(odds) - ln(share / (1 - share)), rating_of(value)]
            assert row[4 * place : 4 * place + 3] == pytest.approx(expected, abs=1e-4)
            squares = sum((ratings[number] - mean - rating_of(value)) ** 2 for number in own)
            spread = ((squares + shrinkage * mean_square) / (len(own) + shrinkage)) ** 0.5
            assert row[4 * place + 3] == pytest.approx(spread, abs=1e-4)


def test_values_without_rows_say_nothing():
    log = small_log()
    fitted = StatisticsView().fit(Evidence(log, log.rows("train")))
    assert log.schema["user"].vocabulary_size > 1
    assert fitted["user"][0, :3].tolist() == pytest.approx([0, 0, 0], abs=1e-6)


def test_logs_without_ratings_have_counts_and_labels_alone():
    log = prepare(Synthetic(n_rows=1000), RandomSplit())
    fields = [field.name for field in log.schema.single][:2]
    views = module_of(StatisticsView(fields=fields), log, log.rows("train"))
    assert [name.split("_")[-1] for name in views.columns] == ["count", "label"] * 2


def test_all_single_valued_fields_are_read_without_users_and_items(tmp_path, monkeypatch):
    monkeypatch.setenv("CADC_DATA_DIR", str(tmp_path))
    write_criteo(tmp_path / "criteo")
    log = prepare(Criteo(), RandomSplit())
    views = module_of(StatisticsView(), log, log.rows("train"))
    assert len(views.columns) == 2 * len(log.schema.single) > 0
    assert views(log.gather(log.rows("test"))).isfinite().all()


def test_fields_that_are_not_single_values_are_refused():
    log = small_log()
    with pytest.raises(UsageError, match="has tags, which holds several values a row"):
        StatisticsView(fields=["tags"]).fit(Evidence(log, log.rows("train")))
    with pytest.raises(DataError, match="no field 'colour'"):
        StatisticsView(fields=["colour"]).fit(Evidence(log, log.rows("train")))
