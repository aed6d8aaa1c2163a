"""Small files that ask for much are read in little memory or refused, in a process that has no more to give."""

import gzip
import os
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet
import pytest

from cadc.data.columns import column_names, read_columns
from cadc.data.files import parquet, separated
from cadc.errors import DataError

READ = """
import os, resource, sys
from pathlib import Path
from cadc.data.columns import read_columns
from cadc.data.files import parquet, text_stream
from cadc.errors import CadcError
text_stream.UNPACKED_BYTES = parquet.UNPACKED_BYTES = 80 << 20
for path in sys.stdin:
    # A process for each file, forked before anything has started threads: what they import takes far longer.
    child = os.fork()
    if not child:
        used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (used + (700 << 20),) * 2)
        try:
            said = sum(len(block.columns["user"]) for block in read_columns(Path(path.strip()), ["user", "label"]))
        except CadcError as error:
            said = error
        except BaseException as error:
            said = repr(error)
        print(str(said).replace(chr(10), " "), flush=True)
        os._exit(0)
    if os.waitpid(child, 0)[1]:
        print("the process was killed", flush=True)
"""

# Every thread reserves address space that it does not use, so that with more processors the same limit leaves less.
ONE_THREAD = {"OMP_NUM_THREADS": "1", "ARROW_IO_THREADS": "1", "MALLOC_ARENA_MAX": "1"}


@pytest.fixture(scope="module")
def read():
    """Call it with a path to read the file in a process that has little memory, and get what that said."""
    command = [sys.executable, "-c", READ]
    options = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True, "env": os.environ | ONE_THREAD}
    with subprocess.Popen(command, **options) as reader:

        def said(path):
            reader.stdin.write(f"{path}\n")
            reader.stdin.flush()
            return reader.stdout.readline()

        yield said
        reader.stdin.close()


def _repeated(value: object, n_rows: int) -> pa.Array:
    return pa.DictionaryArray.from_arrays(
        pa.array([0]).take(pa.array([0] * n_rows)).cast(pa.int32()), pa.array([value])
    )


def _long_value(path):
    table = pa.table({"user": _repeated("x" * 50_000, 100_000), "label": _repeated(1, 100_000)})
    pa.parquet.write_table(table, path, store_schema=False)


def _long_page(path):
    table = pa.table({"user": ["x" * 50_000] * 2000, "label": [1] * 2000})
    pa.parquet.write_table(table, path, use_dictionary=False, compression="zstd", data_page_size=1 << 30)


def _differences(path):
    table = pa.table({"user": ["x" * 50_000] * 1500, "label": [1] * 1500})
    encodings = {"user": "DELTA_BYTE_ARRAY", "label": "PLAIN"}
    pa.parquet.write_table(table, path, use_dictionary=False, column_encoding=encodings, compression="zstd")


def _packed(repeated: bytes, n_bytes: int):
    def write(path):
        with gzip.open(path, "wb", 1) as file:
            file.write(b"user,label\n1,2")
            block = repeated * ((1 << 20) // len(repeated))
            for _ in range(n_bytes >> 20):
                file.write(block)

    return write


def _long_line(path):
    with path.open("wb") as file:
        file.write(b"user,label\n1,2")
        file.truncate(14)
        for _ in range(40):
            file.write(b"3" * (1 << 20))


def _open_quote(path):
    path.write_text("user,label\n" + "1,2\n" * 500 + '"3,4\n' + "5,6\n" * (10 << 20))


@pytest.mark.parametrize(
    ("name", "write", "says"),
    [
        ("value.parquet", _long_value, "unpacks to more than 200 times its size"),
        ("page.parquet", _long_page, "column user unpacks to 9"),
        ("differences.parquet", _differences, "1500"),
        ("lines.csv.gz", _packed(b"\n", 96 << 20), "unpacks to more than 200 times its size"),
        ("line.csv.gz", _packed(b"3", 96 << 20), "line 2: a row of more than 32 MiB begins here"),
        ("line.csv", _long_line, "line 2: a row of more than 32 MiB begins here"),
        (
            "quote.csv",
            _open_quote,
            "line 502: a row of more than 32 MiB begins here; the quote that opens",
        ),
    ],
)
@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="limits the memory as Linux does")
def test_file_that_asks_for_much_ends_in_a_sentence_in_little_memory(read, tmp_path, name, write, says):
    path = tmp_path / name
    write(path)
    assert says in read(path)


def test_rows_that_a_parquet_file_only_announces_are_counted_before_they_are_read(tmp_path, monkeypatch):
    monkeypatch.setattr(parquet, "UNPACKED_BYTES", 1 << 20)
    path = tmp_path / "rows.parquet"
    n_rows = 1 << 23
    table = pa.table({"user": pa.repeat(1, n_rows)})
    pa.parquet.write_table(table, path, compression="zstd", row_group_size=n_rows, max_rows_per_page=n_rows)
    with pytest.raises(DataError, match="unpacks to more than 200 times its size"):
        next(read_columns(path, ["user"]))


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_too_many_columns_are_counted(tmp_path, suffix, monkeypatch):
    for module in (parquet, separated):
        monkeypatch.setattr(module, "MAX_COLUMNS", 1000)
    path = tmp_path / f"wide{suffix}"
    names = [f"c{number}" for number in range(1001)]
    if suffix == ".csv":
        path.write_text(",".join(names) + "\n")
    else:
        pa.parquet.write_table(pa.Table.from_arrays([pa.array([], pa.int8())] * len(names), names), path)
    with pytest.raises(DataError, match="has 1001 columns; expected at most 1000"):
        column_names(path)
