"""LensKit trains on an exported sample, and starts from the exported vectors."""

import json
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from tests.support.commands import cadc

ROOT = Path(__file__).parents[3]
SAMPLE = ("data.n_rows=40000", "data.n_users=300", "data.n_items=200", "sampler.rate=0.1", "initializer=mf_bias")


@pytest.mark.cluster("bench")
def test_lenskit_trains_on_the_sample_and_starts_from_the_factors(tmp_path):
    folder = tmp_path / "sample"
    answer = cadc("data", "export", "synthetic", *SAMPLE, "--positives", "--layout", "lenskit", "--output", folder)
    assert answer.status == 0, answer.err
    words = [sys.executable, "-m", "tests.data.layouts.train_lenskit", folder]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    rows = pd.read_parquet(folder / "train.parquet").drop_duplicates(["user_id", "item_id"])
    assert found["rows"] == len(rows)
    assert (found["users"], found["items"]) == (rows["user_id"].nunique(), rows["item_id"].nunique())
    assert found["trained"] < 0.45
    assert found["started"] < found["trained"] - 0.01
