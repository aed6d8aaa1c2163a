"""The provenance of results: what was asked for, by which command, and with which code."""

from typing import Any

from cadc.experiment import Experiment
from cadc.provenance.environment import source_version


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
