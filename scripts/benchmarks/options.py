"""What a benchmark is asked for: overrides, threads, how small; and the data that its sections share."""

import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.data import SMALL_MOVIELENS, movielens, write_criteo

if TYPE_CHECKING:
    from cadc.data.log import InteractionLog
    from cadc.pipeline.settings import Settings

ALWAYS = ("trainer.progress=false", "logger=none")


@dataclass(frozen=True)
class Options:
    """What is asked for, and where files go.

    Parameters
    ----------
    folder : that is deleted at the end, with the cache, the runs and generated files.
    overrides : of the configuration of every run that is measured.
    fast : whether everything is tiny, to see that it works.
    """

    folder: Path
    overrides: tuple[str, ...] = ()
    fast: bool = False

    def size(self, full: int, small: int) -> int:
        """Return a number of rows, seeds or passes, or the one for `fast`."""
        return small if self.fast else full

    def compose(self, *overrides: str) -> "Settings":
        """Return the settings of a run, see `words`."""
        from cadc.pipeline.settings import Settings

        return Settings.compose(self.words(*overrides))

    def words(self, *overrides: str) -> list[str]:
        """Return the overrides of a run, those of the user last.

        Its data is what `overrides` choose, else what the user chose, else MovieLens 1M.
        """
        if _choose_data(overrides):
            return [*ALWAYS, *overrides, *(word for word in self.overrides if not word.startswith("data"))]
        default = SMALL_MOVIELENS if self.fast else movielens()
        return [*ALWAYS, *(() if _choose_data(self.overrides) else default), *overrides, *self.overrides]

    def open(self, settings: "Settings") -> "InteractionLog":
        """Return the log of a run."""
        from cadc.pipeline.build import open_log

        return open_log(settings)

    @contextmanager
    def criteo(self, n_rows: int) -> Iterator[list[str]]:
        """Write a generated log in Criteo's layout, and give the overrides that read it meanwhile."""
        with tempfile.TemporaryDirectory(dir=self.folder) as folder:
            write_criteo(Path(folder) / "criteo" / "train.txt", n_rows)
            before = os.environ.get("CADC_DATA_DIR")
            os.environ["CADC_DATA_DIR"] = folder
            try:
                yield ["data=criteo"]
            finally:
                if before is None:
                    del os.environ["CADC_DATA_DIR"]
                else:
                    os.environ["CADC_DATA_DIR"] = before

    @property
    def threads(self) -> int:
        """Number of threads of the runs."""
        asked = [word.partition("=")[2] for word in self.overrides if word.startswith("threads=")]
        return int(asked[-1]) if asked else 1

    @contextmanager
    def environment(self) -> Iterator[None]:
        """Keep cache and runs in the folder, and compute as runs do."""
        before = {name: os.environ.get(name) for name in ("CADC_CACHE", "CADC_RUNS")}
        os.environ.update(CADC_CACHE=str(self.folder / "cache"), CADC_RUNS=str(self.folder / "runs"))
        try:
            with ExitStack() as stack:
                for own in _as_runs_compute(self.threads):
                    stack.enter_context(own)
                yield
        finally:
            for name, value in before.items():
                if value is None:
                    del os.environ[name]
                else:
                    os.environ[name] = value


def _as_runs_compute(n_threads: int) -> list[AbstractContextManager[None]]:
    """Return what runs set of threads and memory."""
    try:
        from cadc.provenance.costs import separate_memory
        from cadc.provenance.threads import threads
    except ImportError:  # an older version
        return []
    return [threads(n_threads), separate_memory()]


def _choose_data(overrides: Sequence[str]) -> bool:
    return any(word.startswith("data=") for word in overrides)


def as_words(options: Options) -> Sequence[str]:
    """Return the options as another process takes them, see `benchmarks.other_version`."""
    return [str(options.folder), str(int(options.fast)), *options.overrides]
