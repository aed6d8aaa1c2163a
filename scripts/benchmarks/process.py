"""Commands of cadc as processes of their own, as a user starts them."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4


def python(*arguments: str, folder: Path, **environment: str) -> None:
    """Run Python in a folder.

    Raises
    ------
    RuntimeError : if it fails, with the end of its messages.
    """
    command = [sys.executable, *arguments]
    done = subprocess.run(command, cwd=folder, env={**os.environ, **environment}, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} failed: {done.stderr[-2000:]}")


def cadc(*arguments: str, folder: Path, **environment: str) -> None:
    """Run a command of cadc in a folder."""
    python("-m", "cadc", *arguments, folder=folder, **environment)


@contextmanager
def empty_runs(folder: Path) -> Iterator[Path]:
    """Give a new folder for runs, which is deleted at the end."""
    runs = folder / f"runs-{uuid4().hex[:8]}"
    try:
        yield runs
    finally:
        shutil.rmtree(runs, ignore_errors=True)


def records(runs: Path) -> list[dict[str, Any]]:
    """Return the records in a folder of runs."""
    return [json.loads(path.read_bytes()) for path in sorted(runs.glob("*/record.json"))]


def stages(runs: Path) -> float:
    """Return the mean seconds that a run of a folder spent in its stages, without those that came from the cache."""
    spent = [sum(record["cost"][f"{name}_s"] for name in OWN_STAGES) for record in records(runs)]
    return sum(spent) / len(spent)


OWN_STAGES = ("sample", "initialise", "train", "evaluate")
