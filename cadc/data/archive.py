"""Archives from a publisher: downloaded with a checksum, unpacked so that no member leaves its folder."""

import json
import shutil
import zipfile
import zlib
from pathlib import Path, PurePosixPath

from cadc.cache import build_once
from cadc.errors import DataError
from cadc.identity import file_hash
from cadc.paths import cache_dir

MANIFEST = "archive.json"
MAX_UNPACKED_BYTES = 8 << 30
"""Larger archives than any of our data sets are taken for bombs."""


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

    Members are written under their last name only, so that none can leave the folder.

    Raises
    ------
    DataError : for a broken archive, one with suspicious paths or sizes, or one that lacks a member.
    """
    try:
        with zipfile.ZipFile(archive) as file:
            found = {}
            for info in file.infolist():
                path = PurePosixPath(info.filename.replace("\\", "/"))
                if path.is_absolute() or ".." in path.parts:
                    raise DataError(
                        f"{archive} holds the path {info.filename!r}, which leads outside; it was not unpacked."
                    )
                if path.name in members and not info.is_dir():
                    found[path.name] = info
            missing = [name for name in members if name not in found]
            if missing:
                raise DataError(f"{archive} lacks {', '.join(missing)}.")
            if sum(info.file_size for info in found.values()) > MAX_UNPACKED_BYTES:
                raise DataError(
                    f"{archive} would unpack to more than {MAX_UNPACKED_BYTES >> 30} GiB; it was not unpacked."
                )
            for name, info in found.items():
                with file.open(info) as source, (folder / name).open("wb") as target:
                    shutil.copyfileobj(source, target)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise DataError(f"{archive} is no sound ZIP archive ({error}).") from error
    hashes = {name: file_hash(folder / name) for name in members}
    (folder / MANIFEST).write_text(json.dumps(hashes, indent=1))


def manifest(folder: Path) -> dict[str, str]:
    """Return the hashes of the members that `unpack` wrote here; empty where it did not."""
    path = folder / MANIFEST
    return dict(json.loads(path.read_text())) if path.exists() else {}
