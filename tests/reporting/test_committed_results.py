"""Tables of committed results follow from their records alone, whatever the defaults are today."""

from pathlib import Path

import pandas as pd
import pytest

from cadc.reporting.columns import higher_is_better
from cadc.reporting.comparisons.columns import interval_of
from cadc.reporting.comparisons.kept import kept_comparison
from cadc.reporting.page.source import from_results
from tests.evaluation.statistics.verdict_rules import expected, read
from tests.support.commands import cadc

RESULTS = Path(__file__).parents[2] / "results"


@pytest.mark.parametrize("name", ["cadc_ml1m", "samplers", "paper_two_tower"])
def test_a_report_from_committed_records_gives_the_committed_table(name, tmp_path, monkeypatch):
    monkeypatch.setenv("CADC_RUNS", str(tmp_path / "runs"))
    answer = cadc("report", name, "--output", str(tmp_path / "made"))
    assert answer.status == 0, answer.err
    made, kept = (pd.read_csv(folder / "table.csv", dtype=str) for folder in (tmp_path / "made", RESULTS / name))
    # The rules of verdicts may have become others since.
    values = [column for column in kept if not column.startswith("verdict")]
    pd.testing.assert_frame_equal(made[values], kept[values])
    if name == "cadc_ml1m":
        assert (tmp_path / "made" / "table.csv").read_bytes() == (RESULTS / name / "table.csv").read_bytes()
    lines = [line for line in (tmp_path / "made" / "table.md").read_text().splitlines() if line.startswith("|")]
    assert {line.count(" | ") for line in lines} <= set(range(5, 10))


@pytest.mark.parametrize(
    "path", [*RESULTS.glob("*/comparison.csv"), *RESULTS.glob("*/choice.csv")], ids=lambda path: path.parent.name
)
def test_verdicts_on_committed_comparisons_agree_with_interval_and_p_value(path):
    kept = pd.read_csv(path)
    found = kept_comparison(path)
    for name, family in found[found["p"].notna()].groupby("family"):
        margin, sign = family["margin"].iloc[0], 1 if higher_is_better(family["metric"].iloc[0]) else -1
        columns = family[["difference", "standard_error", "degrees_of_freedom", "seeds"]]
        lines = [(*line, line[0] == line[1] == 0) for line in columns.itertuples(index=False, name=None)]
        assert list(family["verdict"]) == expected(lines, sign, margin), name
        for line in family.to_dict("records"):
            if line["verdict"] not in ("one seed", "equal"):
                assert read(interval_of(line), sign, margin) == line["verdict"]
    pd.testing.assert_series_equal(found["difference"], kept["difference"])


@pytest.mark.parametrize("name", ["large_vocabulary", "paper_two_tower"])
def test_the_page_of_committed_results_has_one_verdict_for_a_row(name):
    source = from_results(RESULTS / name)
    families = dict(tuple(source.comparison.groupby("family", sort=False)))
    columns = [column for column in source.table if column.startswith("verdict")]
    assert len(columns) == len(families)
    for column, family in zip(columns, families.values(), strict=True):
        assert list(source.table[column]) == list(family["verdict"].fillna(""))
    found = {verdict for column in columns for verdict in source.table[column]}
    assert ("one seed" if name == "large_vocabulary" else "equal") in found
