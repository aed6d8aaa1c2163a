"""Fixtures of all tests: every cache and run lies in a temporary folder, and real data is opt-in."""

import os
from pathlib import Path

import pytest
import torch

from tests.helpers import write_small_movielens

REAL_DATA = os.environ.get("CADC_DATA_DIR")
"""Folder with the publishers' files as it was set when the tests were started."""


def pytest_configure():
    torch.set_num_threads(2)


@pytest.fixture(scope="session")
def session_cache(tmp_path_factory):
    """One cache for all tests, so that equal preparations and factorisations are made once."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(autouse=True)
def _own_folders(request, monkeypatch, session_cache, tmp_path):
    """Keep each test away from the user's cache, runs and data."""
    monkeypatch.setenv("CADC_CACHE", str(session_cache))
    monkeypatch.setenv("CADC_RUNS", str(tmp_path / "runs"))
    if request.node.get_closest_marker("realdata") is None:
        monkeypatch.delenv("CADC_DATA_DIR", raising=False)
    elif not REAL_DATA or not Path(REAL_DATA).is_dir():
        pytest.skip("CADC_DATA_DIR is not set to the folder with the publishers' files")
    else:
        monkeypatch.setenv("CADC_DATA_DIR", str(Path(REAL_DATA).absolute()))


@pytest.fixture
def small_movielens(tmp_path):
    """A folder to use as CADC_DATA_DIR, with small made-up copies of ml-1m and ml-100k."""
    folder = tmp_path / "publishers"
    write_small_movielens(folder)
    return folder


@pytest.fixture
def empty_cache(monkeypatch, tmp_path):
    """A cache of the test's own, for tests that look into it or count what is made."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("CADC_CACHE", str(folder))
    return folder
