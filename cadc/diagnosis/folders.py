"""Whether the folders of runs, cache and raw data can be reached, and hold what the run asks for."""

import os
import re
import secrets
import time
from collections.abc import Iterator
from pathlib import Path

from cadc.configuration.components import Component
from cadc.data.files.stores import is_in_store
from cadc.data.sources.published import PublishedFiles
from cadc.data.sources.source import Source
from cadc.diagnosis.finding import Finding
from cadc.errors import CadcError, Lost, one_line, reason
from cadc.paths import cache_dir, data_dir, runs_dir, user_path
from cadc.storage.lease import claim
from cadc.storage.under_lease import clear, put_file, put_folder

PROBE = ".doctor-"
"""Beginning of the name of a folder in which writing is tried; it is removed again."""
SLOW_S = 1.0
"""Seconds from which on a claim, a file and a folder take long."""
MOUNTS = Path("/proc/mounts")


def check_folders(source: Component[Source]) -> Iterator[Finding]:
    """Yield whether runs and the cache can be written, and raw data read.

    Parameters
    ----------
    source : of the run that was asked for.
    """
    yield check_writing("runs", runs_dir(), "CADC_RUNS")
    yield check_writing("cache", cache_dir(), "CADC_CACHE")
    yield check_data(source)


def check_writing(topic: str, folder: Path, variable: str) -> Finding:
    """Return whether a folder can hold what runs write: it takes a lease, a file and a folder, as each of them does.

    Parameters
    ----------
    topic : of the finding.
    folder : may not exist yet; then the closest folder above it is tried, and nothing is made.
    variable : of the environment, that names the folder.
    """
    place = existing(folder)
    remedy = f"set {variable} to a folder that can be written"
    if not place.is_dir():
        return Finding(topic, "wrong", f"{place} is not a folder", remedy)
    started = time.perf_counter()
    try:
        _try_writing(place / f"{PROBE}{secrets.token_hex(8)}")
    except OSError as error:
        return Finding(topic, "wrong", f"{place} cannot be written: {reason(error)}", f"make it writable, or {remedy}")
    except (CadcError, Lost) as error:
        return Finding(topic, "wrong", one_line(str(error)), remedy)
    seconds = time.perf_counter() - started
    kind = file_system(place)
    text = f"{folder}{'' if place == folder else ' (to be made)'} can be written{f' ({kind})' if kind else ''}"
    if seconds > SLOW_S:
        return Finding(
            topic, "note", f"{text}, but a small file takes {seconds:.1f} s", f"set {variable} to a faster disk"
        )
    return Finding(topic, "ok", text)


def _try_writing(probe: Path) -> None:
    """Do in a folder of its own what runs rely on: claim it, write a file, replace it, write a folder, read it."""
    lease = claim(probe)
    assert lease is not None, "its name is a new one"
    try:
        for text in ("one", "two"):
            put_file(lease, probe / "file", text)
        put_folder(lease, probe / "folder", _fill)
        found = (probe / "file").read_text(), (probe / "folder" / "file").read_text()
        if found != ("two", "one"):
            raise OSError(None, f"a file holds {found[0]!r} after 'two' was written", str(probe))
    finally:
        clear(lease)


def _fill(folder: Path) -> None:
    (folder / "file").write_text("one")


def existing(folder: Path) -> Path:
    """Return a path if it exists, else the closest one above it that does."""
    return next((place for place in (folder, *folder.parents) if os.path.lexists(place)), folder)


def file_system(folder: Path) -> str:
    """Return the kind of the file system that a folder lies on, such as `ext4` or `nfs4`; empty if it is not known."""
    try:
        lines = MOUNTS.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ""
    where = folder.resolve()
    found = (-1, "")
    for line in lines:
        _, mounted, kind, *_ = [*line.split(), "", "", ""]
        # Blanks in names are written as octal numbers.
        mounted = re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), mounted)
        if where.is_relative_to(mounted) and len(mounted) >= found[0]:
            found = (len(mounted), kind)
    return found[1]


def check_data(source: Component[Source]) -> Finding:
    """Return whether the raw files of a run can be read; nothing is fetched."""
    try:
        folder = data_dir()
        made = source.build()
    except CadcError as error:
        return Finding("data", "wrong", one_line(str(error)))
    given = f"; CADC_DATA_DIR is {folder}" if folder else ""
    if isinstance(made, PublishedFiles):
        return _of_publisher(made, given)
    path = source.options.get("path")
    if isinstance(path, str) and not is_in_store(path):
        return _readable("data", [user_path(path)], f"{path} can be read", "correct data.path")
    where = path if isinstance(path, str) else made.place()
    return Finding("data", "ok", f"{made.name}: {where}{given}")


def _of_publisher(source: PublishedFiles, given: str) -> Finding:
    place = Path(source.place())
    if place.is_dir():
        return _readable(
            "data",
            [place / name for name in source.files],
            f"the files of {source.name} can be read in {place}",
            "make them readable, or remove the folder to have them fetched again",
        )
    if source.by_hand:
        return Finding(
            "data",
            "wrong",
            f"the files of {source.name} are missing, and only a person can fetch them{given}",
            f"put {', '.join(source.files)} from {source.url} into a folder {source.name} below CADC_DATA_DIR",
        )
    return Finding("data", "ok", f"{source.name} will be fetched from {source.url} when it is first used{given}")


def _readable(topic: str, paths: list[Path], text: str, advice: str) -> Finding:
    """Return whether files and folders can be read; of the first that cannot, why."""
    for path in paths:
        try:
            if path.is_dir():
                next(path.iterdir(), None)
            else:
                with path.open("rb") as file:
                    file.read(1)
        except OSError as error:
            return Finding(topic, "wrong", f"{path} cannot be read: {reason(error)}", advice)
    return Finding(topic, "ok", text)
