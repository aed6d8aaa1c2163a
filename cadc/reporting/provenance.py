"""The provenance of results: what was asked for, by which command, and with which code."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cadc.configuration.nested import part
from cadc.errors import CadcError, one_line, reason, shown
from cadc.experiment import Experiment
from cadc.ledger.record_hash import with_seal
from cadc.paths import regular_file
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


def read_provenance(folder: Path) -> dict[str, Any]:
    """Return the content of the `provenance.json` in a folder of results, whoever wrote it.

    Raises
    ------
    CadcError : if the file is missing, or is not a JSON object.
    """
    path = folder / PROVENANCE
    try:
        found = json.loads(regular_file(path).read_bytes())
        if not isinstance(found, dict):
            raise ValueError("it is not an object")
    except (OSError, ValueError, RecursionError) as error:
        why = reason(error) if isinstance(error, OSError) else one_line(str(error))
        raise CadcError(f"{path} cannot be read ({why}); restore the file, or report again.") from error
    return found


def runs_of(folder: Path, provenance: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return the ids of the runs of results by arm, as their `provenance.json` lists them.

    Raises
    ------
    CadcError : if it lists none, or something that is not the id of a run.
    """
    path, arms = folder / PROVENANCE, provenance.get("runs")
    if not isinstance(arms, dict) or not all(isinstance(ids, list) for ids in arms.values()):
        raise CadcError(f"{path} does not list the runs that these results are of; restore the file, or report again.")
    for run_id in (run_id for ids in arms.values() for run_id in ids):
        if not isinstance(run_id, str) or Path(run_id).name != run_id:
            raise CadcError(f"{path}: {shown(run_id)} is not the id of a run; restore the file, or report again.")
    return {str(arm): list(ids) for arm, ids in arms.items()}


def sealed_hash(path: Path) -> str | None:
    """Return the hash of a file of results that `provenance.json` beside it names; None where it names none."""
    try:
        found = json.loads((path.parent / PROVENANCE).read_bytes())
    except (OSError, ValueError, RecursionError):
        return None
    known = part(found, FILES).get(path.name)
    return known if isinstance(known, str) else None
