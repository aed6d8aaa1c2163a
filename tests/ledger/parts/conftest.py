"""An archive of real runs."""

import pytest

from tests.support.commands import cadc


@pytest.fixture(scope="session")
def packed_once(real_once, tmp_path_factory):
    """An archive of the real runs without their weights."""
    place, _ = real_once
    path = tmp_path_factory.mktemp("packed") / "part.zip"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CADC_RUNS", str(place))
        answer = cadc("ledger", "pack", "--output", path)
    assert answer.status == 0, answer.err
    return path, answer.out
