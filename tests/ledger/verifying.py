"""What verifying says of a ledger, and edits of records that it is to notice."""

import json

from cadc.ledger.record_hash import seal
from tests.support.commands import cadc

FILES = ("metrics.csv", "model.safetensors", "record.json", "scores.parquet")


def check(*words):
    """Return what verifying says on standard output, after making sure of the exit status that goes with it."""
    answer = cadc("ledger", "verify", *words)
    lines = answer.out.splitlines()
    if answer.status == 0:
        assert answer.err == ""
        assert "no faults" in lines[-1]
    else:
        assert answer.status == 1
        assert "fault" in answer.sentence
    return answer.status, lines


def faults(run_id):
    status, lines = check()
    assert status == 1
    assert all(line.startswith(f"{run_id}  ") for line in lines)
    return [line.removeprefix(f"{run_id}  ") for line in lines]


def change(ledger, run_id, edit, sealed=True):
    """Edit a record; sealed, as one who knows how records are written would."""
    path = ledger.path(run_id) / "record.json"
    found = json.loads(path.read_text())
    edit(found)
    path.write_text(json.dumps(found, indent=1))
    if sealed:
        seal(path)
