"""Random tables written as text: by several writers, in many formats and encodings, and sometimes spoilt."""

import bz2
import csv
import gzip
import io
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv

TEXTS = [
    "a",
    "Ünï",
    "03",
    "3",
    "3.0",
    "-1e5",
    "NA",
    "null",
    "None",
    "nan",
    "#x",
    "",
    " ",
    "  b ",
    "日本",
    "\\",
    "\\N",
    "=1",
]
SEPARATED = ["a,b", "a;b", "a\tb", "a|b", "1,2,3"]
BROKEN = ["two\nlines", "three\r\nlines\nhere", "\n", "a\rb", "1,2\n3,4", 'x\n"y"\n']
QUOTED = ['"', '"Weird', 'Odd"', '5" nail', 'say "hi" now', '""', '"whole"', '"a""b"', '","', '",\n', '"\n"', "x'y"]
NAMES = ["user", "item", "label", "ünï", "with blank", "x.y", "0", "index", "User"]
ENCODINGS = [*["utf-8"] * 12, *["utf-8-sig"] * 2, "utf-16", "utf-16-le", "utf-16-be", "utf-32", "latin-1", "shift_jis"]
SUFFIXES = [".csv", ".CSV", ".tsv", ".TSV", ".txt", ".csv.gz", ".CSV.GZ", ".tsv.gz", ".csv.bz2", ".Csv.Zst"]
COMPRESS: dict[str, Callable[[bytes], bytes]] = {
    ".gz": gzip.compress,
    ".bz2": bz2.compress,
    ".zst": lambda data: pa.Codec("zstd").compress(data).to_pybytes(),
}


@dataclass
class TextFile:
    """A text file of a random table.

    Parameters
    ----------
    path : the file.
    names : names of its columns.
    rows : the texts of each row, as the writer was given them.
    text : what the file holds, before it was encoded and compressed.
    data : the same, encoded.
    separator : separator of two columns.
    quoting : value of `data.quoting` by which it is to be read.
    has_quotes : whether quotes enclose values, read so.
    """

    path: Path
    names: list[str]
    rows: list[list[str]]
    text: str
    data: bytes
    separator: str
    quoting: str
    has_quotes: bool

    def is_utf8(self) -> bool:
        """Tell whether the bytes are the text in UTF-8, without NUL."""
        try:
            return self.data.decode("utf-8-sig") == self.text and "\0" not in self.text
        except UnicodeDecodeError:
            return False

    def read_by_csv(self) -> tuple[list[str], list[list[str]]] | None:
        """Return header and rows as the strict csv module reads them, without blank lines; None for faulty files."""
        if not self.has_quotes:
            lines = re.split("\r\r\n|\r\n|\n|\r", self.text)
            rows = [line.split(self.separator) for line in lines if line]
            return (rows[0], rows[1:]) if rows else None
        try:
            rows = [
                row
                for row in csv.reader(io.StringIO(self.text, newline=""), delimiter=self.separator, strict=True)
                if row
            ]
            return (rows[0], rows[1:]) if rows else None
        except csv.Error:
            return None


def text_file(folder: Path, rng: np.random.Generator) -> TextFile:
    """Write a random table."""
    suffix = str(rng.choice(SUFFIXES))
    is_tabbed = suffix.lower().startswith((".tsv", ".txt"))
    separator = "\t" if is_tabbed and rng.random() < 0.8 else str(rng.choice([",", ";", "\t", "|"]))
    line_end = str(rng.choice(["\n", "\n", "\n", "\r\n", "\r\n", "\r", "\r\r\n"]))
    names = [str(name) for name in rng.permutation(NAMES)[: rng.integers(1, 7)]]
    if len(names) == 1:  # the header does not show another separator than the usual one
        separator = "\t" if is_tabbed else ","
    quoting = str(rng.choice(["auto", "auto", "auto", "none", "double"]))
    has_quotes = quoting == "double" or (quoting == "auto" and not (is_tabbed and separator == "\t"))
    rows = _rows(rng, len(names))
    write = WRITERS[rng.integers(len(WRITERS))] if has_quotes or rng.random() < 0.3 else _by_join
    text = write(names, rows, separator, line_end, rng)
    if rng.random() < 0.4:
        text = SPOILERS[rng.integers(len(SPOILERS))](text, separator, rng)
    if quoting == "auto" and all(
        re.fullmatch('".+"', name) for name in re.split("[\r\n]", text.lstrip())[0].split("\t")
    ):
        has_quotes = True
    data = _encoded(text, str(rng.choice(ENCODINGS)))
    packed = next((pack(data) for end, pack in COMPRESS.items() if suffix.lower().endswith(end)), data)
    path = folder / f"rows{suffix}"
    path.write_bytes(packed)
    return TextFile(path, names, rows, text, data, separator, quoting, has_quotes)


def _encoded(text: str, encoding: str) -> bytes:
    try:
        return text.encode(encoding)
    except UnicodeEncodeError:
        return text.encode()


def _rows(rng: np.random.Generator, n_columns: int) -> list[list[str]]:
    n_rows = int(rng.choice([0, 1, 2, 5, 30, 300]))
    kinds = rng.choice(["int", "float", "text", "separated", "broken", "quoted", "long"], n_columns, p=SHARES)
    columns = [[_value(str(kind), rng) for _ in range(n_rows)] for kind in kinds]
    for column in columns:
        share = rng.choice([0, 0, 0, 0.3, 1])
        column[:] = ["" if rng.random() < share else value for value in column]
    return [list(row) for row in zip(*columns, strict=True)]


SHARES = [0.3, 0.1, 0.25, 0.1, 0.1, 0.1, 0.05]


def _value(kind: str, rng: np.random.Generator) -> str:
    if kind == "int":
        return str(rng.integers(0, 50))
    if kind == "float":
        return repr(round(float(rng.normal()), 3))
    if kind == "long":
        return "x" * int(rng.integers(0, 3000))
    return str(rng.choice(TEXTS + {"text": [], "separated": SEPARATED, "broken": BROKEN, "quoted": QUOTED}[kind] * 2))


def _by_csv(names, rows, separator, line_end, rng):
    file = io.StringIO(newline="")
    style = [csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC][rng.integers(3)]
    csv.writer(file, delimiter=separator, lineterminator=line_end, quoting=style).writerows([names, *rows])
    return file.getvalue()


def _by_pandas(names, rows, separator, line_end, rng):
    frame = pd.DataFrame(rows, columns=range(len(names)), dtype=object)
    return frame.to_csv(sep=separator, index=False, header=names, lineterminator=line_end)


def _by_pyarrow(names, rows, separator, line_end, rng):
    columns = [pa.array([row[at] for row in rows], pa.string()) for at in range(len(names))]
    sink = pa.BufferOutputStream()
    pa.csv.write_csv(pa.Table.from_arrays(columns, names), sink, pa.csv.WriteOptions(delimiter=separator))
    return sink.getvalue().to_pybytes().decode()


def _by_join(names, rows, separator, line_end, rng):
    """Write without quoting, as Spark, MySQL and Hive do."""
    return "".join(separator.join(row) + line_end for row in [names, *rows])


WRITERS = [_by_csv, _by_pandas, _by_pyarrow, _by_join]


def _at_a_line(change):
    """Return a spoiler that changes one line, which is not the header."""

    def spoil(text, separator, rng):
        lines = text.splitlines(keepends=True)
        at = int(rng.integers(1, max(2, len(lines))))
        return "".join([*lines[:at], *(change(line, separator, rng) for line in lines[at : at + 1]), *lines[at + 1 :]])

    return spoil


def _insert(what):
    def change(line, separator, rng):
        at = int(rng.integers(len(line.rstrip("\r\n")) + 1))
        return line[:at] + what.replace("SEP", separator) + line[at:]

    return change


def _two_lone_quotes(text, separator, rng):
    lone = _at_a_line(
        lambda line, separator, rng: re.sub(
            rf"(^|{re.escape(separator)})(?=[^{re.escape(separator)}]*$)", r'\1"', line, count=1
        )
    )
    closing = _at_a_line(lambda line, separator, rng: re.sub(r"(?=[\r\n]*$)", '"', line, count=1))
    return closing(lone(text, separator, rng), separator, rng)


SPOILERS = [
    lambda text, separator, rng: text.rstrip("\r\n"),
    lambda text, separator, rng: text + "\n",
    lambda text, separator, rng: "\n" + text,
    lambda text, separator, rng: re.sub(r"(?<!\r)\n", lambda match: "\r\n" if rng.random() < 0.5 else "\n", text),
    lambda text, separator, rng: re.sub(r"\r?\n", lambda match: separator + match[0], text),
    lambda text, separator, rng: text[: int(rng.integers(len(text)))],
    lambda text, separator, rng: re.sub(r"(?<=\n)(?=[^\n]+\n)", lambda match: f"x{separator}", text),
    _two_lone_quotes,
    _at_a_line(_insert('"')),
    _at_a_line(_insert("SEP")),
    _at_a_line(_insert("\n")),
    _at_a_line(_insert("\r")),
    _at_a_line(_insert("\0")),
    _at_a_line(_insert("\ufeff")),
    _at_a_line(lambda line, separator, rng: "\ufeff" + line),
    _at_a_line(lambda line, separator, rng: line.replace(separator, "", 1)),
    _at_a_line(lambda line, separator, rng: "\n" + line),
    _at_a_line(lambda line, separator, rng: "   \n" + line),
    _at_a_line(lambda line, separator, rng: "# a remark\n" + line),
    _at_a_line(lambda line, separator, rng: ""),
]
