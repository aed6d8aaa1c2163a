"""The script of timings runs; what it says is for people."""

import subprocess
import sys
from pathlib import Path


def test_every_hot_path_is_timed():
    script = Path(__file__).parents[1] / "scripts" / "bench.py"
    done = subprocess.run([sys.executable, script, "3000"], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert [line.split("  ")[0] for line in done.stdout.splitlines()[1:]] == [
        "prepare",
        "open prepared",
        "sample",
        "cut batches of 4096",
        "factorise, one epoch",
        "train, one epoch and validation",
        "AUC",
    ]
