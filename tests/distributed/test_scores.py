"""Scores and ranks of several ranks are those of one process, and so are their metrics."""

import numpy as np
import pytest

from tests.distributed import programs
from tests.distributed.processes import on_ranks

SMALL = ("data=synthetic", "data.n_rows=3001", "embedding.dim=4", "trainer.accelerator=cpu")
CASES = {
    "ctr": SMALL,
    "ranking": (*SMALL, "model=two_tower", "trainer=ranking", "data/split=leave_one_out"),
}


@pytest.mark.parametrize("task", CASES)
def test_metrics_of_several_ranks_are_those_of_one_process(task):
    (one,) = on_ranks(programs.scored, 1, overrides=CASES[task])
    for size in (2, 3):
        found = on_ranks(programs.scored, size, overrides=CASES[task])
        np.testing.assert_array_equal(found[0]["values"], one["values"])
        for own in found:
            assert own["metrics"] == pytest.approx(one["metrics"], abs=1e-12)
        # The others know their own rows alone.
        assert sum(np.isfinite(own["values"]).sum() for own in found[1:]) < len(one["values"])
