"""`table.md` is for people: at most ten columns, units in heads, thousands separated, a table for each data set."""

import pytest

from cadc.reporting.table import build_table
from cadc.reporting.written.markdown import MOST_COLUMNS, markdown_table
from tests.reporting.made_up import record

MANY = ["train_s", "factorize_s", "peak_rss_mb", "rows_full", "rows_factorized", "epochs", "gauc", "optimizer_bytes"]


def runs(data="synthetic"):
    cost = {"total_s": 1234.5, "train_s": 10.0}
    return [
        ("random", record(f"data={data}", f"seed={seed}", metrics={"auc": 0.7 + 0.1 * seed, "logloss": 0.5}, cost=cost))
        for seed in (0, 1)
    ]


def test_no_more_than_ten_columns_and_the_first_of_them_are_these():
    head, _, row = markdown_table(build_table(runs(), columns=MANY)).splitlines()
    cells = [cell.strip() for cell in head.strip("| ").split(" | ")]
    assert len(cells) == MOST_COLUMNS
    assert cells[:8] == ["arm", "rate", "seeds", "AUC ± 95 %", "logloss ± 95 %", "rows", "seconds", "table bytes"]
    assert row.startswith("| random | 100 % | 2 | 0.7500 ± 0.6353 | 0.5000 ± 0.0000 | 800 | 1,234.5 | 1,234 | ")


def test_each_data_set_has_a_table():
    text = markdown_table(build_table([*runs(), *runs("ml-1m")]))
    first, second = text.split("**ml-1m**")
    assert first.startswith("**synthetic**\n\n| arm |")
    assert first.count("| random |") == second.count("| random |") == 1


@pytest.mark.parametrize(("name", "shown"), [("full | a", r"full \| a"), ("<b>", r"\<b>")])
def test_names_of_data_sets_are_data(name, shown):
    others = [(arm, found | {"data": found["data"] | {"name": name}}) for arm, found in runs()]
    assert f"**{shown}**" in markdown_table(build_table([*runs(), *others]))


def test_a_difference_stands_with_its_interval_and_verdict():
    table = build_table(runs())
    table = table.assign(auc_difference=0.01, auc_difference_low=-0.002, auc_difference_high=0.022, verdict="undecided")
    assert "| +0.0100 [-0.0020, +0.0220] undecided |" in markdown_table(table)
