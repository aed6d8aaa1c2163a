"""Finished runs to be logged."""

import json
import os
import shutil
from pathlib import Path

import pytest

from tests.support.commands import folders, train


@pytest.fixture(scope="session")
def _made_once(session_cache, tmp_path_factory):
    with folders(session_cache, tmp_path_factory.mktemp("loggers") / "runs"):
        return train(), train("model=bias")


@pytest.fixture
def trained(_made_once):
    """Folder of a trained run, in the ledger of this test."""
    return _copy(_made_once[0])


@pytest.fixture
def control(_made_once):
    """Folder of a run without training, in the ledger of this test."""
    return _copy(_made_once[1])


def _copy(folder: Path) -> Path:
    copy = Path(os.environ["CADC_RUNS"]) / folder.name
    shutil.copytree(folder, copy)
    return copy


@pytest.fixture
def results(tmp_path):
    """Folder with results of an experiment."""
    folder = tmp_path / "results" / "small"
    folder.mkdir(parents=True)
    (folder / "table.csv").write_text("arm,rate,auc_mean\nrandom,0.5,0.61\nmf frozen,,0.7\n")
    (folder / "provenance.json").write_text(json.dumps({"runs": {}}))
    return folder
