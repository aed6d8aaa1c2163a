"""From the outcome of a comparison, or a value in a table, to the verdict on a claim."""

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cadc.experiment.claims import Measured
from cadc.reporting.claims.evidence import Evidence, verdict_of, verdict_on
from cadc.reporting.claims.measured import evidence


@pytest.mark.parametrize(
    ("outcome", "better", "as_good", "worse"),
    [
        ("better", "holds", "holds", "fails"),
        ("as good (0.002)", "undecided", "holds", "fails"),
        ("equal", "fails", "holds", "fails"),
        ("worse", "fails", "fails", "holds"),
        ("undecided", "undecided", "undecided", "undecided"),
        ("one seed", "undecided", "undecided", "undecided"),
    ],
)
def test_what_an_outcome_means_depends_on_what_was_claimed(outcome, better, as_good, worse):
    assert [verdict_of(outcome, expected) for expected in ("better", "as good", "worse")] == [better, as_good, worse]


@given(st.lists(st.sampled_from(["holds", "fails", "undecided", "not run"]), min_size=1, max_size=6))
def test_a_claim_is_as_good_as_its_worst_figure(verdicts):
    found = verdict_on([Evidence(verdict) for verdict in verdicts])
    assert found in verdicts
    assert (found == "holds") == (set(verdicts) == {"holds"})
    assert (found == "fails") == ("fails" in verdicts)


TABLE = pd.DataFrame(
    {
        "dataset": ["a", "a", "b", "b"],
        "arm": ["few", "full", "few", "full"],
        "rate": [0.1, 1.0, 0.1, 1.0],
        "seeds": [3, 3, 3, 1],
        "auc_mean": [0.80, 0.81, 0.70, 0.71],
        "auc_ci": [0.005, 0.004, 0.02, None],
        "auc_published": [0.79, None, None, 0.70],
        "total_s_mean": [1.0, 20.0, 3.0, 20.0],
        "chosen": [True, False, False, False],
    }
)


def found(*words, times=1.0):
    return [(one.dataset, one.value, one.bound, one.verdict) for one in evidence(Measured(*words, times), TABLE, [])]


def test_a_row_is_held_against_that_of_its_data_set():
    rows = {"arm": ("few",), "rate": (0.1,)}
    assert found("total_s_mean", rows, True, {"arm": ("full",)}, times=0.1) == [
        ("a", 1.0, 2.0, "holds"),
        ("b", 3.0, 2.0, "fails"),
    ]


def test_a_mean_over_seeds_is_beyond_a_bound_with_its_whole_interval():
    assert [verdict for *_, verdict in found("auc_mean", {"arm": ("few",)}, False, 0.79)] == ["holds", "fails"]
    assert [verdict for *_, verdict in found("auc_mean", {"arm": ("few",)}, False, 0.71)] == ["holds", "undecided"]
    assert [verdict for *_, verdict in found("auc_mean", {"arm": ("full",)}, True, 0.9)] == ["holds", "undecided"]


def test_a_bound_may_be_another_column_of_the_row():
    assert found("auc_mean", {"arm": ("few",), "dataset": ("a",)}, False, "auc_published") == [
        ("a", 0.8, 0.79, "holds")
    ]
    (_, lacking) = evidence(Measured("auc_mean", {"arm": ("few",)}, False, "auc_published"), TABLE, [])
    assert (lacking.verdict, lacking.why) == ("not run", "the table has no auc_published")


@pytest.mark.parametrize(
    ("test", "why"),
    [
        (Measured("gflop", {}, True, 1.0), "the table has no column gflop"),
        (Measured("auc_mean", {"arm": ("some",)}, True, 1.0), "the table has none of these rows"),
        (
            Measured("auc_mean", {"chosen": (True,)}, True, {"arm": ("none",)}),
            "the table has no single row none with a value",
        ),
    ],
    ids=str,
)
def test_what_a_table_lacks_was_not_run(test, why):
    (one,) = evidence(test, TABLE, [])
    assert (one.verdict, one.why) == ("not run", why)
