"""Files in object stores and on servers, which fsspec reads: fetched once into the cache, and then read from there."""

from pathlib import Path, PurePosixPath
from typing import Any

from cadc.errors import DataError, MachineTrouble, UsageError, one_line
from cadc.provenance.fingerprint import digest
from cadc.storage.stage_cache import cached_folder

SEPARATOR = "://"
TOLD_BY = ("size", "ETag", "etag", "e_tag", "mtime", "LastModified", "last_modified", "updated", "created", "md5Hash")
"""What stores say of a file that changes when its content does; each says some of it."""


def is_in_store(place: str) -> bool:
    """Tell whether a place is an address such as `s3://bucket/log/` rather than a path."""
    return SEPARATOR in place


def fetched(address: str) -> Path:
    """Return a cached copy of a file, or of a folder with all files below it; fetch it first if it is missing.

    The store is asked for its list of files each time. If a file has another size, time or tag than before, all are
    fetched anew. Names that begin with a dot or an underscore are left out, as engines mark files that are not data.

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
        whole = root if [*found] != [root] else str(PurePosixPath(root).parent)
        name = PurePosixPath(root.rstrip("/")).name or "files"

        def build(aside: Path) -> None:
            for path in found:
                inside = PurePosixPath(path.removeprefix(whole).lstrip("/"))
                if ".." in inside.parts:
                    raise DataError(f"{address} holds the path {path}, which leads outside its folder.")
                target = aside / "files" / inside
                target.parent.mkdir(parents=True, exist_ok=True)
                system.get_file(path, str(target))

        folder = cached_folder("raw", f"{name}-{digest([address, found])}", build) / "files"
    except FileNotFoundError as error:
        raise DataError(f"{address} does not exist in its store; correct the address.") from error
    except (DataError, MachineTrouble):
        raise
    except Exception as error:  # each store raises errors of its own
        why = one_line(str(error))[:200] or type(error).__name__
        raise MachineTrouble(
            f"{address} cannot be reached ({type(error).__name__}: {why}); check the address, the network and the "
            "credentials, and run again."
        ) from error
    return folder / PurePosixPath(root).name if [*found] == [root] else folder


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
    """Return what the store says of each file at a path or below it, in the order of their paths."""
    listing = system.find(root, detail=True) or ({root: system.info(root)} if system.exists(root) else {})
    return {
        path: {key: str(info[key]) for key in TOLD_BY if key in info}
        for path, info in sorted(listing.items())
        if not any(part[0] in "._" for part in PurePosixPath(path.removeprefix(root)).parts if part != "/")
    }
