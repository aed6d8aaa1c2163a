"""A generated log in a folder of Parquet files, with ids as texts, as a log of clicks comes from a store."""

from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from cadc.data.sources.synthetic import Synthetic

ROWS_OF_USER, ROWS_OF_ITEM = 20, 100
"""Training and held-out rows of a user and of an item on average; 20 is about what Criteo's log has for each id."""
CHUNKS_OF_FILE = 4
"""Chunks of 2^20 rows in a file."""


def write_log(folder: Path, n_rows: int) -> None:
    """Write files of rows with a user, an item, an hour, a dense column, a label and a time.

    Parameters
    ----------
    folder : an existing folder.
    n_rows : number of rows of all files.
    """
    source = Synthetic(
        n_rows=n_rows, n_users=max(50, n_rows // ROWS_OF_USER), n_items=max(20, n_rows // ROWS_OF_ITEM), rank=4
    )
    writer = None
    for number, chunk in enumerate(source.read().chunks):
        assert chunk.dense is not None and chunk.time is not None
        table = pa.table(
            {
                "user": _names("user-", chunk.entities["user"]),
                "item": _names("item-", chunk.entities["item"]),
                "hour": pa.array(chunk.context["hour"], pa.int8()),
                "recency": chunk.dense[:, 0],
                "label": pa.array(chunk.label, pa.int8()),
                "time": chunk.time,
            }
        )
        if number % CHUNKS_OF_FILE == 0:
            if writer is not None:
                writer.close()
            writer = pq.ParquetWriter(folder / f"part-{number // CHUNKS_OF_FILE}.parquet", table.schema)
        assert writer is not None
        writer.write_table(table)
    if writer is not None:
        writer.close()


def _names(prefix: str, numbers: object) -> pa.Array:
    return pc.binary_join_element_wise(prefix, pa.array(numbers).cast(pa.string()), "")
