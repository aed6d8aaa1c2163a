"""Where things lie: the folders of configurations and experiments, of caches, runs and raw data."""

import errno
import os
import stat
from pathlib import Path

from cadc.errors import UsageError

PACKAGE = Path(__file__).resolve().parent


def _packaged(name: str) -> Path:
    """Return the folder `name` of an installed wheel, or that of a source tree."""
    inside = PACKAGE / name
    return inside if inside.is_dir() else PACKAGE.parent / name


def conf_dir() -> Path:
    """Folder of the Hydra configuration."""
    return _packaged("conf")


def experiments_dir() -> Path:
    """Folder of the experiments, one sub-folder each."""
    return _packaged("experiments")


def runs_dir() -> Path:
    """Folder of the ledger: `$CADC_RUNS`, else `runs` in the working directory."""
    return Path(os.environ.get("CADC_RUNS") or "runs").absolute()


def cache_dir() -> Path:
    """Folder of downloads, prepared data and factors: `$CADC_CACHE`, else the user's cache folder."""
    from platformdirs import user_cache_dir

    return Path(os.environ.get("CADC_CACHE") or user_cache_dir("cadc")).absolute()


def data_dir() -> Path | None:
    """Folder with the publishers' files, one sub-folder a data set: `$CADC_DATA_DIR`, if set."""
    value = os.environ.get("CADC_DATA_DIR")
    if not value:
        return None
    folder = Path(value).absolute()
    if not folder.is_dir():
        raise UsageError(f"CADC_DATA_DIR is {value!r}, which is no folder; correct it or unset it to download.")
    return folder


def regular_file(path: Path) -> Path:
    """Return the path of a file, or raise an OSError for what is none: a pipe or a device would be read for ever."""
    mode = path.stat().st_mode
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if not stat.S_ISREG(mode):
        raise OSError(errno.EINVAL, "is no regular file", str(path))
    return path
