"""Points of a table against the reference: who is paired with whom, and what is refused."""

import json

import numpy as np
import pandas as pd
import pytest

from cadc.errors import CadcError, DataError
from cadc.evaluation.statistics import compare, holm, verdict
from cadc.experiment import Reference
from cadc.identity import file_hash
from cadc.ledger import Ledger
from cadc.reporting.compared import add_comparison, comparison_markdown
from cadc.reporting.comparison import COLUMNS, FILE, compare_points
from cadc.reporting.pairs import counterpart, pairs
from cadc.reporting.points import Point
from tests.reporting.made_up import made_up_columns


def test_rows(split_seed, noise, n_rows=400, n_users=25):
    """Return saved scores; rows, users and labels follow from the split alone."""
    rng = np.random.default_rng(split_seed)
    row = rng.permutation(3000)[:n_rows]
    logit = rng.normal(size=n_rows)
    label = (rng.random(n_rows) < 1 / (1 + np.exp(-logit))).astype(np.float32)
    probability = 1 / (1 + np.exp(-logit - noise * np.random.default_rng([split_seed, 9]).normal(size=n_rows)))
    return pd.DataFrame({"row": row, "label": label, "probability": probability, "user": row % n_users})


test_rows.__test__ = False


class Table:
    """A ledger and the points of a table, filled run by run."""

    def __init__(self, folder):
        self.ledger = Ledger(folder / "runs")
        self.folder = folder / "results"
        self.folder.mkdir()
        self.points = []

    def add(self, arm, rate, noise, seeds, trained=True, dim=16):
        """Add a point with a run for each (split_seed, seed)."""
        records = []
        for split_seed, seed in seeds:
            run_id = f"{arm}-{rate}-{dim}-{split_seed}-{seed}"
            path = self.ledger.path(run_id)
            path.mkdir(parents=True, exist_ok=True)
            # A seed adds its own noise.
            test_rows(split_seed, noise + 0.05 * seed).to_parquet(path / "scores.parquet")
            config = {"data": {"split_seed": split_seed}, "seed": seed, "sample_seed": None, "weight_seed": None}
            files = {"scores.parquet": file_hash(path / "scores.parquet")}
            uses = ["model", "trainer"] if trained else ["model"]
            data = {"content_hash": f"split {split_seed}"}
            records.append({"id": run_id, "config": config, "data": data, "uses": uses, "files": files})
        columns = made_up_columns(arm, rate, dim)
        self.points.append(Point(arm, columns, records))

    def compare(self, *words, **options):
        return compare_points([Reference(*words, **options)], self.points, self.ledger, [self.folder])


@pytest.fixture
def table(tmp_path):
    made = Table(tmp_path)
    seeds = [(0, 0), (1, 1), (2, 2)]
    made.add("random", 0.1, 8.0, seeds)
    made.add("random", 1.0, 0.3, seeds)
    made.add("mf", 0.1, 1.0, seeds[::-1])  # runs come in any order
    made.add("mf", 1.0, 0.3, seeds)
    made.add("control", None, 0.5, seeds, trained=False)
    return made


def test_a_control_serves_all_seeds_whose_splits_are_the_same(tmp_path):
    table = Table(tmp_path)
    table.add("network", 0.1, 1.0, [(0, 0), (0, 1), (0, 2)])
    table.add("control", None, 0.5, [(0, 0)], trained=False)
    # As where times decide the split: each seed asks for its own, and all come to the same.
    for number, record in enumerate(table.points[0].records):
        record["config"]["data"]["split_seed"] = number
    network, control = table.points
    assert [(mine["id"], theirs["id"]) for mine, theirs in pairs(network, control)] == [
        (record["id"], control.records[0]["id"]) for record in network.records
    ]
    assert [(mine["id"], theirs["id"]) for mine, theirs in pairs(network, network)] == [
        (record["id"], record["id"]) for record in network.records
    ]
    assert table.compare("control")["seeds"].tolist()[0] == 3


def expected(table, row, other, metric="auc"):
    arm, reference = (
        [pd.read_parquet(table.ledger.path(record["id"]) / "scores.parquet") for record in records]
        for records in (
            sorted(table.points[place].records, key=lambda record: record["config"]["seed"]) for place in (row, other)
        )
    )
    return compare(arm, reference, metric)


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
        assert (line["low"], line["high"]) == pytest.approx((right.interval.low, right.interval.high))
        assert (line["seeds"], line["n_units"], line["unit"]) == (3, 25, "user")
        assert pd.isna(line["delong_se"]) == (metric != "auc")
    others = found.drop(index=1)
    np.testing.assert_allclose(others["p_holm"], holm(others["p"]))
    np.testing.assert_allclose(others["p_margin_holm"], holm(others["p_margin"]))
    sign = -1 if metric == "logloss" else 1
    assert list(others["verdict"]) == [
        verdict(sign * line["difference"], line["p_holm"], line["p_margin_holm"], 3, 0.002)
        for line in others.to_dict("records")
    ]
    assert found.loc[0, "verdict"] == "worse"
    assert found.loc[3, "verdict"] == "as good (0.002)"  # the very same scores


def test_without_a_rate_points_of_equal_rate_are_compared(table):
    found = table.compare("random")
    assert list(found["verdict"][:2]) == ["reference", "reference"]
    assert found.loc[2, "difference"] == pytest.approx(expected(table, 2, 0).interval.estimate, abs=1e-12)
    assert found.loc[2, "reference_rate"] == 0.1
    assert found.loc[3, "difference"] == 0
    # A control has no rate, and the reference has two.
    assert found.loc[4, ["difference", "verdict", "reference"]].isna().all()


def test_a_control_serves_as_reference_of_all(table):
    found = table.compare("control")
    assert found["verdict"][4] == "reference"
    assert (found["seeds"][:4] == 3).all()
    assert found.loc[1, "difference"] == pytest.approx(expected(table, 1, 4).interval.estimate, abs=1e-12)


@pytest.mark.parametrize("rate", [None, 1.0])
def test_points_of_several_dims_meet_that_of_their_own_whatever_their_rates(tmp_path, rate):
    table = Table(tmp_path)
    for dim in (4, 8):
        table.add("full", 1.0, 0.1 * dim, [(0, 0), (1, 1)], dim=dim)
        table.add("mf", 0.1, 0.2 * dim, [(0, 0), (1, 1)], dim=dim)
        table.add("control", None, 0.3 * dim, [(0, 0), (1, 1)], trained=False, dim=dim)
    others = [counterpart(Reference("full", rate), row, table.points) for row in table.points]
    assert [other.columns["dim"] for other in others] == [4, 4, 4, 8, 8, 8]
    assert {other.arm for other in others} == {"full"}
    assert table.compare("full", rate)["difference"].notna().tolist() == [False, True, True] * 2


def test_a_row_without_a_rate_meets_none_of_several_and_that_is_said(table, capsys):
    del table.points[2:4]
    assert table.compare("random") is None
    assert "the comparison with random is left out: no other row" in capsys.readouterr().err


def test_a_model_without_training_serves_every_seed_of_its_split(tmp_path):
    table = Table(tmp_path)
    table.add("random", 1.0, 0.3, [(0, 0), (0, 1), (0, 2)])
    table.add("control", None, 0.5, [(0, 0)], trained=False)
    assert table.compare("random")["seeds"].tolist() == [pd.NA, 3]
    assert table.compare("control")["seeds"].tolist() == [3, pd.NA]


def test_seeds_that_only_one_arm_has_are_left_out(tmp_path):
    table = Table(tmp_path)
    table.add("random", 1.0, 0.3, [(0, 0), (1, 1), (2, 2)])
    table.add("mf", 1.0, 0.5, [(1, 1), (2, 2), (3, 3)])
    table.add("other", 1.0, 0.5, [(4, 4)])
    found = table.compare("random")
    assert found["seeds"].tolist() == [pd.NA, 2, pd.NA]
    assert pd.isna(found.loc[2, "verdict"])


def test_one_seed_decides_nothing(tmp_path):
    table = Table(tmp_path)
    table.add("random", 1.0, 0.3, [(0, 0)])
    table.add("mf", 1.0, 3.0, [(0, 0)])
    found = table.compare("random")
    assert found.loc[1, "p"] < 0.01
    assert found.loc[1, "verdict"] == "undecided"


def test_a_reference_that_is_not_in_the_table_is_said(table, capsys):
    assert table.compare("random", 0.5) is None
    assert "the comparison with random at rate 0.5 is left out: it is not in this table" in capsys.readouterr().err


def test_other_test_rows_are_refused(table):
    record = table.points[2].records[0]
    path = table.ledger.path(record["id"]) / "scores.parquet"
    test_rows(17, 0.3).to_parquet(path)
    with pytest.raises(CadcError, match="its hash is not the one in the run's record"):
        table.compare("random", 1.0)
    record["files"]["scores.parquet"] = file_hash(path)
    with pytest.raises(DataError, match="mf cannot be compared with random at rate 1: the test rows differ"):
        table.compare("random", 1.0)


def test_scores_that_cannot_be_read_are_a_sentence(table):
    record = table.points[2].records[0]
    del record["files"]
    (table.ledger.path(record["id"]) / "scores.parquet").write_text("no scores")
    with pytest.raises(CadcError, match=r"scores.parquet cannot be read \("):
        table.compare("random", 1.0)


def without_scores(table):
    for path in table.ledger.folder.glob("*/scores.parquet"):
        path.unlink()


def keep(table, comparison):
    (table.folder / FILE).write_text(comparison.to_csv(index=False, lineterminator="\n"))


def test_a_kept_comparison_serves_where_scores_are_gone(table):
    comparison = table.compare("random", 1.0)
    keep(table, comparison)
    before = (table.folder / FILE).read_bytes()
    without_scores(table)
    kept = table.compare("random", 1.0)
    pd.testing.assert_frame_equal(kept, comparison, check_exact=True)
    keep(table, kept)
    assert (table.folder / FILE).read_bytes() == before
    assert compare_points([Reference("random", 1.0)], table.points, None, [table.folder]) is not None


@pytest.mark.parametrize("change", ["metric", "margin", "reference", "runs"])
def test_a_kept_comparison_of_anything_else_does_not_serve(table, capsys, change):
    keep(table, table.compare("random", 1.0))
    without_scores(table)
    other = {"metric": "logloss"} if change == "metric" else {"margin": 0.01} if change == "margin" else {}
    if change == "runs":
        table.points[2].records[0]["id"] = "another"
    assert table.compare("random", 0.1 if change == "reference" else 1.0, **other) is None
    assert "scores.parquet of 15 of 15 runs is not in" in capsys.readouterr().err


def test_a_kept_file_that_is_none_is_a_sentence(table):
    (table.folder / FILE).write_text('a,"b\n')
    without_scores(table)
    with pytest.raises(CadcError, match="is no comparison"):
        table.compare("random", 1.0)


def test_scores_come_before_what_was_kept(table):
    comparison = table.compare("random", 1.0)
    keep(table, comparison.assign(difference=9.0))
    assert table.compare("random", 1.0)["difference"].max() < 1


def test_the_table_says_what_it_is_compared_with(table):
    plain = pd.DataFrame([point.columns for point in table.points])
    reference = Reference("random", 1.0, "logloss", 0.01)
    wide = add_comparison(plain, table.compare("random", 1.0, "logloss", 0.01), [reference])
    assert list(wide.columns[-5:]) == [
        "logloss_difference",
        "logloss_difference_low",
        "logloss_difference_high",
        "p_holm",
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
    assert len(wide.attrs["note"].splitlines()) == 2


def test_points_are_compared_within_their_data(tmp_path):
    table = Table(tmp_path)
    for data, options in (("first", {"name": 1}), ("second", {"name": 2}), ("first", {"name": 3})):
        for arm, noise in (("random", 1.0), ("mf", 0.5)):
            table.add(arm, 0.1, noise, [(0, 0), (1, 1)])
            table.points[-1].columns["dataset"] = data
            for record in table.points[-1].records:
                record["config"]["data"] |= options
    found = table.compare("random", 0.1)
    assert found["verdict"].tolist()[::2] == ["reference"] * 3
    assert found["p"].notna().tolist() == [False, True] * 3
    assert found["dataset"].tolist() == ["first", "first", "second", "second", "first", "first"]


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
