"""Points of a table against the reference: differences, tests and verdicts, and how the table shows them."""

import json

import numpy as np
import pandas as pd
import pytest

from cadc.evaluation.statistics import compare, holm, verdict
from cadc.experiment import Reference
from cadc.provenance.fingerprint import file_hash
from cadc.reporting.comparisons.columns import add_comparison, comparison_markdown, interval_of
from cadc.reporting.comparisons.comparison import compare_points
from cadc.reporting.comparisons.kept import COLUMNS
from tests.evaluation.statistics.verdict_rules import read
from tests.reporting.scored_table import Table, expected


@pytest.mark.parametrize("metric", ["auc", "logloss", "gauc"])
def test_every_point_is_compared_with_the_named_one(table, metric):
    found = table.compare("random", 1.0, metric)
    assert list(found.columns) == COLUMNS
    assert found["verdict"][1] == "reference"
    assert found.loc[1, ["difference", "low", "p", "p_holm", "seeds"]].isna().all()
    for row in (0, 2, 3, 4):
        right = expected(table, row, 1, metric)
        line = found.loc[row]
        assert line["difference"] == pytest.approx(right.interval.estimate, abs=1e-12)
        assert line["p"] == pytest.approx(right.p_difference)
        assert (line["low_95"], line["high_95"]) == pytest.approx((right.interval.low, right.interval.high))
        assert (line["seeds"], line["n_units"], line["unit"]) == (3, 25, "user")
        assert pd.isna(line["delong_se"]) == (metric != "auc")
    assert found.loc[3, "verdict"] == "equal"  # the very same scores
    assert found.loc[3, ["p_holm", "p_margin_holm"]].isna().all()
    others = found.drop(index=[1, 3])
    np.testing.assert_allclose(others["p_holm"], holm(others["p"]))
    np.testing.assert_allclose(others["p_margin_holm"], holm(others["p_margin"]))
    sign = -1 if metric == "logloss" else 1
    assert list(others["verdict"]) == [
        verdict(sign * line["difference"], line["p_holm"], line["p_margin_holm"], 3, 0.002)
        for line in others.to_dict("records")
    ]
    assert found.loc[0, "verdict"] == "worse"
    for line in others.to_dict("records"):
        assert read(interval_of(line), sign, 0.002) == line["verdict"]


def test_one_seed_decides_nothing(tmp_path):
    table = Table(tmp_path)
    table.add("random", 1.0, 0.3, [(0, 0)])
    table.add("mf", 1.0, 3.0, [(0, 0)])
    found = table.compare("random")
    assert found.loc[1, "p"] < 0.01
    assert found.loc[1, ["verdict", "seeds"]].tolist() == ["one seed", 1]
    assert "| 1 |" in comparison_markdown(found)


def test_the_table_says_what_it_is_compared_with(table):
    plain = pd.DataFrame([point.columns for point in table.points])
    reference = Reference("random", 1.0, "logloss", 0.01)
    wide = add_comparison(plain, table.compare("random", 1.0, "logloss", 0.01), [reference])
    assert list(wide.columns[-7:]) == [
        "logloss_difference",
        "logloss_difference_low",
        "logloss_difference_high",
        "p_holm",
        "p_margin_holm",
        "seeds_compared",
        "verdict",
    ]
    assert "logloss to random at rate 1" in wide.attrs["note"]
    assert "margin 0.01" in wide.attrs["note"]
    assert json.loads(wide.to_json())  # the note is no column
    assert "note" not in plain.attrs


def test_several_references_are_each_a_family_of_their_own(table):
    references = [
        Reference("random", 1.0),
        Reference("control", metric="logloss", margin=0.0, arms=("mf",)),
        Reference("random", metric="auc", rates=(0.1,), arms=("mf",)),
    ]
    found = compare_points(references, table.points, table.ledger)
    assert len(found) == 15
    first, second, third = (found.iloc[start : start + 5].reset_index(drop=True) for start in (0, 5, 10))
    for part, reference in zip((first, second, third), references, strict=True):
        alone = compare_points([reference], table.points, table.ledger)
        pd.testing.assert_frame_equal(part, alone.reset_index(drop=True))
    assert second["p"].notna().tolist() == [False, False, True, True, False]
    np.testing.assert_allclose(second["p_holm"][2:4], holm(second["p"][2:4]))
    assert third["p"].notna().tolist() == [False, False, True, False, False]
    assert third.loc[2, "p_holm"] == third.loc[2, "p"]
    assert second.loc[2, "difference"] == pytest.approx(expected(table, 2, 4, "logloss").interval.estimate)


def test_the_table_has_two_columns_for_each_of_several_references(table):
    references = [Reference("random", 1.0), Reference("control", metric="logloss")]
    plain = pd.DataFrame([point.columns for point in table.points])
    wide = add_comparison(plain, compare_points(references, table.points, table.ledger), references)
    assert list(wide.columns[-4:]) == [
        "auc_difference to random at rate 1",
        "verdict on auc to random at rate 1",
        "logloss_difference to control",
        "verdict on logloss to control",
    ]
    first, second, intervals = wide.attrs["note"].splitlines()
    assert "auc to random" in first and "logloss to control" in second and "adjusted" in intervals


def test_ranks_are_compared_with_their_shares(tmp_path):
    table = Table(tmp_path)
    for arm, skill in (("full", 0.10), ("mf", 0.09)):
        table.add(arm, 0.1, 1.0, [(0, 0), (1, 1), (2, 2)])
        for seed, record in enumerate(table.points[-1].records):
            rng = np.random.default_rng([seed, int(100 * skill)])
            ranks = pd.DataFrame({"user": np.arange(300), "item": np.arange(300), "row": np.arange(300)})
            ranks["rank"] = np.ceil(rng.exponential(size=300) / skill)
            path = table.ledger.path(record["id"]) / "ranks.parquet"
            ranks.to_parquet(path)
            record["files"]["ranks.parquet"] = file_hash(path)
    found = table.compare("full", 0.1, "ndcg@10")
    arm, reference = (
        [pd.read_parquet(table.ledger.path(record["id"]) / "ranks.parquet") for record in point.records]
        for point in (table.points[1], table.points[0])
    )
    right = compare(arm, reference, "ndcg@10")
    line = found.loc[1]
    assert tuple(line[["share", "share_low", "share_high"]]) == pytest.approx(tuple(right.share))
    assert line["difference"] == pytest.approx(right.interval.estimate)
    text = comparison_markdown(found)
    assert (
        f"| {100 * right.share.estimate:.1f} % | [{100 * right.share.low:.1f}, {100 * right.share.high:.1f}] |" in text
    )
    assert table.compare("full", 0.1, "auc")["share"].isna().all()


def test_delongs_error_stands_beside_the_interval_of_an_auc(table):
    line = table.compare("random", 1.0).loc[0]
    squares = []
    for seed in range(3):
        own, other = (
            pd.read_parquet(table.ledger.path(f"random-{rate}-16-{seed}-{seed}") / "scores.parquet")
            for rate in (0.1, 1.0)
        )
        # Over positives and negatives apart, the variances of the differences of their placements.
        is_positive = own["label"].to_numpy() == 1
        variance = 0.0
        for side in (is_positive, ~is_positive):
            placements = []
            for frame in (own, other):
                score = frame["probability"].to_numpy()
                rivals = score[~side]
                placements.append([np.mean((s > rivals) + 0.5 * (s == rivals)) for s in score[side]])
            variance += np.var(np.subtract(*placements), ddof=1) / side.sum()
        squares.append(variance)
    assert line["delong_se"] == pytest.approx(np.sqrt(np.mean(squares)))
    assert table.compare("random", 1.0).loc[3, "delong_se"] == 0  # the very same scores
