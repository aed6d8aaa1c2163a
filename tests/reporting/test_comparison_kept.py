"""Scores that are others, unreadable or gone: what is refused, and when a comparison kept beside the table serves."""

import pandas as pd
import pytest

from cadc.errors import CadcError, DataError
from cadc.experiment import Reference
from cadc.provenance.fingerprint import file_hash
from cadc.reporting.comparisons.comparison import compare_points
from cadc.reporting.comparisons.kept import FILE
from tests.reporting.scored_table import test_rows


def test_other_test_rows_are_refused(table):
    record = table.points[2].records[0]
    path = table.ledger.path(record["id"]) / "scores.parquet"
    test_rows(17, 0.3).to_parquet(path)
    with pytest.raises(CadcError, match="hash differs"):
        table.compare("random", 1.0)
    record["files"]["scores.parquet"] = file_hash(path)
    with pytest.raises(DataError, match=r"mf .*random .*rate 1.*test rows differ"):
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


@pytest.mark.parametrize("change", ["metric", "margin", "reference"])
def test_a_kept_comparison_of_anything_else_does_not_serve(table, capsys, change):
    keep(table, table.compare("random", 1.0))
    without_scores(table)
    other = {"metric": "logloss"} if change == "metric" else {"margin": 0.01} if change == "margin" else {}
    assert table.compare("random", 0.1 if change == "reference" else 1.0, **other) is None
    assert "scores.parquet of 15 of 15 runs is not in" in capsys.readouterr().err


def test_lines_of_the_same_runs_serve_beside_one_of_other_runs(table, capsys):
    comparison = table.compare("random", 1.0)
    keep(table, comparison)
    without_scores(table)
    table.points[2].records[0]["id"] = "another"
    found = table.compare("random", 1.0)
    said = "is left out for 1 of 4 rows: scores.parquet of 6 of 6 runs is not in"
    assert said in capsys.readouterr().err
    alone = ["difference", "standard_error", "low_95", "high_95", "p", "p_margin", "delong_se"]
    others = [0, 1, 3, 4]
    pd.testing.assert_frame_equal(found.loc[others, alone], comparison.loc[others, alone], check_exact=True)
    assert found.loc[2, alone].isna().all() and pd.isna(found.loc[2, "verdict"])


def test_kept_lines_and_computed_ones_are_judged_as_one_family(table):
    comparison = table.compare("random", 1.0)
    keep(table, comparison)
    for record in table.points[3].records:
        (table.ledger.path(record["id"]) / "scores.parquet").unlink()
    pd.testing.assert_frame_equal(table.compare("random", 1.0), comparison, check_exact=True)


def test_a_kept_file_that_is_none_is_a_sentence(table):
    (table.folder / FILE).write_text('a,"b\n')
    without_scores(table)
    with pytest.raises(CadcError, match=r"comparison\.csv cannot be read as a table"):
        table.compare("random", 1.0)


def test_scores_come_before_what_was_kept(table):
    comparison = table.compare("random", 1.0)
    keep(table, comparison.assign(difference=9.0))
    assert table.compare("random", 1.0)["difference"].max() < 1
