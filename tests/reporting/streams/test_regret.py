"""Regret of streams, against plain sums."""

import pytest

from cadc.reporting.streams.regret import final_regret, regrets
from tests.reporting.streams.made_up import points_of, stream

VALUES = {
    "equal": [[0.70, 0.80, 0.60], [0.72, 0.78, 0.62]],
    "frequency": [[0.75, 0.70, 0.80], [0.71, 0.72, 0.82]],
    "random": [[0.60, 0.61, 0.62], [0.60, 0.60, 0.60]],
}


def rows(sizes=(4,), metric="auc"):
    return points_of(
        *(
            (policy, stream(policy, values, seed, size, metric))
            for policy, by_seed in VALUES.items()
            for size in sizes
            for seed, values in enumerate(by_seed)
        )
    )


def test_regret_is_the_sum_of_what_the_best_arm_in_hindsight_has_more():
    found = regrets(rows(), ["segments/auc"])
    for place, policy in enumerate(VALUES):
        for number in range(3):
            lost = [0.0, 0.0]
            for seed in range(2):
                for segment in range(number + 1):
                    lost[seed] += VALUES["frequency"][seed][segment] - VALUES[policy][seed][segment]
            assert found[place, number]["regret_mean"] == pytest.approx(sum(lost) / 2, abs=1e-6)
    assert final_regret(found, 1, "regret") == 0
    assert min(final_regret(found, place, "regret") for place in range(3)) == 0


def test_regret_in_a_loss_is_positive_too():
    found = regrets(rows(), ["segments/logloss"])
    assert final_regret(found, 2, "regret") == pytest.approx(
        final_regret(regrets(rows(), ["segments/auc"]), 2, "regret")
    )


def test_arms_compete_at_their_own_mean_size():
    other = stream("equal", [0.9, 0.9, 0.9], 0, mean_size=8)
    points = [*rows(), *points_of(("equal", other))]
    found = regrets(points, ["segments/auc"])
    assert final_regret(found, 0, "regret") == final_regret(regrets(rows(), ["segments/auc"]), 0, "regret")
    assert final_regret(found, 3, "regret") == 0


def test_regret_to_the_truth_is_summed_over_segments():
    lost = [{"test/expected_logloss": value} for value in (0.1, 0.2, 0.05)]
    points = points_of(("equal", stream("equal", VALUES["equal"][0], regret=lost)))
    found = regrets(points, ["auc"])
    assert [found[0, number]["regret_to_truth_mean"] for number in range(3)] == pytest.approx([0.1, 0.3, 0.35])


def test_a_table_of_a_metric_that_no_segment_has_knows_no_regret():
    assert regrets(rows(), ["segments/brier"]) == {}
