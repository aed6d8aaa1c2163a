"""Archives from a publisher: downloaded with a checksum, and unpacked so that no member leaves its folder."""

import hashlib
import lzma
import re
import shutil
import stat
import zipfile
import zlib
from collections.abc import Callable
from functools import cache
from pathlib import Path, PurePosixPath
from typing import IO

from cadc.errors import DataError, shown
from cadc.paths import cache_dir, regular_file
from cadc.storage.stage_cache import cached_folder

MAX_UNPACKED_BYTES = 8 << 30
"""An archive that unpacks to more counts as a ZIP bomb; no data set needs as much."""
MAX_RATIO = 200
"""An archive that grows by more counts as a ZIP bomb: text shrinks to a fifth, tables of few values to a hundredth."""
MAX_ENTRIES = 10_000
COPY_BYTES = 1 << 20
ENCRYPTED = 1
"""Bit among the flags of an encrypted entry."""
BROKEN = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, NotImplementedError, RuntimeError, ValueError)
"""Errors that the standard library raises for broken archives."""


def fetch(name: str, url: str, checksum: str | None, members: tuple[str, ...]) -> Path:
    """Return the cached folder with some members of an archive; download the archive first if the folder is missing.

    Parameters
    ----------
    name : name of the data set, and of its folder in the cache.
    url : address of a ZIP archive.
    checksum : `md5:…` or `sha256:…` of the archive; None accepts any content.
    members : names of the wanted files, whichever folder of the archive they are in.

    Raises
    ------
    DataError : if the download fails, its checksum differs, or the archive is broken or suspicious.
    """

    def build(aside: Path) -> None:
        archive = _download(url, checksum)
        try:
            unpack(archive, aside, members)
        except DataError:
            if checksum is not None:
                raise
            # Without a checksum only this tells that a kept download is damaged.
            archive.unlink()
            unpack(_download(url, checksum), aside, members)

    return cached_folder("raw", name, build)


def fetch_files(name: str, base_url: str, hashes: dict[str, str]) -> Path:
    """Return the cached folder with files that are offered one by one; download them first if the folder is missing.

    Parameters
    ----------
    name : name of the data set, and of its folder in the cache.
    base_url : address of the folder that holds the files, with a slash at its end.
    hashes : SHA-256 of each file, by name.

    Raises
    ------
    DataError : if a download fails or its hash differs.
    """

    def download(aside: Path) -> None:
        for file_name, value in hashes.items():
            shutil.copyfile(_download(base_url + file_name, f"sha256:{value}", name), aside / file_name)

    return cached_folder("raw", name, download)


def downloaded(url: str) -> Path:
    """Return where the cache keeps the archive of an address; it may be missing."""
    return cache_dir() / "downloads" / PurePosixPath(url).name


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
            f"the download of {url} does not have the published checksum {checksum} and was discarded. Try again, or "
            "put the publisher's files under CADC_DATA_DIR."
        ) from error
    except (OSError, requests.RequestException) as error:
        raise DataError(
            f"{url} cannot be downloaded ({type(error).__name__}); put the publisher's files into a folder "
            f"{name or PurePosixPath(file_name).stem} and set CADC_DATA_DIR to the folder that holds it."
        ) from error


def unpack(archive: Path, folder: Path, members: tuple[str, ...]) -> None:
    """Unpack some members of a ZIP archive directly into a folder.

    A member is written under the last part of its name only, so that it cannot leave the folder, and with no more bytes
    than the archive declares.

    Parameters
    ----------
    archive : the ZIP archive.
    folder : existing folder that receives the members.
    members : names of the wanted files, whichever folder of the archive they are in.

    Raises
    ------
    DataError : if the archive is broken, has suspicious paths, kinds or sizes, or lacks a member. Files that were
        already written are removed.
    """
    try:
        with zipfile.ZipFile(archive) as file:
            found = _members(archive, file.infolist(), members)
            for name, info in found.items():
                with file.open(info) as source, (folder / name).open("wb") as target:
                    _copy(source, target.write, info.file_size, archive)
    except BaseException as error:
        for name in members:
            (folder / name).unlink(missing_ok=True)
        if isinstance(error, BROKEN):
            raise DataError(f"{archive} is not a sound ZIP archive ({error}); download it again.") from error
        raise


def member_hashes(archive: Path, checksum: str, members: tuple[str, ...]) -> dict[str, str]:
    """Return the SHA-256 of some members of an archive, as they are in it now.

    Parameters
    ----------
    archive : a ZIP archive, which may be missing.
    checksum : `md5:…` or `sha256:…` of the archive.
    members : names of the files, whichever folder of the archive they are in.

    Returns
    -------
    hashes : by name; empty if the archive is missing, does not have the checksum, or is broken.
    """
    try:
        state = regular_file(archive).stat()
        return dict(_member_hashes(archive, state.st_ino, state.st_ctime_ns, checksum, members))
    except (OSError, DataError, *BROKEN):
        return {}


@cache
def _member_hashes(
    archive: Path, inode: int, changed: int, checksum: str, members: tuple[str, ...]
) -> tuple[tuple[str, str], ...]:
    """Return the hashes of some members; once in a process, unless the archive, told by inode and time, has changed."""
    method, _, expected = checksum.partition(":")
    with archive.open("rb") as opened:
        if hashlib.file_digest(opened, method).hexdigest() != expected:
            raise DataError(f"{archive} does not have the checksum {checksum}.")
        found = {}
        with zipfile.ZipFile(opened) as file:
            for name, info in _members(archive, file.infolist(), members).items():
                digest = hashlib.sha256()
                with file.open(info) as source:
                    _copy(source, digest.update, info.file_size, archive)
                found[name] = digest.hexdigest()
    return tuple(found.items())


def _members(archive: Path, listed: list[zipfile.ZipInfo], members: tuple[str, ...]) -> dict[str, zipfile.ZipInfo]:
    """Return the entries of the wanted members; any suspicious entry makes this raise a DataError."""
    if len(listed) > MAX_ENTRIES:
        raise DataError(f"{archive} lists {len(listed)} entries, more than {MAX_ENTRIES}; it was not unpacked.")
    found: dict[str, zipfile.ZipInfo] = {}
    for info in listed:
        # The name as written in the file; `info.filename` ends at a NUL.
        written = info.orig_filename
        path = PurePosixPath(written.replace("\\", "/"))
        if path.is_absolute() or ".." in path.parts or re.match("[A-Za-z]:", written) or not written.isprintable():
            raise DataError(
                f"{archive} holds the path {shown(written)}, which leads outside its folder; it was not unpacked."
            )
        kind = stat.S_IFMT(info.external_attr >> 16)
        if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
            raise DataError(f"{archive} holds {shown(written)}, a link or a device; it was not unpacked.")
        if path.name in members and not info.is_dir():
            if path.name in found:
                raise DataError(f"{archive} has a duplicated {path.name}; it was not unpacked.")
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


def _copy(source: IO[bytes], take: Callable[[bytes], object], declared: int, archive: Path) -> None:
    """Copy a member, and count its bytes before they are written, because the declared size may be wrong."""
    written = 0
    while block := source.read(COPY_BYTES):
        written += len(block)
        if written > declared:
            break
        take(block)
    if written != declared:
        raise DataError(f"{archive} declares a wrong size, {declared} bytes, for a member; it was not unpacked.")
