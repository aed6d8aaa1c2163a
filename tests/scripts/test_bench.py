"""The script of timings runs; what it says is for people."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from cadc.configuration.compose import groups

SCRIPT = Path(__file__).parents[2] / "scripts" / "bench.py"

PATHS = [
    "read and prepare",
    "open prepared",
    "sample a tenth uniformly",
    "cut shuffled batches of 4096",
    "factorise, to the end",
    "train dlrm, one epoch",
    "AUC of a million scores",
    "rank all items",
]


@pytest.mark.parametrize("words", [(), ("data=synthetic", "data.n_rows=3000", "data.n_users=60", "data.n_items=80")])
def test_every_hot_path_is_timed(small_movielens, words):
    variables = os.environ | {"CADC_DATA_DIR": str(small_movielens)}
    done = subprocess.run(
        [sys.executable, SCRIPT, *words], env=variables, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr
    title, *lines = done.stdout.splitlines()
    assert title.startswith(" ".join(words or ["data=ml-1m"]))
    assert [line.split("  ")[0] for line in lines] == PATHS
    assert all(line.endswith(" rows/s" if "rank" not in line else " users/s") for line in lines)


def test_every_scheme_is_timed_against_full_tables():
    words = ("data=synthetic", "data.n_rows=3000", "data.n_users=300", "data.n_items=400", "embedding.dim=16")
    done = subprocess.run(
        [sys.executable, SCRIPT, "tables", *words], capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr
    title, *lines = done.stdout.splitlines()
    assert title.startswith(" ".join(words))
    assert {line.split()[0] for line in lines} == set(groups()["embedding"])
    assert sum(" x full" in line or " budget is " in line for line in lines) == len(lines)
