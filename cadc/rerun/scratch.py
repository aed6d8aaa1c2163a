"""Where runs are repeated: a ledger and a cache of their own, so that nothing of the user's is read back or written."""

import json
import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cadc.errors import NotWritable, UsageError, reason
from cadc.ledger.store import Ledger
from cadc.paths import cache_dir
from cadc.rerun.recorded import Recorded
from cadc.storage.asides import remove
from cadc.terminal.interrupts import interrupts_held_back

SHARED = ("downloads", "raw")
"""Stages of the cache that hold the publishers' files, which are read and not made."""

MARK = "rerun.json"
"""A file in a kept ledger that tells it from the ledgers that runs are repeated from."""


@contextmanager
def scratch(keep: Path | None, runs: Sequence[Recorded], ledger: Ledger) -> Iterator[Ledger]:
    """Repeat runs in a `with` block in a ledger of their own, with stages computed anew.

    Parameters
    ----------
    keep : folder of that ledger, which stays; None removes it at the end.
    runs : that are repeated, none of which may lie there.
    ledger : of the user, which must be another.

    Yields
    ------
    own : the ledger.

    Raises
    ------
    UsageError : if `keep` holds something else than runs that were repeated.
    NotWritable : if a folder cannot be made.
    """
    if keep is not None:
        _require_own(keep, runs, ledger)
    with _writing(tempfile.gettempdir()):
        aside = Path(tempfile.mkdtemp(prefix="cadc-rerun-"))
    before = os.environ.get("CADC_CACHE")
    try:
        if keep is not None:
            with _writing(keep):
                keep.mkdir(parents=True, exist_ok=True)
            note(keep, {"runs": [own.run_id for own in runs]})
        _share(aside / "cache")
        # Processes that train together take it over, too.
        os.environ["CADC_CACHE"] = str(aside / "cache")
        yield Ledger(keep.absolute() if keep is not None else aside / "runs")
    finally:
        with interrupts_held_back():
            if before is None:
                os.environ.pop("CADC_CACHE", None)
            else:
                os.environ["CADC_CACHE"] = before
            remove(aside)


def note(folder: Path, said: Mapping[str, Any]) -> None:
    """Write what was repeated, and how it agrees, into a kept ledger."""
    with _writing(folder):
        (folder / MARK).write_text(json.dumps(said, indent=1) + "\n")


@contextmanager
def _writing(place: Path | str) -> Iterator[None]:
    """Name the folder that a `with` block could not write to."""
    try:
        yield
    except OSError as error:
        raise NotWritable(f"{place} cannot be written ({reason(error)}); name another folder.") from error


def _require_own(keep: Path, runs: Sequence[Recorded], ledger: Ledger) -> None:
    place = keep.resolve()
    theirs = {ledger.folder.resolve(), *(own.folder.resolve().parent for own in runs if own.folder is not None)}
    if place in theirs:
        raise UsageError(f"--keep is {keep}, which holds the runs that are repeated; name another folder.")
    if not place.exists() or (place / MARK).is_file():
        return
    if not place.is_dir() or any(place.iterdir()):
        raise UsageError(f"--keep is {keep}, which is there and holds something else; name a new or an empty folder.")


def _share(cache: Path) -> None:
    """Make a cache whose files of publishers are those of the user's cache."""
    cache.mkdir()
    for stage in SHARED:
        own = cache_dir() / stage
        with _writing(own):
            own.mkdir(parents=True, exist_ok=True)
        (cache / stage).symlink_to(own)
