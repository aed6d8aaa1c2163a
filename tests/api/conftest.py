"""One small ledger that the tests of the public face read."""

import os

import pytest

import cadc

SMALL = ("data=synthetic", "data.n_rows=3000", "trainer.max_epochs=2", "embedding.dim=4", "trainer.batch_size=512")


@pytest.fixture(scope="session")
def shared_runs(tmp_path_factory, session_cache):
    """A folder of runs and the sweep that filled it: two rates by two seeds."""
    folder = tmp_path_factory.mktemp("face") / "runs"
    before = os.environ.get("CADC_CACHE")
    os.environ["CADC_CACHE"] = str(session_cache)
    try:
        return folder, cadc.sweep(*SMALL, "sampler.rate=0.1,1", "seed=0,1", runs=folder)
    finally:
        os.environ.pop("CADC_CACHE")
        if before is not None:
            os.environ["CADC_CACHE"] = before


@pytest.fixture
def swept(shared_runs):
    return shared_runs[1]


@pytest.fixture
def folder(shared_runs):
    return shared_runs[0]
