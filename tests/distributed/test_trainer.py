"""A Trainer of one's own with several devices trains and scores every row once."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest

from cadc.paths import PACKAGE

pytestmark = pytest.mark.cluster("ray")


def seen(folder, devices, sampler):
    """Return what each process of a Trainer saw, see `trainer_program`."""
    folder.mkdir()
    program = [sys.executable, "-m", "tests.distributed.trainer_program", str(devices), sampler, str(folder)]
    environ = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(program, cwd=PACKAGE.parent, env=environ, capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stderr
    return [json.loads((folder / f"{rank}.json").read_text()) for rank in range(devices)]


@pytest.fixture(scope="module")
def one(tmp_path_factory):
    return seen(tmp_path_factory.mktemp("trainer") / "one", 1, "lightnings")[0]


@pytest.mark.parametrize(("devices", "sampler"), [(2, "lightnings"), (3, "own")])
def test_several_devices_train_the_rows_and_reach_the_weights_of_one(one, devices, sampler, tmp_path):
    found = seen(tmp_path / "several", devices, sampler)
    for step, expected in enumerate(one["rows"]):
        rows = [row for own in found for row, weight in own["rows"][step] if weight > 0]
        assert sorted(rows) == sorted(row for row, _ in expected)
    assert all(len(own["rows"]) == len(one["rows"]) for own in found)
    for own in found:
        np.testing.assert_allclose(own["weights"], one["weights"], rtol=0, atol=1e-5)
        for name in ("val/auc", "val/logloss", "test/auc", "test/logloss"):
            assert own["metrics"][name] == pytest.approx(one["metrics"][name], abs=1e-5)
    predicted = [score for own in found for score in own["predicted"]]
    np.testing.assert_allclose(predicted, one["predicted"], rtol=0, atol=1e-5)
