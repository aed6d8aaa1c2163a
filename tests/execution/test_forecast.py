"""What a plan says of runs that are left."""

import pytest

from cadc.execution.forecast import ArmForecast, Forecast


@pytest.mark.parametrize(
    ("again", "said"), [(1, "1 of these has a committed record,"), (2, "2 of these have committed")]
)
def test_runs_with_committed_records_are_counted_in_words(again, said):
    lines = Forecast({"arm": ArmForecast(runs=2, seconds=1.0)}, again=again).summary()
    assert lines[0] == "2 runs of 1 arm: 0 finished, 2 to run"
    assert lines[1].startswith(said)
