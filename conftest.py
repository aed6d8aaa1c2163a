"""Examples in docstrings keep their cache and runs in a temporary folder, as the tests in `tests/` do."""

import pytest


@pytest.fixture(scope="session")
def _folder_of_examples(tmp_path_factory):
    return tmp_path_factory.mktemp("examples")


@pytest.fixture(autouse=True)
def _examples_write_aside(request, monkeypatch):
    if isinstance(request.node, pytest.DoctestItem):
        folder = request.getfixturevalue("_folder_of_examples")
        monkeypatch.setenv("CADC_CACHE", str(folder / "cache"))
        monkeypatch.setenv("CADC_RUNS", str(folder / "runs"))
