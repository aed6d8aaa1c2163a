"""The provenance of results: what was asked for, by which command, and with which code."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cadc.configuration.nested import part
from cadc.experiment import Experiment
from cadc.ledger.record_hash import with_seal
from cadc.provenance.environment import source_version
from cadc.provenance.fingerprint import file_hash

PROVENANCE = "provenance.json"
FILES = "files"
"""Its key with the SHA-256 of each other file of the results."""


def provenance_of(experiment: Experiment, command: str) -> dict[str, Any]:
    """Return the part of `provenance.json` that the results of all experiments share.

    Parameters
    ----------
    experiment : whose results are written.
    command : that reproduces them.
    """
    return {
        "experiment": experiment.name,
        "title": experiment.title,
        "claim": experiment.claim,
        "source": experiment.source,
        "command": command,
        "code": source_version(),
    }


def write_provenance(provenance: Mapping[str, Any], folder: Path) -> None:
    """Write `provenance.json` beside all other files of results, with their hashes and one of itself.

    Parameters
    ----------
    provenance : what it says.
    folder : with all other files.
    """
    hashes = {path.name: file_hash(path) for path in sorted(folder.iterdir())}
    (folder / PROVENANCE).write_text(text_of(with_seal({**provenance, FILES: hashes})))


def text_of(provenance: Mapping[str, Any]) -> str:
    """Return the text of `provenance.json`."""
    return json.dumps(provenance, indent=1) + "\n"


def sealed_hash(path: Path) -> str | None:
    """Return the hash of a file of results that `provenance.json` beside it names; None where it names none."""
    try:
        found = json.loads((path.parent / PROVENANCE).read_bytes())
    except (OSError, ValueError, RecursionError):
        return None
    known = part(found, FILES).get(path.name)
    return known if isinstance(known, str) else None
