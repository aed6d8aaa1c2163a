"""The log that the tests of two-tower networks share."""

import pytest

from tests.support.helpers import small_synthetic_log


@pytest.fixture(scope="module")
def log(tmp_path_factory, session_cache):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CADC_CACHE", str(session_cache))
        return small_synthetic_log()
