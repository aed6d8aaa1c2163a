"""Files in object stores and on servers, which fsspec reads: fetched once into the cache, and then read from there."""

import re
from pathlib import Path, PurePosixPath
from typing import Any

from cadc.errors import DataError, MachineTrouble, UsageError, one_line
from cadc.provenance.fingerprint import digest
from cadc.storage.stage_cache import cached_folder

SEPARATOR = "://"
MAX_SHOWN = 200
"""Longest quotation of a store's error, in characters."""
TOLD_BY = ("size", "ETag", "etag", "e_tag", "mtime", "LastModified", "last_modified", "updated", "created", "md5Hash")
"""What stores say of a file that changes when its content does; each says some of it."""


def is_in_store(place: str) -> bool:
    """Tell whether a place is an address such as `s3://bucket/log/` rather than a path."""
    return SEPARATOR in place


def fetched(address: str) -> Path:
    """Return a cached copy of a file, or a folder with copies of all files below an address; fetch what is missing.

    The store is asked for its list of files each time. If a file has another size, time or tag than before, all are
    fetched anew. Names that begin with a dot or an underscore are left out, as engines mark files that are not data.
    The copies in a folder have their place in the order of `with_numbers` before their names.

    Parameters
    ----------
    address : such as `s3://bucket/log/`, `gs://bucket/log.parquet` or `https://host/log.csv`.

    Raises
    ------
    UsageError : if fsspec, or the package for this kind of store, is not installed, or does not know it.
    DataError : if the store has no such file.
    MachineTrouble : if the store cannot be reached, or does not let us in.
    """
    system, root = _system(address)
    try:
        found = _listed(system, root)
        if not found:
            raise DataError(f"{address} holds no files; expected a file of rows, or a folder of such files.")
        is_file = [*found] == [root]

        def build(aside: Path) -> None:
            for number, path in enumerate(found):
                name = PurePosixPath(path).name
                system.get_file(path, str(aside / (name if is_file else f"{number:06d}-{name}")))

        last = PurePosixPath(root.rstrip("/")).name
        folder = cached_folder("raw", f"{last}-{digest([address, found])}", build)
    except FileNotFoundError as error:
        if isinstance(error.__cause__, OSError):  # a server that does not answer
            raise _unreached(address, error.__cause__) from error
        raise DataError(f"{address} does not exist in its store; expected a file or folder of rows.") from error
    except (DataError, MachineTrouble):
        raise
    except Exception as error:  # each store raises errors of its own
        raise _unreached(address, error) from error
    return folder / last if is_file else folder


def _unreached(address: str, error: BaseException) -> MachineTrouble:
    why = one_line(str(error))[:MAX_SHOWN] or "no reason given"
    return MachineTrouble(
        f"{address} cannot be reached ({type(error).__name__}: {why}); check the address, the network and the "
        "credentials, and run again."
    )


def _system(address: str) -> tuple[Any, str]:
    """Return the file system of an address, and the path in it."""
    kind = address.partition(SEPARATOR)[0]
    try:
        from fsspec.core import url_to_fs
    except ImportError as error:
        raise UsageError(f"{address} needs fsspec, which is not installed; run `pip install 'cadc[scale]'`.") from error
    try:
        system, root = url_to_fs(address)
    except ImportError as error:
        raise UsageError(f"{address} needs a package for {kind}: {one_line(str(error))}.") from error
    except ValueError as error:
        raise UsageError(f"{address}: {kind} is not a kind of store that fsspec knows ({error}).") from error
    return system, root


def _listed(system: Any, root: str) -> dict[str, dict[str, str]]:
    """Return what the store says of each file at a path or below it, in the order in which they are read."""
    listing = system.find(root, detail=True)
    if [*listing] in ([], [root]):
        listing = {root: system.info(root)}  # of a single file some stores list the name alone
    found = {
        path: {key: str(info[key]) for key in TOLD_BY if key in info}
        for path, info in listing.items()
        if info.get("type", "file") == "file" and not any(part[0] in "._" for part in _below(path, root))
    }
    return dict(sorted(found.items(), key=lambda item: with_numbers(item[0])))


def _below(path: str, root: str) -> list[str]:
    return [part for part in path.removeprefix(root).split("/") if part]


def with_numbers(name: str) -> list[tuple[int, str, int]]:
    """Return a key by which names are sorted, numbers in them by size.

    >>> sorted(["part-10", "part-9"], key=with_numbers)
    ['part-9', 'part-10']
    """
    return [(1, "", int(part)) if part.isdecimal() else (0, part, 0) for part in re.split(r"(\d+)", name) if part]
