"""Parquet files, read in batches whose memory is bounded whatever the file asks for."""

from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet

from cadc.data.archive import MAX_RATIO
from cadc.data.files.row_bags import holds_lists
from cadc.data.files.text_stream import UNPACKED_BYTES
from cadc.errors import DataError
from cadc.paths import regular_file

MAX_COLUMNS = 100_000
BATCH_ROWS = 1 << 18
"""Rows that are read at once, if their values are short."""
BATCH_BYTES = 64 << 20
"""Bytes of values that are read at once, about: a dictionary may repeat a long value any number of times."""
FEW_ROWS = 256
"""Rows that are read at once where values are stored as differences to the one before, so any of them may be long."""


class ParquetTable:
    """A Parquet file whose columns are found by name.

    Parameters
    ----------
    path : the file.

    Raises
    ------
    DataError : if it has more than `MAX_COLUMNS` columns, or names that are not text.
    OSError : if it cannot be read.
    ArrowException : if it cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._limit = max(UNPACKED_BYTES, MAX_RATIO * regular_file(path).stat().st_size)
        self._metadata = pa.parquet.read_metadata(path)
        if self._metadata.num_columns > MAX_COLUMNS:
            raise DataError(f"{path} has {self._metadata.num_columns} columns; expected at most {MAX_COLUMNS}.")
        schema = self._metadata.schema
        try:
            self._schema = schema.to_arrow_schema()
            self.names = list(self._schema.names)
            self._leaves = {schema.column(at).path: at for at in range(self._metadata.num_columns)}
        except UnicodeDecodeError as error:
            raise DataError(f"{path} has a column whose name is not text in UTF-8; write it again.") from error

    def batches(self, names: Sequence[str], lists: Collection[str] = ()) -> Iterator[pa.RecordBatch]:
        """Yield some columns, with the types of the file, in blocks of rows.

        Parameters
        ----------
        names : names of the columns.
        lists : those of them that may hold a list in each row.

        Raises
        ------
        DataError : if a column holds several values in a row or texts that are not UTF-8, or the columns unpack to far
            more than the file's size.
        """
        for name in names:
            kind = self._schema.field(name).type
            if pa.types.is_nested(kind) and not (name in lists and holds_lists(kind)):
                expected = "a text or a list of single values" if name in lists else "one value"
                raise DataError(f"{self.path}: column {name} holds {kind}; expected {expected} in each row.")
        n_rows = self._metadata.num_rows
        self._refuse_growth(n_rows * len(names))
        n_read = n_bytes = 0
        with pa.parquet.ParquetFile(self.path, metadata=self._metadata, page_checksum_verification=True) as file:
            for groups in self._row_groups():
                for batch in file.iter_batches(self._rows_at_once(groups, names), groups, list(names)):
                    n_read, n_bytes = n_read + batch.num_rows, n_bytes + batch.nbytes
                    self._refuse_growth(n_bytes)
                    for name in names:
                        self._require_text(name, batch.column(name), n_read - batch.num_rows, n_read)
                    yield batch.select(list(names))
        if n_read != n_rows:
            raise DataError(f"{self.path}: {n_read} rows were read of the {n_rows} that it announces; write it again.")

    def _require_text(self, name: str, values: pa.Array, first_row: int, n_read: int) -> None:
        """Raise a DataError for texts that are not UTF-8, which Arrow does not look at while reading."""
        values = values.flatten() if holds_lists(values.type) else values
        texts = values.dictionary if pa.types.is_dictionary(values.type) else values
        if any(is_text(texts.type) for is_text in (pa.types.is_string, pa.types.is_large_string)):
            try:
                texts.validate(full=True)
            except pa.ArrowInvalid as error:
                raise DataError(
                    f"{self.path}: column {name} is not text in UTF-8 in rows {first_row + 1} to {n_read}; "
                    "write it again as text, or as bytes."
                ) from error

    def _refuse_growth(self, n_bytes: int) -> None:
        if n_bytes > self._limit:
            raise DataError(
                f"{self.path} unpacks to more than {MAX_RATIO} times its size and {UNPACKED_BYTES >> 20} MiB; if that "
                "is meant, write it with less compression."
            )

    def _row_groups(self) -> Iterator[list[int]]:
        """Yield numbers of row groups, as many together as are read at once."""
        groups, n_rows = [], 0
        for group in range(self._metadata.num_row_groups):
            groups.append(group)
            n_rows += self._metadata.row_group(group).num_rows
            if n_rows >= BATCH_ROWS:
                yield groups
                groups, n_rows = [], 0
        if groups:
            yield groups

    def _rows_at_once(self, groups: list[int], names: Sequence[str]) -> int:
        """Return how many rows of some row groups are read at once."""
        n_rows = BATCH_ROWS
        leaves = {path: self._leaves[path] for path in map(self._leaf, names)}
        for group in groups:
            n_rows_of_group = max(1, self._metadata.row_group(group).num_rows)
            for path, leaf in leaves.items():
                column = self._metadata.row_group(group).column(leaf)
                size = column.total_uncompressed_size
                # A page is unpacked at once, and a column may be a single page.
                if size > max(UNPACKED_BYTES, MAX_RATIO * column.total_compressed_size):
                    raise DataError(
                        f"{self.path}: column {path} unpacks to {size >> 20} MiB, over {MAX_RATIO} times its size; if "
                        "that is meant, write it with less compression."
                    )
                n_rows = min(n_rows, BATCH_BYTES * n_rows_of_group // (1 + size))
                if any(encoding.startswith("DELTA") for encoding in column.encodings):
                    n_rows = min(n_rows, FEW_ROWS if column.physical_type.endswith("BYTE_ARRAY") else n_rows)
                if column.has_dictionary_page and column.physical_type == "BYTE_ARRAY":
                    values_of_row = -(-column.num_values // n_rows_of_group)
                    n_rows = min(n_rows, BATCH_BYTES // (1 + values_of_row * self._longest(group, path)))
        fixed = sum(self._metadata.schema.column(leaf).length for leaf in leaves.values())
        return max(1, min(n_rows, BATCH_BYTES // (1 + fixed)))

    def _leaf(self, name: str) -> str:
        """Return the path of a column's values, which for a list is longer than its name."""
        if name in self._leaves:
            return name
        return next(
            path
            for path, leaf in self._leaves.items()
            if path.startswith(f"{name}.") and self._metadata.schema.column(leaf).max_repetition_level
        )

    def _longest(self, group: int, path: str) -> int:
        """Return the length of the longest value in the dictionary of the values at a path, in bytes."""
        with pa.parquet.ParquetFile(self.path, metadata=self._metadata, read_dictionary=[path]) as file:
            for batch in file.iter_batches(1, [group], [path]):
                values = batch.column(0)
                values = values.flatten() if holds_lists(values.type) else values
                if pa.types.is_dictionary(values.type) and len(values.dictionary):
                    return int(pc.max(pc.binary_length(values.dictionary)).as_py() or 0)
        return 0
