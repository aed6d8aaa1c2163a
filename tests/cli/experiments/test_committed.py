"""Records in results count as finished runs: a grid goes on elsewhere, and its table is that of one ledger."""

import gzip
import json
import os
import shutil
from pathlib import Path

import pytest
import yaml

from cadc.ledger import Ledger
from cadc.ledger.record_hash import sealed
from cadc.reporting import records_file
from cadc.reporting.provenance import read_provenance, write_provenance
from tests.support.commands import TINY, cadc, closing, folders

FILES = (
    *("table.csv", "table.md", "table.tex", "comparison.csv", "comparison.md", "strata.csv", "verdicts.md"),
    *("figure.svg", "records.jsonl"),
)
GRID = {
    "title": "Parts",
    "claim": "they come to the whole",
    "source": "made up",
    "common": [*TINY, "trainer.max_epochs=1", "data.split_seed=${seed}"],
    "seeds": [0, 1],
    "arms": {
        "full": ["initializer=random", "sampler.rate=1"],
        "few": ["initializer=random", "sampler.rate=0.3"],
        "biases": ["model=bias"],
    },
    "references": [
        {"arm": "full", "metric": "auc", "margin": 0.01},
        {"arm": "biases", "metric": "logloss", "margin": 0},
    ],
}
N_RUNS = 6
TOO_SMALL = ["embedding=hashing", "embedding.ratio=500", "embedding.small=10", "embedding.dim=8"]
"""Overrides of a scheme that cannot meet its budget."""


def write(work, **changes):
    (work / "parts").mkdir(parents=True, exist_ok=True)
    (work / "parts" / "experiment.yaml").write_text(yaml.safe_dump(GRID | changes, sort_keys=False))


@pytest.fixture(scope="session")
def whole_once(session_cache, tmp_path_factory):
    """Place where all runs were carried out in one ledger; results are in `work/results/parts`."""
    place = tmp_path_factory.mktemp("parts")
    write(place / "work")
    with folders(session_cache, place / "runs"), pytest.MonkeyPatch.context() as patch:
        patch.chdir(place / "work")
        assert cadc("experiment", "parts").status == 0
    return place


@pytest.fixture
def work(whole_once, tmp_path, monkeypatch):
    """A checkout with the results, and with an empty ledger."""
    folder = tmp_path / "work"
    write(folder)
    shutil.copytree(whole_once / "work" / "results", folder / "results")
    monkeypatch.chdir(folder)
    return folder


def assert_same(folder, expected):
    for name in FILES:
        assert (folder / name).read_bytes() == (expected / name).read_bytes(), name


def test_a_committed_grid_is_finished_and_written_bit_for_bit(work, whole_once):
    answer = cadc("experiment", "parts")
    assert answer.status == 0, answer.err
    assert closing(answer) == {"committed": N_RUNS}
    assert f"{N_RUNS} of {N_RUNS} runs are finished by records in results/parts" in answer.err
    assert not Ledger().folder.exists()
    assert_same(work / "results" / "parts", whole_once / "work" / "results" / "parts")


def test_a_page_of_committed_runs_is_that_of_the_results(work):
    assert cadc("experiment", "parts").status == 0
    answer = cadc("page", "parts", "--output", "page.html")
    assert answer.status == 0, answer.err


def test_new_seeds_meet_committed_ones_whose_scores_are_made_again(work, whole_once):
    write(work, seeds=[0, 1, 2])
    answer = cadc("experiment", "parts")
    assert answer.status == 0, answer.err
    # Every point goes on with a seed, so that its comparisons need the scores of all.
    assert f"{N_RUNS} runs with committed records are carried out again" in answer.err
    assert closing(answer) == {"finished": 9}


def test_a_new_arm_is_carried_out_with_the_references_that_it_meets(work, tmp_path, session_cache, monkeypatch):
    arms = GRID["arms"] | {"more": ["initializer=random", "sampler.rate=0.6"]}
    write(work, arms=arms)
    answer = cadc("experiment", "parts")
    assert answer.status == 0, answer.err
    assert closing(answer) == {"finished": 6, "committed": 2}  # the new arm, and both references
    assert "4 runs with committed records are carried out again: comparisons or strata need their scores" in answer.err
    alone = tmp_path / "alone"
    write(alone, arms=arms)
    shutil.copytree(os.environ["CADC_RUNS"], tmp_path / "all")
    monkeypatch.chdir(alone)
    with folders(session_cache, tmp_path / "all"):
        assert closing(cadc("experiment", "parts")) == {"skipped": 6, "finished": 2}
    for name in ("comparison.csv", "verdicts.md", "strata.csv"):
        assert (work / "results" / "parts" / name).read_bytes() == (alone / "results" / "parts" / name).read_bytes()


def test_a_part_of_the_arms_counts_as_well(work):
    answer = cadc("experiment", "parts", "--arm", "few", "--arm", "full")
    assert answer.status == 0, answer.err
    assert closing(answer) == {"committed": 4}
    assert Path("outputs/parts-arm=few,arm=full/comparison.csv").exists()


def test_anew_carries_out_every_run(work):
    answer = cadc("experiment", "parts", "--arm", "biases", "--anew")
    assert closing(answer) == {"finished": 2}


@pytest.mark.parametrize(
    "edit",
    [
        lambda record: record["code"].update(hash="0" * 16),
        lambda record: record["data"].update(content_hash="0" * 64),
        lambda record: record["config"]["trainer"].update(max_epochs=7),
        lambda record: record.update(id="0" * 16),
    ],
    ids=["code", "data", "configuration", "id"],
)
def test_a_record_of_other_code_data_or_options_does_not_count(work, edit):
    path = Path("results/parts/records.jsonl")
    records = [json.loads(line) for line in path.read_text().splitlines()]
    few = next(record for record in records if record["config"]["sampler"]["rate"] == 0.3)
    edit(few)
    path.write_text("".join(json.dumps(sealed(record)) + "\n" for record in records))
    write_provenance(read_provenance(path.parent), path.parent)
    answer = cadc("experiment", "parts", "--arm", "few")
    assert answer.status == 0, answer.err
    assert closing(answer) == {"finished": 1, "committed": 1}


def test_packed_records_are_read_wherever_plain_ones_are(work, monkeypatch, whole_once):
    plain, packed = (work / "results" / "parts" / f"records.jsonl{ending}" for ending in ("", ".gz"))
    before = plain.read_bytes()
    monkeypatch.setattr(records_file, "MOST_PLAIN", 100)
    assert closing(cadc("experiment", "parts")) == {"committed": N_RUNS}
    assert not plain.exists() and gzip.decompress(packed.read_bytes()) == before
    assert cadc("ledger", "verify", "results/parts").status == 0
    assert cadc("page", "results/parts", "--output", "page.html").status == 0
    one = json.loads(before.splitlines()[0])["id"]
    for name in ("results/parts", packed, one):
        assert cadc("rerun", name, "--sample", "1").status == 0
    assert f"{N_RUNS} finished" in cadc("experiment", "parts", "--dry-run").out
    monkeypatch.setattr(records_file, "MOST_PLAIN", 1_000_000)
    assert cadc("experiment", "parts").status == 0
    assert not packed.exists()
    assert_same(work / "results" / "parts", whole_once / "work" / "results" / "parts")


@pytest.mark.parametrize("keep_provenance", [True, False], ids=["edited", "no provenance"])
def test_metrics_that_were_edited_do_not_count_although_their_records_are_sealed_anew(work, keep_provenance):
    path = Path("results/parts/records.jsonl")
    records = [json.loads(line) for line in path.read_text().splitlines()]
    for record in records:
        record["metrics"]["test/auc"] = 0.99
    path.write_text("".join(json.dumps(sealed(record)) + "\n" for record in records))
    if not keep_provenance:
        path.with_name("provenance.json").unlink()
    answer = cadc("experiment", "parts", "--arm", "biases")
    assert closing(answer) == {"finished": 2}
    assert "records.jsonl is not the file that provenance.json beside it names; restore both" in answer.err


def test_damaged_results_do_not_count_and_do_not_stop_the_grid(work):
    path = Path("results/parts/records.jsonl")
    path.write_text(path.read_text().replace('"seed": 0', '"seed": 5'))
    answer = cadc("experiment", "parts", "--arm", "biases")
    assert answer.status == 0, answer.err
    assert "committed records do not count: results/parts/records.jsonl is not the file that" in answer.err
    assert closing(answer) == {"finished": 2}


def test_parts_are_committed_one_after_the_other(whole_once, session_cache, tmp_path, monkeypatch):
    work = tmp_path / "work"
    write(work)
    monkeypatch.chdir(work)
    expected = whole_once / "work" / "results" / "parts"
    with folders(session_cache, tmp_path / "one"):
        assert cadc("experiment", "parts", "--arm", "full", "--arm", "biases").status == 0
        first = cadc("report", "parts", "--commit")
    assert first.status == 1
    assert first.err.splitlines()[-1] == "cadc: 2 of 6 runs have no result; written to results/parts."
    assert len(Path("results/parts/records.jsonl").read_text().splitlines()) == 4
    assert cadc("ledger", "verify", "results/parts").status == 0
    assert cadc("page", "results/parts", "--output", "page.html").status == 0
    assert cadc("report", "results/parts").status == 0
    with folders(session_cache, tmp_path / "two"):
        # The new arm meets both references, whose scores stayed behind.
        second = cadc("experiment", "parts")
        assert second.status == 0, second.err
        assert closing(second) == {"finished": 6}
    table, whole = (yaml.safe_dump(_without_seconds(path / "table.csv")) for path in (work / "results/parts", expected))
    assert table == whole
    for name in ("comparison.csv", "strata.csv"):
        assert (work / "results/parts" / name).read_bytes() == (expected / name).read_bytes()


def _without_seconds(path):
    head, *rows = [line.split(",") for line in path.read_text().splitlines()]
    kept = [place for place, name in enumerate(head) if not name.endswith("_s_mean")]
    return [[row[place] for place in kept] for row in rows]


def test_scores_of_a_point_that_validation_chooses_are_made_again_where_no_test_of_it_is_kept(work):
    arms = {
        "full": ["initializer=random", "sampler.rate=1"],
        "few": ["initializer=random", "sampler.rate=0.3"],
        "biases": ["model=bias"],
    }
    choose = {"arm": "full", "metric": "auc", "margin": 0.5}
    write(work, arms=arms, choose=choose)
    first = cadc("experiment", "parts")
    assert first.status == 0, first.err
    # Which point it is follows from the records; it and the reference, two seeds each, are carried out.
    assert closing(first) == {"finished": 4, "committed": 2}
    choice = Path("results/parts/choice.csv").read_bytes()
    assert b"few" in choice
    shutil.rmtree(Ledger().folder)
    assert closing(cadc("experiment", "parts")) == {"committed": N_RUNS}
    assert Path("results/parts/choice.csv").read_bytes() == choice


def test_a_budget_that_was_not_met_counts_until_it_is_to_be_retried(work):
    arms = GRID["arms"] | {"too small": TOO_SMALL}
    write(work, arms=arms)
    first = cadc("experiment", "parts")
    assert first.status == 0, first.err
    assert closing(first)["unreachable"] == 2
    shutil.rmtree(Ledger().folder)
    assert closing(cadc("experiment", "parts")) == {"committed": 8}
    retried = closing(cadc("experiment", "parts", "--retry-failed"))
    assert (retried["committed"], retried["unreachable"]) == (6, 2)


def test_a_failed_run_beside_committed_ones_is_said_and_results_stay(work):
    write(work, arms=GRID["arms"] | {"wrong": ["initializer=random", "sampler.rate=0.9", "trainer.learning_rate=1e30"]})
    before = Path("results/parts/table.csv").read_bytes()
    answer = cadc("experiment", "parts")
    assert answer.status == 1
    assert "2 of 8 runs have no result; " in answer.err.splitlines()[-1]
    assert Path("results/parts/table.csv").read_bytes() == before
    assert Path("outputs/parts/table.csv").exists()
