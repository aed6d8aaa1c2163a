"""A log read from its publisher's files and prepared, and a prepared log opened."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.case import OURS, Case
from benchmarks.data import frame_of
from benchmarks.options import Options

if TYPE_CHECKING:
    import pandas as pd

    from cadc.data.log import InteractionLog
    from cadc.pipeline.settings import Settings


def cases(options: Options) -> Iterator[Case]:
    """Yield MovieLens 1M, beside pandas, and a log of Criteo's layout."""
    from cadc.paths import data_dir

    settings = options.compose()
    folder = data_dir()
    name = str(settings.config["choices"]["data"])
    ratings = folder / name / "ratings.dat" if folder is not None else Path()
    if name == "ml-1m" and ratings.is_file():
        yield prepared(settings, options, lambda: _movielens(ratings))
    else:
        yield prepared(settings, options, None)
    with options.criteo(options.size(200_000, 3000)) as words:
        own = options.compose(*words)
        file = data_dir()
        assert file is not None
        yield prepared(own, options, lambda: frame_of(file / "criteo" / "train.txt"))
    log = options.open(settings)
    yield Case(f"open {log.meta['name']}", {OURS: lambda: _opened(options.open(settings))}, 1, "logs")


def prepared(settings: "Settings", options: Options, frame: "Callable[[], pd.DataFrame] | None") -> Case:
    """Return the case of a log that is not in the cache."""
    log = options.open(settings)
    folder = log.folder
    n_rows = sum(log.meta["rows"].values())

    def ours() -> None:
        shutil.rmtree(folder)
        options.open(settings)

    def pandas() -> None:
        table = frame() if frame else None
        for column in table if table is not None else ():
            table[column].factorize() if table is not None else None

    works = {OURS: ours} | ({"pandas: read and factorise the columns": pandas} if frame else {})
    return Case(f"prepare {log.meta['name']}, {n_rows} rows", works, n_rows, "rows", most_seconds=10.0)


def _opened(log: "InteractionLog") -> None:
    log.gather(log.rows("train")[:1])


def _movielens(path: Path) -> "pd.DataFrame":
    import pandas as pd

    return pd.read_csv(path, sep=":", header=None, usecols=[0, 2, 4, 6])
