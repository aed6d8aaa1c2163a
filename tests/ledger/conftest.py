"""Ledgers of real runs that tests may look at or damage, and records of the first schema version."""

import json
import os
import shutil
from pathlib import Path

import pytest
import yaml

from cadc.ledger import Ledger
from tests.support.commands import TINY, cadc, folders, train

WORDS = {
    "base": (),
    "rate": ("sampler.rate=0.5",),
    "seed": ("seed=1",),
    "smaller": ("data.n_rows=2000",),
    "bias": ("model=bias",),
    "enriched": ("initializer=mf", "initializer.freeze=true"),
}
RESULTS = Path(__file__).parents[2] / "results"
OLD_RECORDS = RESULTS / "cadc_ml1m" / "records.jsonl"


@pytest.fixture(scope="session")
def real_once(session_cache, tmp_path_factory):
    """Folder of a ledger, and the id of each run of `WORDS`."""
    place = tmp_path_factory.mktemp("real") / "runs"
    with folders(session_cache, place):
        ids = {name: train(*words).name for name, words in WORDS.items()}
    assert len(set(ids.values())) == len(WORDS)
    return place, ids


@pytest.fixture
def looked_at(real_once, monkeypatch):
    """The ids of the real runs; their ledger is in place for commands that change nothing."""
    place, ids = real_once
    monkeypatch.setenv("CADC_RUNS", str(place))
    return ids


@pytest.fixture
def damaged(real_once):
    """A copy of the ledger of real runs that a test may damage, and their ids."""
    place, ids = real_once
    ledger = Ledger()
    shutil.copytree(place, ledger.folder)
    return ledger, ids


@pytest.fixture
def made_up():
    """Write records, each a mapping or the text of a file, into the test's own ledger as they are."""

    def write(*records, unfinished=()):
        ledger = Ledger(Path(os.environ["CADC_RUNS"]))
        for number, record in enumerate(records):
            name = record["id"] if isinstance(record, dict) and "/" not in str(record.get("id", "/")) else f"x{number}"
            ledger.path(name).mkdir(parents=True)
            text = record if isinstance(record, str) else json.dumps(record)
            (ledger.path(name) / "record.json").write_text(text)
        for known in unfinished:
            workplace = ledger.folder / ".unfinished" / known["id"]
            workplace.mkdir(parents=True)
            (workplace / "about.json").write_text(json.dumps(known))
        return ledger

    return write


def record(run_id="a", **changes):
    """A made-up record of a finished run."""
    config = {
        "sampler": {"_target_": "cadc.sampling.uniform.UniformSampler", "rate": 1.0},
        "seed": 0,
        "choices": {"data": "synthetic", "model": "dlrm", "sampler": "uniform"},
    }
    made = {
        "id": run_id,
        "schema_version": 2,
        "status": "finished",
        "config": config,
        "metrics": {"test/auc": 0.7},
        "cost": {"total_s": 1.5},
        "finished_at": "2026-01-02T03:04:05+00:00",
    }
    return made | changes


@pytest.fixture
def old_records():
    """Ten records of schema version 1."""
    records = [json.loads(line) for line in OLD_RECORDS.read_text().splitlines()[:10]]
    if {found["schema_version"] for found in records} != {1}:
        # Results made anew have the present schema; what the first version lacked is taken away.
        added = ("files", "record_hash", "seal")
        records = [{k: v for k, v in found.items() if k not in added} | {"schema_version": 1} for found in records]
    return records


TWO = {
    "title": "Two arms",
    "claim": "they are equal",
    "source": "made up",
    "common": [*TINY, "data.split_seed=${seed}"],
    "seeds": [0, 1],
    "arms": {"full data": ["initializer=random"], "biases": ["model=bias"]},
    "references": [{"arm": "full data", "metric": "auc", "margin": 0.01}],
}


@pytest.fixture(scope="session")
def two_once(session_cache, tmp_path_factory):
    """Place where the experiment of two arms was run once, and an archive of its runs."""
    place = tmp_path_factory.mktemp("two")
    write_two(place / "work")
    with folders(session_cache, place / "runs"), pytest.MonkeyPatch.context() as patch:
        patch.chdir(place / "work")
        assert cadc("experiment", "two", "--output", "out").status == 0
        assert cadc("ledger", "pack", "two", "--output", place / "part.zip").status == 0
    return place, place / "part.zip"


def write_two(work):
    (work / "two").mkdir(parents=True)
    (work / "two" / "experiment.yaml").write_text(yaml.safe_dump(TWO, sort_keys=False))


@pytest.fixture
def finished_at_another_place(two_once, tmp_path, monkeypatch):
    """That place and archive; the working directory has the experiment, but no runs."""
    write_two(tmp_path / "work")
    monkeypatch.chdir(tmp_path / "work")
    return two_once
