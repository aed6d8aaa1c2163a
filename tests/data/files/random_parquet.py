"""Random tables written as Parquet, of many types and encodings."""

from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet

TYPES: list[tuple[pa.DataType, list[object]]] = [
    *((kind, [0, 1, 2, 100]) for kind in (pa.int8(), pa.uint8(), pa.int16(), pa.int32(), pa.int64(), pa.uint64())),
    (pa.int64(), [2**53 + 1, -(2**63), 2**63 - 1]),
    (pa.float32(), [0.5, 1.0, -0.0, float("inf")]),
    (pa.float64(), [0.1, 1.0, 2.0**60]),
    (pa.bool_(), [True, False]),
    (pa.string(), ["a", "03", "", " b ", "日本", "two\nlines", "x" * 2000, "nul\0"]),
    (pa.large_string(), ["a", "", "y" * 500]),
    (pa.binary(), [b"a", b"\xff"]),
    (pa.binary(3), [b"abc", b"\0\0\0"]),
    (pa.dictionary(pa.int32(), pa.string()), ["a", "b", "c" * 900]),
    (pa.dictionary(pa.int8(), pa.int64()), [3, 4]),
    (pa.date32(), [date(2024, 1, 31)]),
    (pa.timestamp("us", "UTC"), [datetime(2024, 1, 31, 1, 2, 3)]),
    (pa.timestamp("ns"), [datetime(2024, 1, 31)]),
    (pa.decimal128(9, 2), [Decimal("1.25")]),
    (pa.null(), [None]),
]


def parquet_file(folder: Path, rng: np.random.Generator) -> tuple[Path, pa.Table]:
    """Write a random table, and return the file and the table."""
    n_rows = int(rng.choice([0, 1, 7, 300, 2000]))
    columns = {}
    for name in rng.permutation(["user", "item", "label", "ünï", "a.b", "0", ""])[: rng.integers(1, 6)]:
        kind, values = TYPES[rng.integers(len(TYPES))]
        share = rng.choice([0, 0, 0.2, 1])
        drawn = [None if rng.random() < share else values[rng.integers(len(values))] for _ in range(n_rows)]
        if pa.types.is_dictionary(kind):
            columns[str(name)] = pa.array(drawn, kind.value_type).dictionary_encode()
        else:
            columns[str(name)] = pa.array(drawn, kind)
    table = pa.table(columns)
    path = folder / f"rows{rng.choice(['.parquet', '.PARQUET', '.pq', '.Parquet'])}"
    pa.parquet.write_table(
        table,
        path,
        row_group_size=int(rng.choice([1, 100, 10_000])) if n_rows < 1000 else 700,
        compression=str(rng.choice(["none", "snappy", "gzip", "zstd", "brotli"])),
        use_dictionary=bool(rng.integers(2)),
        data_page_size=int(rng.choice([64, 1 << 20])),
        dictionary_pagesize_limit=int(rng.choice([100, 1 << 20])),
        store_schema=bool(rng.integers(2)),
        version=str(rng.choice(["1.0", "2.6"])),
    )
    return path, table
