"""Cuts the files of runs into pieces that runs share: users, items and labels of equal test rows are packed once.

A Parquet file is cut where its columns end, so that the columns in which two runs agree are the same bytes. The pieces
in their order are the file again, byte by byte; nothing in them is interpreted when they are put together.
"""

from collections.abc import Iterator
from pathlib import Path

MAX_PIECE = 64 << 20
"""Most bytes of a piece, which is held in memory."""


def pieces(path: Path) -> Iterator[bytes]:
    """Yield the pieces of a file in their order.

    Raises
    ------
    OSError : if the file cannot be read.
    """
    with path.open("rb") as file:
        start = 0
        for end in [*_column_ends(path), path.stat().st_size]:
            while start < end:
                piece = file.read(min(MAX_PIECE, end - start))
                if not piece:
                    return  # it was cut short meanwhile, which its hash tells
                yield piece
                start += len(piece)


def _column_ends(path: Path) -> list[int]:
    """Return where the columns of a Parquet file begin and end, in order; none for other files."""
    if path.suffix != ".parquet":
        return []
    import pyarrow as pa
    from pyarrow.parquet import read_metadata

    try:
        found = read_metadata(path)
    except (pa.ArrowException, ValueError):
        return []  # a damaged file, which its hash tells
    ends: set[int] = set()
    for group in range(found.num_row_groups):
        for place in range(found.num_columns):
            column = found.row_group(group).column(place)
            starts = [column.dictionary_page_offset, column.data_page_offset]
            start = min(offset for offset in starts if offset)
            ends |= {start, start + column.total_compressed_size}
    size = path.stat().st_size
    return sorted(end for end in ends if 0 < end < size)
