"""Parquet files as LensKit reads them: interactions in three parts, features, and vectors."""

from pathlib import Path
from typing import ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from cadc.data.layouts.layout import Content, Layout

NAMES = {"user": "user_id", "item": "item_id", "label": "rating", "time": "timestamp"}
UNITS = {10**3: "ms", 10**6: "us", 10**9: "ns"}


class LensKitFiles(Layout):
    """Parquet files whose columns have the names that LensKit gives them (Ekstrand 2020).

    `train.parquet`, `validation.parquet` and `test.parquet` have `user_id`, `item_id`, `rating` (the label),
    `timestamp` (whole seconds, or a time of day to the tick), context fields and dense columns. `users.parquet` and
    `items.parquet` have all ids with their fields, and bags as lists. `vectors_FIELD.parquet` has the columns `value`
    and `vector`, which `initializer=table` reads, too; a missing value is *unknown*.
    """

    framework: ClassVar[str] = "LensKit"
    reserved: ClassVar[tuple[str, ...]] = tuple(NAMES.values())

    def write(self, content: Content, folder: Path) -> None:
        """Write the files, see `Layout.write`."""
        self.require_names(content)
        for part in content.rows:
            self._interactions(content, part, folder / f"{part}.parquet")
        for side in content.sides:
            features = {NAMES[side]: content.ids[side], **content.features(side)}
            pq.write_table(pa.table(features), folder / f"{side}s.parquet")
        for name, vectors in content.vectors.items():
            flat = pa.array(np.ascontiguousarray(vectors.numpy()).ravel())
            lists = pa.FixedSizeListArray.from_arrays(flat, vectors.shape[1])
            table = pa.table({"value": content.values(content.log.schema[name]), "vector": lists})
            pq.write_table(table, folder / f"vectors_{name}.parquet")

    @staticmethod
    def _interactions(content: Content, part: str, path: Path) -> None:
        writer = None
        try:
            for columns in content.columns(part):
                columns["label"] = columns["label"].cast(pa.float32())
                ticks = content.log.ticks_per_second
                if ticks > 1:
                    columns["time"] = columns["time"].cast(pa.timestamp(UNITS[ticks]))
                table = pa.table({NAMES.get(name, name): values for name, values in columns.items()})
                writer = writer or pq.ParquetWriter(path, table.schema)
                writer.write_table(table)
        finally:
            if writer:
                writer.close()
