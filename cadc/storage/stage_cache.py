"""The cache of stages: folders named after a hash of everything that their content depends on."""

import os
from collections.abc import Callable
from contextvars import ContextVar
from pathlib import Path

from cadc.errors import Lost, NotWritable, is_lack, reason
from cadc.paths import cache_dir
from cadc.storage.atomic_files import is_about
from cadc.storage.cache_entries import BUILDING, MAKING, data_name
from cadc.storage.lease import Lease, holder, wait_for
from cadc.storage.manifest import fault, write_manifest
from cadc.storage.under_lease import clear, put_folder
from cadc.terminal.progress import say
from cadc.terminal.work import follower
from cadc.terminal.work import stage as announced

_prepared: ContextVar[Path | None] = ContextVar("prepared", default=None)
"""The prepared log that this thread opened last."""


def cached_folder(stage: str, key: str, build: Callable[[Path], None]) -> Path:
    """Return the folder of a stage's result; if it is missing or damaged, have `build` fill it first.

    Every file is compared with the SHA-256 that it was written with, once in a process; what is damaged is made again,
    and standard error says so. Of several processes that ask for it, one builds it and the others wait.

    Parameters
    ----------
    stage : one of `cadc.storage.cache_entries.STAGES`.
    key : hash of everything that the content depends on, or the name of a data set.
    build : writes the content into the empty folder that it is given.

    Raises
    ------
    NotWritable : if the cache folder is full, read-only or no folder.
    """
    folder, entry = cache_dir() / stage / key, f"{stage}/{key}"
    if stage == "prepared":
        _prepared.set(folder)
    if not fault(folder, entry):
        return folder
    try:
        with announced(MAKING[stage]):
            _build_once(folder, entry, build)
    except OSError as error:
        is_no_folder = isinstance(error, NotADirectoryError | FileExistsError)
        if not ((is_lack(error) or is_no_folder) and is_about(error, cache_dir())):
            raise
        remedy = "" if is_no_folder else "make room or make it writable, or "
        raise NotWritable(
            f"{stage} data cannot be written to the cache {cache_dir()} ({reason(error)}); {remedy}set CADC_CACHE to "
            "another folder."
        ) from error
    return folder


def _build_with_manifest(folder: Path, entry: str, build: Callable[[Path], None]) -> None:
    build(folder)
    # Outside of a run, as in a notebook, what is made now may be of another log than the one that was opened last.
    log = _prepared.get() if follower() is not None else None
    write_manifest(folder, entry, data_name(log) if log is not None else "")


def _build_once(folder: Path, entry: str, build: Callable[[Path], None]) -> None:
    """Have `build` fill `folder` unless another process has done so; wait for a process that is doing it."""
    is_lost = True
    while is_lost:
        is_lost = False
        with _claim(folder.parent / f"{BUILDING}{folder.name}") as lease:
            try:
                if found := fault(folder, entry):
                    is_there = os.path.lexists(folder)
                    if is_there:
                        say(f"{folder} is damaged ({found}) and is made again")
                    put_folder(lease, folder, lambda aside: _build_with_manifest(aside, entry, build), is_there)
            except Lost:
                if lease.is_held():
                    raise  # what this is built for was lost, not this
                is_lost = True  # the process that took over has built it, or is doing so
            finally:
                # A process that waits then makes the workplace anew and checks the folder.
                clear(lease)


def _claim(workplace: Path) -> Lease:
    """Claim a workplace; after two seconds of waiting, tell the user which process it waits for."""
    what = f"{workplace.parent.name} {workplace.name.removeprefix(BUILDING)}"
    lease = wait_for(workplace, 2.0, what)
    if lease is None:
        other = holder(workplace) or {}
        say(f"waiting for process {other.get('process')} on {other.get('host')}, which makes {what}")
        lease = wait_for(workplace, what=what)
    return lease
