"""`cadc ledger verify results/NAME`: whichever byte of results is changed, it is noticed."""

import json
import shutil
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cadc.reporting.provenance import text_of
from cadc.reporting.verify import verify_results
from tests.support.commands import TINY, cadc, folders

COMMITTED = Path(__file__).parents[2] / "results"
EXPERIMENT = f"""
title: two arms
common: {json.dumps(TINY)}
seeds: [0, 1]
arms: {{A: [model=bias], B: [model=label_mean]}}
reference: A
"""


@pytest.fixture(scope="module")
def written(tmp_path_factory, session_cache):
    place = tmp_path_factory.mktemp("results")
    (place / "ex").mkdir()
    (place / "ex" / "experiment.yaml").write_text(EXPERIMENT)
    with folders(session_cache, place / "runs"):
        answer = cadc("experiment", place / "ex", "--output", place / "out")
    assert answer.status == 0, answer.err
    assert verify_results(place / "out").faults == []
    return place / "out"


@pytest.fixture
def copy(written, tmp_path):
    return Path(shutil.copytree(written, tmp_path / "copy"))


FILES = ("comparison.csv", "figure.svg", "figure.png", "provenance.json", "records.jsonl", "strata.csv", "table.md")


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(FILES), st.floats(0, 1, exclude_max=True), st.integers(1, 255))
def test_whichever_byte_of_results_is_flipped_it_is_noticed(written, name, place, mask):
    path = written / name
    content = path.read_bytes()
    position = int(place * len(content))
    try:
        path.write_bytes(content[:position] + bytes([content[position] ^ mask]) + content[position + 1 :])
        assert verify_results(written).faults
    finally:
        path.write_bytes(content)


def test_files_that_are_missing_or_that_nobody_wrote_are_noticed(copy):
    (copy / "table.tex").unlink()
    (copy / "more.csv").write_text("x")
    (copy / "folder").mkdir()
    (copy / "page.html").write_text("made of the other files")
    assert verify_results(copy).faults == [
        "table.tex is missing",
        "folder is in its folder, but not in provenance.json",
        "more.csv is in its folder, but not in provenance.json",
    ]
    (copy / "provenance.json").unlink()
    assert verify_results(copy).faults == ["provenance.json is missing"]


def test_the_command_counts_folders_and_runs(written, copy, tmp_path):
    answer = cadc("ledger", "verify", written, copy)
    assert (answer.status, answer.out) == (0, "2 folders of results verified, no faults\n")
    lines = (copy / "records.jsonl").read_text().splitlines()
    (copy / "records.jsonl").write_text("\n".join(lines[1:]) + "\n")
    answer = cadc("ledger", "verify", written, copy)
    assert answer.status == 1
    assert answer.sentence.startswith("cadc: 1 fault in 1 of 2 folders of results; ")


def test_a_report_refuses_records_and_comparisons_that_were_changed(
    written, copy, tmp_path, monkeypatch, session_cache
):
    monkeypatch.setenv("CADC_RUNS", str(tmp_path / "none"))
    words = ("report", written.parent / "ex", "--output", copy)
    assert cadc(*words).status == 0
    for name, old, new in (("records.jsonl", '"seed": 1', '"seed": 2'), ("comparison.csv", "0.", "1.")):
        content = (copy / name).read_text()
        (copy / name).write_text(content.replace(old, new, 1))
        answer = cadc(*words)
        assert answer.status == 1
        assert "was changed after it was written" in answer.err, answer.err
        (copy / name).write_text(content)


@pytest.mark.parametrize(
    "folder", sorted(path.parent for path in COMMITTED.glob("*/provenance.json")), ids=lambda p: p.name
)
def test_committed_results_have_the_records_that_were_written(folder):
    finding = verify_results(folder)
    assert finding.faults == []
    answer = cadc("ledger", "verify", folder)
    if not finding.has_hashes:
        assert "of earlier versions without hashes of their files" in answer.out


def test_an_edited_metric_in_committed_records_of_an_earlier_version_is_noticed(tmp_path):
    copy = Path(shutil.copytree(COMMITTED / "samplers", tmp_path / "samplers"))
    provenance = json.loads((copy / "provenance.json").read_text())
    del provenance["seal"], provenance["files"]
    (copy / "provenance.json").write_text(text_of(provenance))
    first, rest = (copy / "records.jsonl").read_text().split("\n", 1)
    record = json.loads(first)
    record["metrics"]["test/auc"] += 0.01
    (copy / "records.jsonl").write_text(f"{json.dumps(record)}\n{rest}")
    (fault,) = verify_results(copy).faults
    assert fault.startswith("records.jsonl, line 1 was changed after it was written")
