"""How large the log of a run is, as far as that is known before it is read."""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cadc.configuration.checks import BESIDE_SOURCE
from cadc.configuration.nested import part
from cadc.data.split.split import SPLITS
from cadc.errors import CadcError
from cadc.ledger.store import Ledger, Record
from cadc.paths import cache_dir, results_dir
from cadc.pipeline.settings import Settings
from cadc.provenance.fingerprint import describe
from cadc.reporting.lookup import committed_records
from cadc.reporting.records_file import folders_with_records
from cadc.storage.cache_entries import META

N_FIELDS = 7
"""Fields of a log of which only the numbers of rows, users and items are known."""
HELD_OUT = 0.1
"""Share of the rows in each of validation and test, where it is not known."""
BYTES_A_ROW = 36
"""Bytes of the columns of a row of a prepared log, where they are not known: four ids, label, time, three numbers."""


@dataclass(frozen=True)
class Size:
    """Sizes of a log.

    Parameters
    ----------
    rows : of each part of the split.
    n_values : rows of all tables together, those of users and items included.
    n_fields : vectors that are looked up for a row.
    bytes_a_row : of the prepared columns.
    source : where the sizes are from.
    is_prepared : whether the prepared log is in the cache.
    """

    rows: dict[str, int]
    n_values: int
    n_fields: int
    bytes_a_row: float
    source: str
    is_prepared: bool = False

    @property
    def n_rows(self) -> int:
        """Rows of all parts."""
        return sum(self.rows.values())


def size_of_log(settings: Settings, ledger: Ledger) -> Size | None:
    """Return the sizes of the log of a run: those of the cached log, of its generator, or of records; None if unknown.

    Parameters
    ----------
    settings : of the run.
    ledger : whose records count, beside those of results.
    """
    return _prepared(settings) or _generated(settings) or _recorded(settings, ledger)


def _prepared(settings: Settings) -> Size | None:
    """Return the sizes of the prepared log in the cache that has the same source and options, the latest if several."""
    wanted = json.loads(json.dumps(describe(settings.source)))
    found: tuple[float, Size] | None = None
    for path in (cache_dir() / "prepared").glob(f"*/{META}"):
        try:
            meta = json.loads(path.read_text(encoding="utf-8"))
            made_at = path.stat().st_mtime
            if meta["options"] != wanted or (found is not None and found[0] >= made_at):
                continue
            fields = meta["schema"]["fields"]
            size = Size(
                {name: int(meta["rows"][name]) for name in SPLITS},
                sum(int(field["vocabulary_size"]) for field in fields),
                len(fields),
                _bytes_of_columns(path.parent) / sum(meta["rows"].values()),
                "the prepared log in the cache",
                True,
            )
        except (OSError, ValueError, KeyError, TypeError, AttributeError, ZeroDivisionError):
            continue  # it is damaged, which the run finds out, or another process removes it
        found = made_at, size
    return None if found is None else found[1]


def _bytes_of_columns(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.glob("*.npy"))


def _generated(settings: Settings) -> Size | None:
    """Return the sizes that a generator is asked for."""
    options = settings.source.options
    n_rows, n_users, n_items = (options.get(name) for name in ("n_rows", "n_users", "n_items"))
    if not (isinstance(n_rows, int) and isinstance(n_users, int) and isinstance(n_items, int)):
        return None
    return Size(_split(n_rows), n_users + n_items, N_FIELDS, BYTES_A_ROW, "the options of the generator, at most")


def _split(n_rows: int) -> dict[str, int]:
    held_out = int(n_rows * HELD_OUT)
    return dict(zip(SPLITS, (n_rows - 2 * held_out, held_out, held_out), strict=True))


def _recorded(settings: Settings, ledger: Ledger) -> Size | None:
    """Return the sizes that records of runs on the same data set, with the same options, tell."""
    wanted, found = settings.config["data"], Counter[tuple[tuple[int, ...], int]]()
    for record in _records(ledger):
        config = part(record, "config")
        own, embedding = part(config, "data"), part(config, "embedding")
        # Older records lack the options that came later.
        if not own or any(value != wanted.get(key) for key, value in own.items() if key not in BESIDE_SOURCE):
            continue
        rows, n_bytes = part(part(record, "data"), "rows"), part(record, "bytes").get("embedding")
        if set(SPLITS) <= set(rows) and "Full" in str(embedding.get("_target_")) and n_bytes and embedding.get("dim"):
            found[tuple(int(rows[split]) for split in SPLITS), int(n_bytes) // (4 * int(embedding["dim"]))] += 1
    if not found:
        return None
    # Some models have further tables; most have one row for each value.
    (sizes, n_values), _ = found.most_common(1)[0]
    rows = dict(zip(SPLITS, sizes, strict=True))
    return Size(rows, n_values, N_FIELDS, BYTES_A_ROW, "records of runs on the same data")


def _records(ledger: Ledger) -> Iterator[Record | dict[str, Any]]:
    """Yield the records of results, then those of the ledger; damaged ones tell nothing."""
    for folder in folders_with_records(results_dir()):
        try:
            yield from committed_records(folder)
        except CadcError:
            continue
    try:
        statuses = ledger.statuses()
    except (CadcError, OSError):
        return  # the ledger is out of reach, which another finding says
    for run_id, status in statuses.items():
        if status == "finished":
            try:
                yield ledger.record(run_id)
            except CadcError:
                continue
