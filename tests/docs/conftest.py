"""A folder to run documents in, whose plug-ins are forgotten afterwards."""

import sys

import pytest


@pytest.fixture
def workplace(tmp_path, monkeypatch, forget_plugins):
    """An empty working directory, on Python's path, with the ledger that a newcomer would have there."""
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setenv("CADC_RUNS", str(folder / "runs"))
    monkeypatch.syspath_prepend(str(folder))
    yield folder
    monkeypatch.undo()
    for name in [name for name in sys.modules if name.split(".")[0] == "mine"]:
        del sys.modules[name]
    forget_plugins()
