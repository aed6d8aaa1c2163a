"""Archives from a publisher: downloaded with a checksum, unpacked so that no member leaves its folder."""

import json
import lzma
import re
import shutil
import stat
import zipfile
import zlib
from pathlib import Path, PurePosixPath
from typing import IO

from cadc.errors import DataError, shown
from cadc.paths import cache_dir
from cadc.provenance.fingerprint import file_hash
from cadc.storage.stage_cache import build_once

MANIFEST = "archive.json"
MAX_UNPACKED_BYTES = 8 << 30
"""Larger archives than any of our data sets are taken for bombs."""
MAX_RATIO = 200
"""Text shrinks to a fifth of its size, tables of few values to a hundredth."""
MAX_ENTRIES = 10_000
COPY_BYTES = 1 << 20
ENCRYPTED = 1
"""Bit of the flags of an entry."""
BROKEN = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, NotImplementedError, RuntimeError, ValueError)
"""What the standard library raises for archives that are none."""


def fetch(name: str, url: str, checksum: str | None, members: tuple[str, ...]) -> Path:
    """Return the cached folder with an archive's members, downloading it first if it is not there.

    Parameters
    ----------
    name : of the data set, and of the folder in the cache.
    url : address of a ZIP archive.
    checksum : `md5:…` or `sha256:…` of the archive; None takes whatever comes.
    members : the files wanted, in whatever folder the archive keeps them.

    Raises
    ------
    DataError : when the download fails, its checksum differs, or the archive is not what it should be.
    """
    folder = cache_dir() / "raw" / name
    if not folder.is_dir():
        build_once(folder, lambda aside: unpack(_download(url, checksum), aside, members))
    return folder


def fetch_files(name: str, base_url: str, hashes: dict[str, str]) -> Path:
    """Return the cached folder with files that are offered one by one, downloading them first if it is not there.

    Parameters
    ----------
    name : of the data set, and of the folder in the cache.
    base_url : address of the folder that holds the files, with a slash at its end.
    hashes : SHA-256 of each file, by name.

    Raises
    ------
    DataError : when a download fails or its hash differs.
    """
    folder = cache_dir() / "raw" / name

    def download(aside: Path) -> None:
        for file_name, value in hashes.items():
            shutil.copyfile(_download(base_url + file_name, f"sha256:{value}", name), aside / file_name)

    if not folder.is_dir():
        build_once(folder, download)
    return folder


def _download(url: str, checksum: str | None, name: str = "") -> Path:
    import logging

    import pooch
    import requests

    file_name = PurePosixPath(url).name
    base_url = url[: -len(file_name)]
    downloads = cache_dir() / "downloads"
    pooch.get_logger().setLevel(logging.WARNING)
    store = pooch.create(downloads, base_url, registry={file_name: checksum}, retry_if_failed=2)
    try:
        return Path(store.fetch(file_name, progressbar=True))
    except ValueError as error:
        raise DataError(
            f"{url} has not the published checksum {checksum}; the download was thrown away. Try again, or "
            "put the publisher's files under CADC_DATA_DIR."
        ) from error
    except (OSError, requests.RequestException) as error:
        raise DataError(
            f"{url} cannot be downloaded ({type(error).__name__}); put the publisher's files into a folder "
            f"{name or PurePosixPath(file_name).stem} and set CADC_DATA_DIR to the folder that holds it."
        ) from error


def unpack(archive: Path, folder: Path, members: tuple[str, ...]) -> None:
    """Unpack some members of a ZIP archive straight into `folder`, with a manifest of their hashes.

    Members are written under their last name only, so that none can leave the folder, and no more bytes of them than
    the archive declares.

    Raises
    ------
    DataError : for a broken archive, one with suspicious paths, kinds or sizes, or one that lacks a member. What was
        written until then is removed.
    """
    try:
        with zipfile.ZipFile(archive) as file:
            found = _members(archive, file.infolist(), members)
            for name, info in found.items():
                with file.open(info) as source, (folder / name).open("wb") as target:
                    _copy(source, target, info.file_size, archive)
        hashes = {name: file_hash(folder / name) for name in members}
    except BaseException as error:
        for name in members:
            (folder / name).unlink(missing_ok=True)
        if isinstance(error, BROKEN):
            raise DataError(f"{archive} is no sound ZIP archive ({error}).") from error
        raise
    (folder / MANIFEST).write_text(json.dumps(hashes, indent=1))


def _members(archive: Path, listed: list[zipfile.ZipInfo], members: tuple[str, ...]) -> dict[str, zipfile.ZipInfo]:
    """Return the entries of the members that are wanted; nothing suspicious may stand beside them either."""
    if len(listed) > MAX_ENTRIES:
        raise DataError(f"{archive} lists {len(listed)} entries, more than {MAX_ENTRIES}; it was not unpacked.")
    found: dict[str, zipfile.ZipInfo] = {}
    for info in listed:
        # What stands in the file; zipfile itself cuts a name off at a NUL.
        written = info.orig_filename
        path = PurePosixPath(written.replace("\\", "/"))
        if path.is_absolute() or ".." in path.parts or re.match("[A-Za-z]:", written) or not written.isprintable():
            raise DataError(f"{archive} holds the path {shown(written)}, which leads outside; it was not unpacked.")
        kind = stat.S_IFMT(info.external_attr >> 16)
        if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
            raise DataError(f"{archive} holds {shown(written)}, a link or a device; it was not unpacked.")
        if path.name in members and not info.is_dir():
            if path.name in found:
                raise DataError(f"{archive} holds {path.name} twice; it was not unpacked.")
            if info.flag_bits & ENCRYPTED:
                raise DataError(f"{archive} holds {path.name} encrypted; it was not unpacked.")
            found[path.name] = info
    missing = [name for name in members if name not in found]
    if missing:
        raise DataError(f"{archive} lacks {', '.join(missing)}.")
    size = sum(info.file_size for info in found.values())
    if size > MAX_UNPACKED_BYTES:
        raise DataError(f"{archive} would unpack to more than {MAX_UNPACKED_BYTES >> 30} GiB; it was not unpacked.")
    if size > MAX_RATIO * archive.stat().st_size:
        raise DataError(f"{archive} would grow more than {MAX_RATIO}-fold to {size} bytes; it was not unpacked.")
    return found


def _copy(source: IO[bytes], target: IO[bytes], declared: int, archive: Path) -> None:
    """Copy a member of the declared size, which may lie: bytes are counted before they are written."""
    written = 0
    while block := source.read(COPY_BYTES):
        written += len(block)
        if written > declared:
            break
        target.write(block)
    if written != declared:
        raise DataError(f"{archive} declares {declared} bytes of a member that has others; it was not unpacked.")


def manifest(folder: Path) -> dict[str, str]:
    """Return the hashes of the members that `unpack` wrote here; empty where it did not."""
    path = folder / MANIFEST
    if not path.exists():
        return {}
    try:
        hashes = json.loads(path.read_text())
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(f"{path} cannot be read ({error}); delete {folder}.") from error
    if not (isinstance(hashes, dict) and all(isinstance(value, str) for value in hashes.values())):
        raise DataError(f"{path} is no list of hashes; delete {folder}.")
    return hashes
