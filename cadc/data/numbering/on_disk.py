"""Numbering by DuckDB, which groups and joins on disk what does not fit into memory (Raasveldt and Mühleisen 2019)."""

from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import torch
from numpy.typing import NDArray

from cadc.data.numbering.numbering import Numbered, Numbering
from cadc.data.vocabulary import without_missing
from cadc.errors import DataError, MachineTrouble, UsageError

if TYPE_CHECKING:
    import duckdb

MEMORY = "1GiB"
"""What DuckDB may hold in memory before it writes to disk."""
BLOCK_ROWS = 1 << 18
MOST_VALUES = 2**31 - 1


class OnDisk(Numbering):
    """Writes the different values of each chunk to a Parquet file, and has DuckDB number them at the end.

    A chunk has a *place* for each of its different values. The number of a value is its rank among all values by their
    first place, which is the order in which `InMemory` meets them. Memory holds one chunk, what DuckDB may take
    (`MEMORY`), and at the end the different values as one Arrow array.

    Raises
    ------
    UsageError : if DuckDB is not installed.
    """

    def __init__(self, folder: Path, name: str) -> None:
        require_duckdb()
        super().__init__(folder, name)
        self._path = folder / f"{name}.values.parquet"
        self._writer: pq.ParquetWriter | None = None
        self._n_places = 0

    def add(self, values: NDArray[Any] | pa.Array) -> NDArray[np.int64]:
        """Return the place of each value, int64, shape [B]; a missing one has -1."""
        if isinstance(values, pa.Array):
            encoded = pc.dictionary_encode(pc.if_else(pc.equal(values, ""), None, values))
            codes, found = encoded.indices.fill_null(-1).to_numpy(), encoded.dictionary
        else:
            codes, uniques = pd.factorize(without_missing(values))
            found = pa.array(np.asarray(uniques))
        if found.type not in (pa.string(), pa.int64()):
            found = found.cast(pa.int64() if pa.types.is_integer(found.type) else pa.string())
        first, self._n_places = self._n_places, self._n_places + len(found)
        places = pa.array(np.arange(first, self._n_places))
        batch = pa.record_batch([places, found], names=["place", "value"])
        if self._writer is None:
            self._writer = pq.ParquetWriter(self._path, batch.schema, use_dictionary=False, compression="lz4")
        self._writer.write_batch(batch)
        return np.where(codes >= 0, codes.astype(np.int64) + first, -1)

    def finish(self) -> Numbered:
        """Number all values.

        Raises
        ------
        DataError : if there are more than 2^31 different values.
        MachineTrouble : if disk or memory do not suffice.
        """
        if self._n_places == 0:
            return Numbered(pa.array([], pa.string()), np.full(1, -1, np.int32))  # the place of a missing value
        import duckdb

        assert self._writer is not None

        self._writer.close()
        try:
            with duckdb.connect() as connection:
                return self._numbered(connection)
        except (duckdb.IOException, duckdb.OutOfMemoryException) as error:
            why = str(error).splitlines()[0]
            raise MachineTrouble(
                f"DuckDB cannot number the values of {self.name} in {self.folder} ({why}); make room on the disk of "
                "the cache, or set CADC_CACHE to another folder."
            ) from error
        finally:
            self._path.unlink()

    def _numbered(self, connection: "duckdb.DuckDBPyConnection") -> Numbered:
        settings = {
            "memory_limit": MEMORY,
            "threads": torch.get_num_threads(),
            "temp_directory": str(self.folder / f"{self.name}.spilled"),
            "preserve_insertion_order": False,
        }
        for key, value in settings.items():
            connection.execute(f"SET {key} = ?", [value])
        # A prepared statement cannot take the name of a view's file; a name in quotes cannot end them.
        quoted = str(self._path).replace("'", "''")
        connection.execute(f"CREATE VIEW places AS SELECT * FROM read_parquet('{quoted}')")
        connection.execute(
            "CREATE TABLE numbered AS SELECT value, row_number() OVER (ORDER BY place) - 1 AS number "
            "FROM (SELECT value, min(place) AS place FROM places GROUP BY value)"
        )
        numbers = np.memmap(self.folder / f"{self.name}.numbers", np.int32, "w+", shape=(self._n_places,))
        for batch in _batches(connection, "SELECT place, number FROM places JOIN numbered USING (value)"):
            numbers[batch.column(0).to_numpy()] = batch.column(1).to_numpy()
        values = [batch.column(0) for batch in _batches(connection, "SELECT value FROM numbered ORDER BY number")]
        found = pa.chunked_array(values)
        if len(found) > MOST_VALUES:
            raise DataError(f"{self.name} has {len(found):,} different values; expected at most {MOST_VALUES:,}.")
        if pa.types.is_string(found.type):
            found = found.cast(pa.large_string())  # all characters lie in one array, which may exceed 2 GiB
        return Numbered(found.combine_chunks(), numbers)


def _batches(connection: "duckdb.DuckDBPyConnection", query: str) -> Iterator[pa.RecordBatch]:
    yield from connection.sql(query).to_arrow_reader(BLOCK_ROWS)


def has_duckdb() -> bool:
    """Tell whether DuckDB is installed."""
    return find_spec("duckdb") is not None


def require_duckdb() -> None:
    """Raise a UsageError if DuckDB is not installed."""
    if not has_duckdb():
        raise UsageError(
            "data.engine=duckdb needs DuckDB, which is not installed; run `pip install 'cadc[scale]'`, or set "
            "data.engine=memory."
        )
