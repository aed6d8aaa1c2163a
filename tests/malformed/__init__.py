"""Generators of inputs that are certainly wrong, each with the command that meets it; `tests/test_malformed.py`."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

HEADER = "user,item,hour,recency"
"""First line of a file of rows to be scored with a run."""


@dataclass(frozen=True)
class Place:
    """Folders of one case; commands may write into `runs` and `cache` alone.

    Parameters
    ----------
    data : raw files, as CADC_DATA_DIR names them; `work` is the working directory.
    bias, dlrm : ids of two finished runs, for those cases that ask for them.
    """

    root: Path
    bias: str = ""
    dlrm: str = ""

    @property
    def data(self) -> Path:
        return self.root / "data"

    @property
    def runs(self) -> Path:
        return self.root / "runs"

    @property
    def cache(self) -> Path:
        return self.root / "cache"

    @property
    def work(self) -> Path:
        return self.root / "work"

    @property
    def ran(self) -> Path:
        """A file that hostile content would write if it were executed."""
        return self.root / "ran"


@dataclass(frozen=True)
class Case:
    """One malformed input.

    Parameters
    ----------
    name : of the test.
    spoil : writes the input into a place and returns the words of the command.
    named : what the sentence must name: a file, a key, a word.
    needs : what the place must hold beforehand: `data`, `runs` or nothing.
    """

    name: str
    spoil: Callable[[Place], list[str]]
    named: str
    needs: str = ""


def rng_of(name: str) -> np.random.Generator:
    """Generator of a case's random choices, the same in every run."""
    return np.random.default_rng(list(name.encode()))


def predict(place: Place, run: str) -> list[str]:
    """Words that score three rows with a run."""
    path = place.work / "rows.csv"
    path.write_text(f"{HEADER}\n1,2,3,0.5\n2,3,4,-1\n3,4,5,0\n")
    return ["predict", run, str(path)]
