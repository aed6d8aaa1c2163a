"""Scores new rows with the model of a finished run."""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet
import torch
from numpy.typing import NDArray

from cadc.data.canonical import plain
from cadc.data.column_block import Block
from cadc.data.columns import column_names, read_columns
from cadc.data.files.formats import Quoting, format_of
from cadc.data.log import InteractionLog
from cadc.errors import DataError, shown
from cadc.ledger.store import Record
from cadc.models.model import Model
from cadc.pipeline.settings import Settings
from cadc.provenance.threads import threads
from cadc.serving.line_of_names import refuse_names
from cadc.serving.new_rows import NewRows
from cadc.terminal.progress import say


class Prediction:
    """The model of a finished run, its log, and how both read new rows.

    Scores do not depend on the rows beside them: those of the run's own test rows are, on the CPU and with the library
    builds that trained the run, those that it saved, bit for bit.

    Parameters
    ----------
    record, log, model : of the run, see `cadc.serving.load.load_run`.
    column : name of the answer; by default `probability`, of label 1, or `score` where the run ranks items, of which
        only the order means anything.
    """

    def __init__(self, record: Record, log: InteractionLog, model: Model, column: str | None = None) -> None:
        settings = Settings.of(record["config"])
        self.log, self.model, self.threads = log, model, settings.threads
        self.source = settings.source.build()
        self._names = self.source.own_names()
        if not model.reads_times:
            self._names.pop("time", None)
        self.ranks = record.get("task") == "ranking"
        self.column = column or ("score" if self.ranks else "probability")

    def of_file(
        self, path: Path, quoting: Quoting | None = None, header: bool | None = None
    ) -> tuple[list[str], Iterator[Block]]:
        """Return the columns of a file, and its rows in blocks, each with the answer as one more column.

        Only one block is in memory. The rows are read as the iterator goes on; after the last one, what the run does
        not know is said on standard error.

        Parameters
        ----------
        path : CSV or Parquet file.
        quoting : how values of a CSV file are quoted; None takes what the run's own file has.
        header : whether a CSV file begins with the names of its columns, which have numbers from 1 otherwise; None
            takes what the run's own file has, and refuses a first line that looks like names where that has none.

        Raises
        ------
        DataError : for a file that cannot be read; as `NewRows` and its methods do, also while iterating.
        """
        wanted = [*self.log.entities, *self._names.values(), *self.log.schema.dense]
        wanted += [field.name for field in self.log.schema.of("context", bag=False)]
        quoting = quoting or self.source.own_quoting()
        is_told = header is not None
        if header is None:
            header = self.source.own_header() or format_of(path).is_parquet
        found = column_names(path, wanted, quoting, header)
        rows = NewRows(self.log, found, self._names, str(path), self.model.reads_times)
        self._require_free(found, str(path))
        kept = _kept(path, found, rows.columns.values())
        blocks = read_columns(path, kept, header, quoting)
        if not header and not is_told:
            blocks = self._without_names(rows, blocks)
        return [*kept, self.column], self._answered(rows, blocks)

    def of_frame(self, table: pd.DataFrame, name: str) -> pd.DataFrame:
        """Return a data frame with the answer as one more column; see `of_file`.

        Raises
        ------
        DataError : as `of_file` does, or for a column whose values are of different types.
        """
        found = [str(column) for column in table.columns]
        rows = NewRows(self.log, found, self._names, name, self.model.reads_times)
        self._require_free(found, name)
        columns = {column: _as_arrow(table, column, name) for column in rows.columns.values()}
        parts = list(self._answered(rows, [Block(name, 0, columns)]))
        answers = parts[0].columns[self.column].to_numpy() if len(table) else np.empty(0)
        return table.assign(**{self.column: answers})

    def _without_names(self, rows: NewRows, blocks: Iterator[Block]) -> Iterator[Block]:
        """Yield blocks of a file whose lines are all rows, unless the first one looks like names of columns."""
        for number, block in enumerate(blocks):
            if number == 0:
                refuse_names(block, rows.columns, {side: self.log.entity_keys(side) for side in self.log.entities})
            yield block

    def _require_free(self, found: list[str], name: str) -> None:
        if self.column in found:
            raise DataError(f"{name} has a column {self.column!r} already; give the answer another name (--column).")

    def _answered(self, rows: NewRows, blocks: Iterable[Block]) -> Iterator[Block]:
        for block in blocks:
            answers = self._answers(rows, block)
            yield Block(block.path, block.first_row, {**block.columns, self.column: pa.array(answers)})
        rows.say_unknown()

    def _answers(self, rows: NewRows, block: Block) -> NDArray[np.float64]:
        parts = [torch.empty(0, dtype=torch.float64)]
        with torch.inference_mode(), threads(self.threads):
            for batch, n_rows in rows.batches(block):
                scores = self.model(batch).double()
                parts.append((scores if self.ranks else scores.sigmoid())[:n_rows])
        answers: NDArray[np.float64] = torch.cat(parts).numpy()
        if np.isnan(answers).any():
            row = block.first_row + int(np.isnan(answers).argmax()) + 1
            raise DataError(
                f"{block.path}, row {row}: its {self.column} is NaN; are its dense values far out of range?"
            )
        return answers


def _kept(path: Path, found: list[str], needed: Collection[str]) -> list[str]:
    """Return the columns that are read; of those not needed, nested ones and several of one name are left out."""
    nested: set[str] = set()
    if format_of(path).is_parquet:
        nested = {field.name for field in pa.parquet.read_schema(path) if pa.types.is_nested(field.type)}
    counts = Counter(found)
    left_out = [name for name in counts if name not in needed and (counts[name] > 1 or name in nested)]
    if left_out:
        said = ", ".join(shown(name, 42) for name in left_out[:20])
        say(f"{path}: the answer leaves out {said}: nested, or several of one name")
    return [name for name in found if name not in left_out]


def _as_arrow(table: pd.DataFrame, column: str, name: str) -> pa.Array:
    """Return a column of a data frame as an Arrow array; NaN is missing."""
    values = table[column]
    if isinstance(values, pd.DataFrame):
        raise DataError(f"{name} has {values.shape[1]} columns named {column!r}; give every column a name of its own.")
    try:
        array = pa.Array.from_pandas(values)
    except (pa.ArrowException, OverflowError, ValueError, TypeError) as error:
        kinds = sorted({type(value).__name__ for value in values})
        raise DataError(
            f"{name}: column {column} holds {shown(', '.join(kinds))}; expected values of one type."
        ) from error
    return plain(array.combine_chunks() if isinstance(array, pa.ChunkedArray) else array)
