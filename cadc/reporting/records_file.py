"""The file of the records that results keep: a line a run, packed by gzip where it would be large."""

import gzip
import json
import zlib
from collections.abc import Iterable
from pathlib import Path

from cadc.errors import CadcError
from cadc.ledger.reading import Record
from cadc.paths import regular_file
from cadc.reporting.provenance import sealed_hash

RECORDS = "records.jsonl"
PACKED = f"{RECORDS}.gz"

MOST_PLAIN = 1_000_000
"""Bytes above which the file is packed: records of streams take 30 kB each, a ninth of it packed."""

MOST_UNPACKED = 1 << 30
"""Bytes that a packed file may come to; small ones that come to more are made to fill the memory."""


def records_path(folder: Path) -> Path:
    """Return the file of records that a folder of results has, or would have.

    Where a process was killed before it removed that of earlier results, it is the one that `provenance.json` names.
    """
    plain, packed = folder / RECORDS, folder / PACKED
    return packed if packed.exists() and (not plain.exists() or sealed_hash(packed)) else plain


def folders_with_records(place: Path) -> list[Path]:
    """Return the folders of results in a folder that have records, by name."""
    return sorted({path.parent for name in (RECORDS, PACKED) for path in place.glob(f"*/{name}")})


def read_records(path: Path) -> bytes:
    """Return the lines of a file of records.

    Raises
    ------
    CadcError : if it cannot be read, is damaged, or would come to more than `MOST_UNPACKED` bytes.
    """
    try:
        content = regular_file(path).read_bytes()
        if path.name != PACKED:
            return content
        unpacking = zlib.decompressobj(zlib.MAX_WBITS | 16)
        lines = unpacking.decompress(content, MOST_UNPACKED + 1)
        if len(lines) > MOST_UNPACKED:
            raise ValueError(f"it comes to more than {MOST_UNPACKED:,} bytes")
        if not unpacking.eof or unpacking.unused_data:
            raise ValueError("it ends early or late")
    except (OSError, ValueError, zlib.error) as error:
        raise CadcError(f"{path} cannot be read ({error}); restore the file or delete it.") from error
    return lines


def records_file(records: Iterable[Record]) -> tuple[str, bytes]:
    """Return name and content of the file of records."""
    content = "".join(json.dumps(record) + "\n" for record in records).encode()
    # Without the time of packing, equal records are equal files.
    return (PACKED, gzip.compress(content, mtime=0)) if len(content) > MOST_PLAIN else (RECORDS, content)
