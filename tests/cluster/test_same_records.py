"""A sweep that a launcher takes ends in the records of an ordinary one, and says the same."""

import json
import os
import re
from pathlib import Path

import pytest

from cadc.execution import sweep
from cadc.ledger import Ledger
from tests.cluster.conftest import LAUNCHERS, each
from tests.support.commands import TINY, cadc, folders, runs

WORDS = ("train", "-m", *TINY, "initializer=mf", "seed=0,1")


@pytest.fixture(scope="module")
def ordinary(session_cache, tmp_path_factory):
    """Ledger of the sweep without a launcher."""
    folder = tmp_path_factory.mktemp("ordinary")
    with folders(session_cache, folder):
        assert cadc(*WORDS).status == 0
    return folder


def files(ledger: Path) -> dict[str, object]:
    """Return the content of every file of a ledger by its path; of records, times, memory and the seal are left out."""
    found: dict[str, object] = {}
    for path in ledger.rglob("*"):
        if path.name == "record.json":
            record = json.loads(path.read_text())
            del record["finished_at"], record["seal"]
            for name in list(record["cost"]):
                if name.endswith("_s") or name == "peak_rss_mb":
                    del record["cost"][name]
            found[str(path.relative_to(ledger))] = json.dumps(record)
        elif path.is_file():
            found[str(path.relative_to(ledger))] = path.read_bytes()
    return found


@each(*LAUNCHERS)
def test_a_launched_sweep_leaves_the_files_of_an_ordinary_one(ordinary, launcher, capfd, monkeypatch):
    words = LAUNCHERS[launcher]
    answer = cadc(*WORDS, *words)
    assert answer.status == 0, answer.err
    assert files(Path(os.environ["CADC_RUNS"])) == files(ordinary)
    assert len(answer.records) == len(runs()) == 2
    lines = answer.err.splitlines()
    assert lines[0] == f"2 runs go to {' '.join(words)}"
    said = sorted(re.sub(r", [\d.]+ s;.*", "", line) for line in lines[1:3])
    metrics = [Ledger().record(run_id)["metrics"] for run_id in sorted(runs(), key=lambda name: said[0].find(name) < 0)]
    assert [line.split(": ", 1)[1] for line in said] == [
        f"test/auc {values['test/auc']:.4f}, test/logloss {values['test/logloss']:.4f}" for values in metrics
    ]
    assert lines[3].split()[:2] == ["2", "finished"]
    assert len(lines) == 4
    # What processes write past Python's streams: Ray's words, and the stack traces of all of them.
    assert capfd.readouterr() == ("", "")

    def fail(*arguments):
        raise AssertionError("nothing was left to launch")

    monkeypatch.setattr(sweep, "launch", fail)
    answer = cadc(*WORDS, *words)
    assert answer.status == 0, answer.err
    assert answer.err.count(", skipped") == 2
