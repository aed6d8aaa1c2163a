"""Random files are read and compared with what was written, row by row.

python -m tests.data.files.fuzzing 5000 1   # how many files, and the number of the first one
"""

import contextlib
import io
import re
import sys
import tempfile
from collections import Counter
from pathlib import Path
from unittest import mock

import numpy as np
import pandas as pd

from cadc.data import columns as columns_module
from cadc.data.columns import read_columns
from cadc.data.files import parquet as parquet_module
from cadc.errors import DataError
from tests.data.files.random_parquet import parquet_file
from tests.data.files.random_text import TextFile, text_file

STRICT = (
    "each looks like a row of its own",
    "is blank, which may be",
    "begins with a byte order mark",
    "where lines end in a",  # which differ within the file
    "expected the 1 that the first line names",  # a header of one column does not show the separator
)
"""Sentences by which a file is refused that Python's csv module reads: what it means is not certain."""


def compare(folder: Path, number: int) -> str:
    """Write and read the file of a number, and return how that ended.

    Raises
    ------
    AssertionError : if other rows are read than were written, and nothing is said; or if a sound file is refused.
    """
    rng = np.random.default_rng([7, number])
    block_bytes = int(rng.choice([256, 2048, 1 << 23]))
    with (
        mock.patch.object(columns_module, "BLOCK_BYTES", block_bytes),
        mock.patch.object(parquet_module, "BATCH_ROWS", int(rng.choice([5, 1 << 18]))),
        mock.patch.object(parquet_module, "BATCH_BYTES", int(rng.choice([3000, 1 << 26]))),
    ):
        return _compare_parquet(folder, rng) if rng.random() < 0.2 else _compare_text(text_file(folder, rng), rng)


def _compare_parquet(folder: Path, rng: np.random.Generator) -> str:
    path, table = parquet_file(folder, rng)
    names = _wanted(table.column_names, rng)
    blocks = list(read_columns(path, names))
    for name in names:
        found = [value for block in blocks for value in block.columns[name].to_pylist()]
        assert found == table[name].to_pylist(), f"column {name!r} of type {table[name].type}"
    assert [block.first_row for block in blocks] == np.cumsum([0, *map(_length, blocks)])[:-1].tolist()
    return "Parquet: equal"


def _compare_text(file: TextFile, rng: np.random.Generator) -> str:
    names = _wanted(file.names, rng)
    at = [file.names.index(name) for name in names]
    written = [[row[column] for column in at] for row in file.rows]
    header, by_csv = file.read_by_csv() or (None, None)
    is_sound = file.is_utf8() and header == file.names and by_csv == file.rows
    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said):
            blocks = list(read_columns(file.path, names, quoting=file.quoting))
    except DataError as error:
        sentence = str(error)
        assert not is_sound or any(part in sentence for part in STRICT), f"a sound file is refused: {sentence}"
        return f"text: refused, {_class(sentence)}" + (" (csv reads it)" if is_sound else "")
    columns = [[value for block in blocks for value in block.columns[name].to_pylist()] for name in names]
    found = [list(row) for row in zip(*columns, strict=True)]
    if found == written:
        by_pandas = _read_by_pandas(file, names)
        return "text: equal" + ("" if by_pandas in (None, found) else ", pandas differs")
    if said.getvalue():
        return f"text: said, {_class(said.getvalue())}"
    # What a spoilt file holds is what any reader finds in it, as long as no line is lost.
    assert file.is_utf8(), f"text in another encoding is read as {found[:3]}"
    assert by_csv is not None, f"a spoilt file is read as {found[:3]}"
    assert all(len(row) == len(header) for row in by_csv), "a ragged file is read"
    assert found == [[row[column] for column in at] for row in by_csv], f"{found[:3]}, not {by_csv[:3]}"
    assert len(found) == _n_lines(file), f"{len(found)} rows of {_n_lines(file)} lines"
    return "text: other than written, equal to the lines as they stand"


def _n_lines(file: TextFile) -> int:
    """Return the number of lines below the header that are not blank, by the line end of the header."""
    line_end = re.search("\r\r?\n|\n|\r|$", file.text.lstrip())[0]
    return sum(line.strip("\r\n") != "" for line in file.text.split(line_end[-1:] or "\n")) - 1


def _read_by_pandas(file: TextFile, names: list[str]) -> list[list[str]] | None:
    try:
        frame = pd.read_csv(
            io.BytesIO(file.data),
            sep=file.separator,
            dtype=str,
            keep_default_na=False,
            na_filter=False,
            quoting=0 if file.has_quotes else 3,
            index_col=False,
            encoding="utf-8-sig",
        )
        return frame[names].to_numpy().tolist()
    except (ValueError, KeyError):
        return None


def _wanted(names: list[str], rng: np.random.Generator) -> list[str]:
    return [str(name) for name in rng.permutation(names)[: rng.integers(1, len(names) + 1)]]


def _length(block) -> int:
    return len(next(iter(block.columns.values())))


def _class(sentence: str) -> str:
    """Return what a sentence says, without what differs from file to file."""
    parts = {
        "encoding": ("not text in UTF-8", "NUL byte"),
        "number of columns": ("columns in",),
        "quotes": ("a quote opens",),
        "line ends": ("lines end in a",),
        "lines that look like rows": ("looks like a row",),
        "blank line in one column": ("is blank",),
        "byte order mark within": ("byte order mark",),
        "names of columns": ("has no column", "columns named"),
        "empty": ("is empty",),
        "line breaks in quotes": ("line breaks in quotes",),
        "quotes kept": ("which are kept",),
    }
    return next((name for name, found in parts.items() if any(part in sentence for part in found)), sentence)


def main() -> int:
    """Compare many files and print how many ended in which way."""
    n_files, first = int(sys.argv[1]), int(sys.argv[2])
    counts: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as folder:
        for number in range(first, first + n_files):
            place = Path(folder) / str(number)
            place.mkdir()
            try:
                counts[compare(place, number)] += 1
            except Exception as error:  # reported with the number of the file, and counted
                counts["FAULT"] += 1
                print(f"file {number}: {type(error).__name__}: {str(error)[:600]}")
    for outcome, count in sorted(counts.items()):
        print(f"{count:6} {outcome}")
    return int(counts["FAULT"] > 0)


if __name__ == "__main__":
    sys.exit(main())
