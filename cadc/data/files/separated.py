"""Text files with a row in each line and a separator between columns: .csv, .tsv and .txt."""

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from cadc.data.files.first_line import OTHER_SEPARATORS, FirstLine
from cadc.data.files.formats import Format, Quoting
from cadc.data.files.records import MAX_RECORD_BYTES, RecordReader, Records
from cadc.data.files.rows_in_quotes import RowsInQuotes
from cadc.data.files.text_stream import TextStream
from cadc.data.in_threads import in_threads
from cadc.errors import DataError, shown
from cadc.terminal.progress import say

SEPARATED = "columns are separated by commas, semicolons, tabs or pipes"
HEADER_BYTES = 1 << 16
"""Bytes that are searched for the end of the header at first."""
MAX_COLUMNS = 100_000
CUT_BYTES = 2 << 20
"""Bytes that are parsed at once, about."""
QUOTED_VALUE = r'(?s)^"([^"]|"")*"$'


class SeparatedFile:
    """A text file whose columns are found by name.

    Rows that Arrow's parser gives are compared with the records that `RecordReader` counts.

    Parameters
    ----------
    path, file_format : the file and its format.
    header : whether the first line names the columns, which have numbers from 1 otherwise; or the names of the columns
        of a file without such a line.
    wanted : columns that the caller expects; they tell the separator.
    quoting : how values are quoted, see `Format.has_quotes`.
    block_bytes : bytes that are parsed at once, about.

    Raises
    ------
    DataError : if the file is empty, or is not text that can be cut into records.
    """

    def __init__(
        self,
        path: Path,
        file_format: Format,
        header: bool | Sequence[str],
        wanted: Sequence[str],
        quoting: Quoting,
        block_bytes: int,
    ) -> None:
        self.path, self._format, self._block_bytes = path, file_format, block_bytes
        self._has_header, self._is_sure = header is True, quoting != "auto"
        text = self._first_line() if isinstance(header, bool) else ""
        first = FirstLine(text, file_format, quoting, self._has_header)
        self.separator = first.separators(wanted)[0]
        self.has_quotes = first.has_quotes(self.separator)
        self.names = self._names(first) if isinstance(header, bool) else list(header)
        self._remark = first.remark(wanted)

    def _first_line(self) -> str:
        """Return the first line that is not blank."""
        text = b""
        with TextStream(self.path, self._format.compression) as stream:
            while more := stream.read(max(HEADER_BYTES, len(text))):
                text += more
                if re.search(rb"[^\r\n][\r\n]", text):
                    break
                if len(text) > MAX_RECORD_BYTES:
                    raise DataError(
                        f"{self.path}: the first line has more than {MAX_RECORD_BYTES >> 20} MiB; expected "
                        f"{self._content()}."
                    )
        line = re.split(rb"[\r\n]", text.lstrip(b"\r\n"), maxsplit=1)[0].decode()
        n_columns = 1 + max(map(line.count, OTHER_SEPARATORS))
        if n_columns > MAX_COLUMNS:
            raise DataError(f"{self.path} has {n_columns} columns; expected at most {MAX_COLUMNS}.")
        return line

    def _names(self, first: FirstLine) -> list[str]:
        for records in self._pieces(HEADER_BYTES):
            if len(records.starts):
                text = records.data[records.starts[0] : records.ends[0]].decode().rstrip("\r")
                return first.names(text, self.separator)
        raise DataError(f"{self.path} is empty; expected {self._content()}.")

    def _content(self) -> str:
        return "a line of column names, then rows" if self._has_header else "lines of values"

    def _pieces(self, block_bytes: int) -> Iterator[Records]:
        with TextStream(self.path, self._format.compression) as stream:
            yield from RecordReader(stream, self.separator.encode(), self.has_quotes, block_bytes).pieces()

    def batches(self, names: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """Yield some columns as texts, in blocks of rows.

        Parameters
        ----------
        names : names of the columns.

        Raises
        ------
        DataError : if a line has more or fewer columns than the header, or a pair of lone quotes has swallowed rows.
        """
        columns = [self.names.index(name) for name in names]
        n_records = n_rows = n_with_breaks = n_in_quotes = 0
        n_to_skip = int(self._has_header)
        rows_in_quotes = RowsInQuotes(self.separator.encode(), len(self.names))
        for records in self._pieces(self._block_bytes):
            first, n_to_skip = n_to_skip, n_to_skip if not len(records.starts) else 0
            n_records += len(records.starts)
            self._refuse_blank(records, first)
            if not self._is_sure and (lines := rows_in_quotes.find(records, first)):
                raise DataError(
                    f"{self.path}, lines {lines[0]} to {lines[1]} are one row, since a quote opens a value and another "
                    "one closes it, but each looks like a row of its own. If quotes are characters like any other, set "
                    "data.quoting=none; if this is one row, set data.quoting=double."
                )
            if len(records.starts) > first:
                batch = self._parse(records, first, columns)
                rows_with_breaks = np.unique(np.searchsorted(records.ends, records.breaks))
                n_with_breaks += int(np.count_nonzero(rows_with_breaks >= first))
                n_rows += batch.num_rows
                if not self.has_quotes and b'"' in records.data:
                    n_in_quotes += _n_in_quotes(batch)
                yield pa.RecordBatch.from_arrays(batch.columns, names=list(names))
        if not n_records:
            raise DataError(f"{self.path} is empty; expected lines of {len(self.names)} columns.")
        if self._remark:
            self._say(self._remark)
        if n_with_breaks:
            self._say(f"{n_with_breaks:,} of {n_rows:,} rows hold line breaks in quotes")
        if n_in_quotes:
            self._say(
                f"{n_in_quotes:,} values begin and end with quotes, which are kept: a table separated by tabs has no "
                "quoting unless data.quoting=double"
            )

    def _parse(self, records: Records, first: int, columns: list[int]) -> pa.RecordBatch:
        """Return some columns of the records from number `first` on; the column of position k is named str(k)."""
        names = [str(column) for column in columns]
        data, content, starts = pa.py_buffer(records.data), len(records.data), records.starts
        # In cuts that fit into a processor's cache, since each column is looked for in all bytes of a cut.
        firsts = np.unique(np.searchsorted(starts, np.arange(int(starts[first]), content, CUT_BYTES)))
        cuts = [int(start) for start in starts[firsts[firsts < len(starts)]]] + [content]

        def parsed(cut: tuple[int, int]) -> pa.Table:
            piece = data.slice(cut[0], cut[1] - cut[0])
            return pa.csv.read_csv(
                piece,
                # One cut is one block: Arrow looks for no line ends of its own.
                pa.csv.ReadOptions(
                    column_names=[*map(str, range(len(self.names)))], block_size=piece.size + 1, use_threads=False
                ),
                pa.csv.ParseOptions(
                    delimiter=self.separator,
                    quote_char='"' if records.quotes else False,
                    newlines_in_values=len(records.breaks) > 0,
                ),
                # All columns are texts: types guessed from one block may not fit others, and lose leading zeros.
                pa.csv.ConvertOptions(
                    column_types=dict.fromkeys(names, pa.string()),
                    include_columns=names,
                    strings_can_be_null=False,
                    check_utf8=False,  # TextStream does
                ),
            )

        try:
            table = pa.concat_tables(in_threads(parsed, pairwise(cuts)))
        except pa.ArrowInvalid as error:
            self._refuse_other_widths(records, first)
            raise error
        n_records = len(records.starts) - first
        if table.num_rows != n_records:
            raise DataError(
                f"{self.path}: {table.num_rows} rows were read of the {n_records} from line {records.line_of(cuts[0])} "
                f"to {records.line_of(len(records.data) - 1)}; what is special there? Quote its values (RFC 4180)."
            )
        return table.combine_chunks().to_batches()[0]

    def _refuse_blank(self, records: Records, first: int) -> None:
        """Raise a DataError for a blank line among the rows of a file of one column."""
        blank = records.blank
        if first:
            blank = blank[blank > records.starts[0]] if len(records.starts) else blank[:0]
        if len(self.names) == 1 and len(blank):
            raise DataError(
                f"{self.path}, line {records.line_of(blank[0])} is blank, which may be an empty value or no row in a "
                'file of one column; write an empty value as "" in a .csv, or remove the line.'
            )

    def _refuse_other_widths(self, records: Records, first: int) -> None:
        """Raise a DataError for the first record that has more or fewer columns than the header, if there is one."""
        separators = np.flatnonzero(np.frombuffer(records.data, np.uint8) == ord(self.separator))
        if records.quotes:
            separators = separators[~records.quotes.contain(separators)]
        starts, ends = records.starts[first:], records.ends[first:]
        widths = np.searchsorted(separators, ends) - np.searchsorted(separators, starts) + 1
        wrong = np.flatnonzero(widths != len(self.names))
        if len(wrong):
            line = records.line_of(starts[wrong[0]])
            found = records.data[starts[wrong[0]] : ends[wrong[0]]].decode().rstrip("\r")
            hint = f"; {SEPARATED}" if 1 in (len(self.names), widths[wrong[0]]) else ""
            if not self.has_quotes and '"' in found:
                hint += "; if quotes enclose values, set data.quoting=double"
            named = "the first line names" if self._has_header else "each line has"
            raise DataError(
                f"{self.path}, line {line}: found {widths[wrong[0]]} columns in {shown(found)}, expected the "
                f"{len(self.names)} that {named}{hint}."
            )

    def _say(self, remark: str) -> None:
        say(f"{self.path}: {remark}")


def _n_in_quotes(batch: pa.RecordBatch) -> int:
    """Return how many values are written as quoting writes them."""
    n_found = 0
    for column in batch.columns:
        begins = column.filter(pc.starts_with(column, '"'))
        if len(begins):
            n_found += pc.sum(pc.match_substring_regex(begins, QUOTED_VALUE)).as_py()
    return n_found
