"""Experiments of the tests' own, in a working directory of the tests' own."""

from pathlib import Path

import pytest
import yaml

from cadc.experiment import reading
from tests.support import commands
from tests.support.commands import TINY, folders

TINY_EXPERIMENT = {
    "title": "A tiny experiment",
    "claim": "it is tiny",
    "source": "made up",
    "common": [*TINY, "data.split_seed=${seed}"],
    "seeds": [0, 1],
    "arms": {
        "random": ["initializer=random", "sampler.rate=0.2,1"],
        "mf frozen": ["initializer=mf", "initializer.freeze=true", "sampler.rate=0.2,1"],
        "MF alone": ["model=factorization", "factorization.l2_bias=1"],
        "biases only": ["model=bias"],
        "oracle": ["model=oracle"],
    },
    "fast": ["seed=0", "sampler.rate=1"],
}
N_RUNS = 14
"""Two arms at two rates and three controls, each with two seeds."""


def write_experiment(folder: Path, name: str, **changes: object) -> None:
    """Write `experiment.yaml` of an experiment like the tiny one."""
    path = folder / name / "experiment.yaml"
    path.parent.mkdir(parents=True)
    path.write_text(yaml.safe_dump(TINY_EXPERIMENT | changes, sort_keys=False))


@pytest.fixture
def experiments(monkeypatch, tmp_path):
    """Folder of the experiments that the command line sees, `tiny` among them; the working directory is beside it."""
    folder = tmp_path / "experiments"
    write_experiment(folder, "tiny")
    monkeypatch.setattr(reading, "experiments_dir", lambda: folder)
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    return folder


@pytest.fixture(scope="session")
def finished_once(session_cache, tmp_path_factory):
    """Place where the tiny experiment was run once: `work/results/tiny` and `runs`."""
    place = tmp_path_factory.mktemp("tiny")
    write_experiment(place / "experiments", "tiny")
    (place / "work").mkdir()
    with folders(session_cache, place / "runs"), pytest.MonkeyPatch.context() as patch:
        patch.setattr(reading, "experiments_dir", lambda: place / "experiments")
        patch.chdir(place / "work")
        answer = commands.cadc("experiment", "tiny")
    assert answer.status == 0, answer.err
    return place


@pytest.fixture
def finished(finished_once, experiments, monkeypatch):
    """The results of the tiny experiment, with the ledger that they came from in place."""
    monkeypatch.setenv("CADC_RUNS", str(finished_once / "runs"))
    return finished_once / "work" / "results" / "tiny"
