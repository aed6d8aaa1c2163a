"""Who is compared with whom: points of a table meet those of the reference, and runs those of their split and seed."""

import pandas as pd
import pytest

from cadc.experiment import Reference
from cadc.reporting.pairs import counterpart, pairs
from tests.reporting.scored_table import Table, expected


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


def with_factors(table, seed, dim=14):
    """Turn the runs of the last point into those of a factorisation alone."""
    for record in table.points[-1].records:
        record.update(uses=["model", "factorization"], factor_dim=dim)
        record["config"]["factorization"] = {"seed": seed}
    return table.points[-1]


@pytest.mark.parametrize(("seed", "dim", "paired"), [(None, 14, [0, 1, 2]), (None, 0, [0] * 3), (0, 14, [0] * 3)])
def test_a_factorisation_that_follows_the_seed_meets_the_runs_of_its_seed(tmp_path, seed, dim, paired):
    table = Table(tmp_path)
    table.add("network", 0.1, 1.0, [(0, 0), (0, 1), (0, 2)])
    table.add("factors", None, 0.5, [(0, number) for number in dict.fromkeys(paired)], trained=False)
    found = pairs(table.points[0], with_factors(table, seed, dim))
    assert [(mine["config"]["seed"], theirs["config"]["seed"]) for mine, theirs in found] == list(enumerate(paired))


@pytest.mark.parametrize("trained", [False, True])
def test_swept_seeds_of_a_factorisation_are_paired(tmp_path, trained):
    table, own = Table(tmp_path), [3, 4, 5]
    for name in ("factors", "others"):
        table.add(name, 0.1 if trained else None, 0.5, [(0, 0)] * len(own), trained=trained)
        uses = [*table.points[-1].records[0]["uses"], "factorization"]
        for record, seed in zip(table.points[-1].records, own, strict=True):
            record.update(uses=uses, factor_dim=14)
            record["config"]["factorization"] = {"seed": seed}
    found = pairs(*table.points)
    assert [[run["config"]["factorization"]["seed"] for run in pair] for pair in found] == [[seed] * 2 for seed in own]


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


def test_a_reference_that_is_not_in_the_table_is_said(table, capsys):
    assert table.compare("random", 0.5) is None
    assert "the comparison with random at rate 0.5 is left out: it is not in this table" in capsys.readouterr().err


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
