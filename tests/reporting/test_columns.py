"""Columns of a table come from records as they are, whatever metrics and facts a run has."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import t as student

from cadc.errors import UsageError
from cadc.experiment.columns import check_column, check_metric
from cadc.reporting.columns import shown
from cadc.reporting.table import build_table, write_table
from cadc.reporting.written.markdown import markdown_table
from cadc.reporting.written.terminal import print_table
from tests.reporting.made_up import record

RANKING = {"hr@10": 0.08, "ndcg@10": 0.04, "mrr": 0.03, "cold_share": 0.01}


def seeds_of(arm, values, *words, **options):
    return [
        (arm, record(*words, f"seed={seed}", metrics={"auc": value, "logloss": 1 - value}, **options))
        for seed, value in enumerate(values)
    ]


def test_mean_deviation_and_half_the_t_interval_are_those_of_the_formulas():
    values = [0.75, 0.76, 0.80, 0.74]
    table = build_table(seeds_of("a", values))
    assert table["auc_mean"].item() == pytest.approx(np.mean(values), abs=1e-6)
    assert table["auc_std"].item() == pytest.approx(np.std(values, ddof=1), abs=1e-6)
    half = student.ppf(0.975, 3) * np.std(values, ddof=1) / 2
    assert table["auc_ci"].item() == pytest.approx(half, abs=1e-6)
    assert table["seeds"].item() == 4


def test_each_task_has_its_metrics_and_both_may_stand_in_one_table():
    ranked = ("ranked", record("model=two_tower", task="ranking", metrics=RANKING))
    assert build_table([ranked]).attrs["metrics"] == ("hr@10", "ndcg@10")
    both = build_table([*seeds_of("scored", [0.7]), ranked])
    assert both.attrs["metrics"] == ("auc", "logloss", "hr@10", "ndcg@10")
    assert both["hr@10_mean"].isna().tolist() == [True, False]
    assert both["auc_mean"].isna().tolist() == [False, True]
    assert "nan" not in markdown_table(both).lower()


def test_records_without_a_task_are_of_scores():
    old = record()
    del old["task"], old["sample"], old["rows"]["factorized"]
    table = build_table([("old", old)], columns=["rows_factorized", "sample.effective_size"])
    assert table["auc_mean"].item() == 0.75
    assert table["rows_factorized"].isna().all()
    assert table["sample.effective_size_mean"].isna().all()


def test_chosen_columns_stand_after_those_of_every_table():
    chosen = ["factorize_s", "rows_factorized", "gauc", "sample.effective_size", "config.factorization_rows"]
    runs = [("a", record(f"seed={n}", sample={"effective_size": 700.0 + n})) for n in range(2)]
    table = build_table(runs, metrics=["logloss"], columns=chosen)
    assert list(table.columns)[-12:] == [
        "seeds",
        "logloss_mean",
        "logloss_std",
        "logloss_ci",
        "rows_kept",
        "total_s_mean",
        "embedding_bytes",
        "factorize_s_mean",
        "rows_factorized",
        "gauc_mean",
        "sample.effective_size_mean",
        "config.factorization_rows",
    ]
    row = table.iloc[0]
    assert (row["factorize_s_mean"], row["rows_factorized"], row["total_s_mean"]) == (1.5, 8000, 12.35)
    assert row["sample.effective_size_mean"] == 700.5
    assert row["config.factorization_rows"] == "full"


def test_rows_are_grouped_by_data_set_and_then_by_arm():
    runs = [
        (arm, record(f"data={data}", f"sampler.rate={rate}"))
        for arm in ("a", "b")
        for data in ("ml-1m", "epinions")
        for rate in (0.1, 1)
    ]
    table = build_table(runs)
    assert table["dataset"].tolist() == ["ml-1m"] * 4 + ["epinions"] * 4
    assert table["arm"].tolist() == ["a", "a", "b", "b"] * 2


def test_frozen_fields_that_are_listed_are_told():
    table = build_table([("a", record("initializer=random", "initializer.freeze=[user,item]"))])
    assert table["freeze"].item() == "user, item"


def test_runs_that_read_validation_alone_show_its_metrics():
    only = record("evaluate=validation")
    only["metrics"] = {"val/auc": 0.7, "val/logloss": 0.6}
    assert build_table([("a", only)])["auc_mean"].item() == 0.7


def test_what_is_printed_and_written_holds_every_arm(tmp_path, capsys):
    runs = [*seeds_of("a long name | of an arm", [0.7, 0.8]), ("control", record("model=factorization"))]
    table = build_table(runs, columns=["gauc", "peak_rss_mb"])
    print_table("A title", table)
    out = capsys.readouterr().out
    assert "a long name | of an arm" in out
    assert "AUC" in out
    write_table(table, tmp_path)
    assert pd.read_csv(tmp_path / "table.csv")["arm"].tolist() == ["a long name | of an arm", "control"]
    lines = (tmp_path / "table.md").read_text().splitlines()
    rows, below = lines[:4], [line for line in lines[4:] if line]
    assert len({line.count("|") - line.count("\\|") for line in rows}) == 1
    # The metric is one that no run recorded or saved scores for.
    assert [line.split()[0] for line in below] == ["gauc", "Seconds", "3"]


@pytest.mark.parametrize("name", ["acc", "hr", "ndcg@0", "AUC", "test/auc"])
def test_a_metric_that_no_run_has_is_a_sentence(name):
    with pytest.raises(UsageError, match="there is no metric"):
        check_metric(name)


def test_a_column_is_a_metric_a_cost_or_a_place():
    for name in ("gauc", "val/auc", "hr@3", "train_s", "rows_full", "optimizer_bytes", "sample.effective_size"):
        check_column(name)
    with pytest.raises(UsageError, match="there is no column 'seconds'"):
        check_column("seconds")


@pytest.mark.parametrize(
    ("column", "value", "text"),
    [
        ("auc_mean", 0.81234, "0.8123"),
        ("ndcg@10_ci", 0.00125, "0.0013"),
        ("auc_difference to a", -0.01, "-0.0100"),
        ("p_holm", 0.0001, "<0.001"),
        ("total_s_mean", 12.5, "12.5"),
        ("rows_kept", pd.NA, ""),
        ("rows_kept", 800167, "800,167"),
        ("embedding_bytes", 41616, "41,616"),
        ("tune_s", 1036.25, "1,036.2"),
        ("auc_ci", float("nan"), ""),
        ("freeze", True, "true"),
    ],
)
def test_numbers_are_shown_with_decimals_that_make_sense(column, value, text):
    assert shown(column, value) == text
