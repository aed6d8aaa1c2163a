"""Where files lie: the folders of the configuration, the experiments, the cache, the runs and the raw data."""

import errno
import os
import stat
from pathlib import Path

from cadc.errors import UsageError

PACKAGE = Path(__file__).resolve().parent


def _packaged(name: str) -> Path:
    """Return the folder `name` of the installed wheel, or of the source tree if this runs from one."""
    inside = PACKAGE / name
    return inside if inside.is_dir() else PACKAGE.parent / name


def conf_dir() -> Path:
    """Return the folder of the Hydra configuration."""
    return _packaged("conf")


def experiments_dir() -> Path:
    """Return the folder of the experiments, which have one sub-folder each."""
    return _packaged("experiments")


def results_dir() -> Path:
    """Return the folder of the results that come with the source tree; it may not exist."""
    return _packaged("results")


def user_path(text: str | Path) -> Path:
    """Return a path that a user wrote, with `~` and `~user` as in a shell, which expands them only at a word's start.

    The name of a file that begins with `~` is written `./~name`; a user who does not exist has no home to stand for.

    >>> user_path("~/log.csv") == Path.home() / "log.csv", user_path("./~a").name
    (True, '~a')
    """
    path = str(text)
    return Path(os.path.expanduser(path)) if path.startswith("~") else Path(text)  # noqa: PTH111


def runs_dir() -> Path:
    """Return the folder of the ledger: `$CADC_RUNS`, or `runs` in the working directory."""
    return user_path(os.environ.get("CADC_RUNS") or "runs").absolute()


def cache_dir() -> Path:
    """Return the folder of downloads, prepared data and factors: `$CADC_CACHE`, or the user's cache folder."""
    from platformdirs import user_cache_dir

    return user_path(os.environ.get("CADC_CACHE") or user_cache_dir("cadc")).absolute()


def data_dir() -> Path | None:
    """Return the folder of the publishers' files, one for each data set: `$CADC_DATA_DIR`, or None if unset.

    Raises
    ------
    UsageError : if the variable does not name a folder.
    """
    value = os.environ.get("CADC_DATA_DIR")
    if not value:
        return None
    folder = user_path(value).absolute()
    if not folder.is_dir():
        raise UsageError(
            f"CADC_DATA_DIR is {value!r}, which is not a folder; correct it, or unset it to download the data."
        )
    return folder


def regular_file(path: Path) -> Path:
    """Return the path if it is a regular file; reading a pipe or a device might never end.

    Raises
    ------
    OSError : if the path does not exist or is not a regular file.
    """
    mode = path.stat().st_mode
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if not stat.S_ISREG(mode):
        raise OSError(None, "it is not a regular file", str(path))
    return path
