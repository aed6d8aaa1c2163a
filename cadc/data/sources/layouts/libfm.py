"""The layout of libFM: a label and then index:value for each feature."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from cadc.data.files.token_lines import TokenLines, read_token_lines
from cadc.data.labels.ratings import in_float32
from cadc.data.raw import Chunk, EntityTable, RawLog
from cadc.data.schema import ENTITY_FIELDS, Field, Schema, Side
from cadc.data.sources.entities_from_rows import EntitiesFromRows
from cadc.data.sources.layouts.part_files import PartFiles, part_column
from cadc.data.sources.table_roles import RESERVED
from cadc.errors import DataError, UsageError

PAIR = "index:value"


class LibFM(PartFiles):
    """Rows in the layout of libFM (Rendle 2012), such as the Frappe and MovieLens tag data of FM papers.

    A line holds a label and pairs index:value, separated by blanks. The place of a pair in the line is its field, so
    all lines have the same number of pairs, and the index is the value of the field; what stands behind the colon is 1,
    or a number of a dense column.

    Parameters
    ----------
    path : folder of a file for each part, such as `frappe.train.libfm`; or a file of all rows.
    name, train, validation, test : see `PartFiles`.
    fields : names of the places in a line, in order; those named `user` and `item` are users and items. Empty names
        them `field_1`, `field_2`, ….
    dense : names of places whose index is the same in all lines, and whose values are the numbers of a dense column.
    threshold : lowest label that is positive; None expects labels 1 and 0, or 1 and -1.
    min_count : a value of a context field with fewer training rows counts as unknown.

    Raises
    ------
    UsageError : if the options contradict each other.
    """

    extra_columns: ClassVar[tuple[str, ...]] = ("rating",)
    option: ClassVar[str] = "libfm"
    patterns: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "train": ("*train*.libfm",),
        "validation": ("*valid*.libfm",),
        "test": ("*test*.libfm",),
        "": ("*.libfm",),
    }

    def __init__(
        self,
        path: str | None = None,
        name: str = "libfm",
        train: str | None = None,
        validation: str | None = None,
        test: str | None = None,
        fields: Sequence[str] = (),
        dense: Sequence[str] = (),
        threshold: float | None = None,
        min_count: int = 1,
    ) -> None:
        super().__init__(path, name, train, validation, test)
        self.fields, self.dense, self.threshold, self.min_count = fields, dense, threshold, min_count
        reserved = set(RESERVED) - {*ENTITY_FIELDS}
        if wrong := next((own for own in fields if own in reserved or fields.count(own) > 1), None):
            fault = "is a name of the log itself" if wrong in reserved else "is given twice"
            raise UsageError(f"data.fields has {wrong!r}, which {fault}; give every place in a line a name of its own.")
        if strange := [own for own in dense if own in ENTITY_FIELDS or (fields and own not in fields)]:
            raise UsageError(f"data.dense names {strange[0]!r}; expected names of data.fields, not user or item.")

    def read(self) -> RawLog:
        """Look at the first line for the number of fields, and return the log, whose rows are read on demand."""
        files = self.files()
        names = self.fields or [f"field_{place + 1}" for place in range(_n_pairs(next(iter(files.values()))))]
        if strange := [own for own in self.dense if own not in names]:
            raise UsageError(f"data.dense names {strange[0]!r}; the places of a line are named {', '.join(names)}.")
        sides: dict[Side, EntitiesFromRows] = {side: EntitiesFromRows(side) for side in ENTITY_FIELDS if side in names}
        context = [own for own in names if own not in (*sides, *self.dense)]
        schema = Schema(
            (*(Field(side, side) for side in sides), *(Field(own, "context") for own in context)), tuple(self.dense)
        )
        entities: dict[Side, EntityTable] = {side: EntityTable(np.empty(0, np.int64)) for side in sides}
        return RawLog(schema, entities, self._chunks(files, names, sides, entities), self.min_count)

    def _chunks(
        self,
        files: Mapping[str, Path],
        names: Sequence[str],
        sides: Mapping[Side, EntitiesFromRows],
        entities: dict[Side, EntityTable],
    ) -> Iterator[Chunk]:
        columns = _Columns(names, self.dense, self.threshold)
        for part, path in files.items():
            n_rows = 0
            for lines in read_token_lines(path):
                if not len(lines.firsts):
                    continue
                n_rows += len(lines.firsts)
                label, rating = columns.labels(lines)
                index, dense = columns.values(lines)
                yield Chunk(
                    label=label,
                    entities={side: own.positions(index[side]) for side, own in sides.items()},
                    context={own: index[own] for own in names if own not in (*sides, *self.dense)},
                    dense=np.stack([dense[own] for own in self.dense], 1) if self.dense else None,
                    part=part_column(part, len(label)),
                    rating=rating,
                )
            if not n_rows:
                raise DataError(f"{path} holds no rows; expected lines of a label and {PAIR}.")
        for side, own in sides.items():
            entities[side] = own.table()


class _Columns:
    """Reads labels and columns of lines, and keeps what must be the same in all of them."""

    def __init__(self, names: Sequence[str], dense: Sequence[str], threshold: float | None) -> None:
        self._names, self._dense, self._threshold = names, dense, threshold
        self._negative: float | None = None
        self._index: dict[str, int] = {}

    def labels(self, lines: TokenLines) -> tuple[NDArray[np.float32], NDArray[np.float32] | None]:
        """Return the label of each line, and the rating that a threshold makes it of, float32, shape [n] each."""
        starts, ends = lines.starts[lines.firsts], lines.ends[lines.firsts]
        found = lines.numbers("a label", starts, ends)
        if self._threshold is not None:
            reached = found >= self._threshold
            lines.refuse(np.abs(found) > np.finfo(np.float32).max, starts, ends, "is beyond 32 bits; divide the labels")
            return reached.astype(np.float32), in_float32(found, reached, self._threshold)
        is_positive = found == 1
        if self._negative is None and not is_positive.all():
            self._negative = -1.0 if found[~is_positive][0] == -1 else 0.0
        fault = "is not a label; expected 1 and 0, or 1 and -1, the same in all files, or set data.threshold"
        lines.refuse(~is_positive & (found != (self._negative or 0)), starts, ends, fault)
        return is_positive.astype(np.float32), None

    def values(self, lines: TokenLines) -> tuple[dict[str, NDArray[np.int64]], dict[str, NDArray[np.float64]]]:
        """Return the index in each place of the lines, and the number behind it of dense columns, shape [n] each."""
        width = len(self._names)
        lines.refuse_lines(lines.counts != width + 1, f"expected a label and {width} of {PAIR}, as the first line has")
        starts, ends = (own.reshape(-1, width + 1)[:, 1:].ravel() for own in (lines.starts, lines.ends))
        colons = lines.only(ord(":"), starts, ends, f"is not {PAIR}")
        index = dict(zip(self._names, lines.whole_numbers(PAIR, starts, colons).reshape(-1, width).T, strict=True))
        is_one = lines.are(b"1", colons + 1, ends)
        dense: dict[str, Any] = {}
        for place, name in enumerate(self._names):
            own = slice(place, None, width)
            if name in self._dense:
                dense[name] = lines.numbers(PAIR, colons[own] + 1, ends[own])
                first = self._index.setdefault(name, int(index[name][0]))
                fault = f"has another index than {first}, which {name} has before; leave it out of data.dense"
                lines.refuse(index[name] != first, starts[own], ends[own], fault)
            elif not is_one[own].all():
                others = np.flatnonzero(~is_one[own])
                numbers = np.ones(len(is_one[own]))
                numbers[others] = lines.numbers(PAIR, (colons[own] + 1)[others], ends[own][others])
                fault = f"has another value than 1; if {name} is a column of numbers, name it in data.dense"
                lines.refuse(numbers != 1, starts[own], ends[own], fault)
        return index, dense


def _n_pairs(path: Path) -> int:
    """Return the number of pairs in the first line of a file."""
    for lines in read_token_lines(path):
        if len(lines.counts):
            lines.refuse_lines(lines.counts[:1] < 2, f"expected a label and {PAIR}")
            return int(lines.counts[0]) - 1
    raise DataError(f"{path} holds no rows; expected lines of a label and {PAIR}.")
