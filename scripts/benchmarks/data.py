"""Logs that are measured on: MovieLens 1M or a log of its size, and one in Criteo's layout."""

from pathlib import Path

import numpy as np
import pandas as pd

GENERATED = ("data=synthetic", "data.n_rows=1000000", "data.n_users=6040", "data.n_items=3706")
SMALL_MOVIELENS = ("data=synthetic", "data.n_rows=3000", "data.n_users=60", "data.n_items=80")

VOCABULARIES = (
    *(1400, 550, 150000, 80000, 300, 20, 12000, 600, 3, 50000, 5000, 130000, 3100),
    *(26, 10000, 100000, 10, 4000, 2000, 4, 120000, 16, 15, 50000, 80, 30000),
)
"""Values of each of the 26 categories, of the order of those of the Kaggle log."""


def movielens() -> tuple[str, ...]:
    """Return the overrides that read MovieLens 1M, or generate a log of its size where its files are missing."""
    from cadc.paths import data_dir

    folder = data_dir()
    return ("data=ml-1m",) if folder is not None and (folder / "ml-1m").is_dir() else GENERATED


def write_criteo(path: Path, n_rows: int) -> None:
    """Write a log in the layout of Criteo's `train.txt`: label, 13 integers, 26 categories of Zipf's frequencies."""
    import pyarrow as pa
    import pyarrow.csv as csv

    generator = np.random.default_rng(0)
    columns: dict[str, object] = {"label": (generator.random(n_rows) < 0.26).astype(np.int8)}
    for number in range(13):
        columns[f"I{number}"] = np.floor(generator.exponential(30.0, n_rows)).astype(np.int64)
    for number, size in enumerate(VOCABULARIES):
        ids = np.floor(size ** generator.random(n_rows)).astype(np.int64) - 1
        names = np.array([f"{value:08x}" for value in range(size)])
        columns[f"C{number}"] = pa.DictionaryArray.from_arrays(ids, names).cast(pa.string())
    path.parent.mkdir(parents=True, exist_ok=True)
    options = csv.WriteOptions(include_header=False, delimiter="\t", quoting_style="none")
    csv.write_csv(pa.table(columns), path, options)


def frame_of(path: Path) -> pd.DataFrame:
    """Read a file of rows without heads as pandas would."""
    return pd.read_csv(path, sep="\t", header=None)
