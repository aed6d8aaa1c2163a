"""Tables of committed results follow from their records alone, whatever the defaults are today."""

from pathlib import Path

import pytest

from tests.support.commands import cadc

RESULTS = Path(__file__).parents[2] / "results"


@pytest.mark.parametrize("name", ["cadc_ml1m", "samplers", "paper_two_tower"])
def test_a_report_from_committed_records_gives_the_committed_table(name, tmp_path, monkeypatch):
    monkeypatch.setenv("CADC_RUNS", str(tmp_path / "runs"))
    answer = cadc("report", name, "--output", str(tmp_path / "made"))
    assert answer.status == 0, answer.err
    for file in ("table.csv", "table.md"):
        assert (tmp_path / "made" / file).read_bytes() == (RESULTS / name / file).read_bytes()
