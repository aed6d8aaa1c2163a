"""Avazu click-through rates (Kaggle layout): clicks on mobile advertisements, without user and item ids."""

from collections.abc import Iterator
from typing import ClassVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cadc.data.column_block import Block
from cadc.data.columns import read_columns
from cadc.data.raw import Chunk, RawLog
from cadc.data.schema import Field, Schema
from cadc.data.sources.layouts.click_files import ClickFiles
from cadc.errors import DataError

CATEGORIES = (
    *("C1", "banner_pos", "site_id", "site_domain", "site_category", "app_id", "app_domain", "app_category"),
    *("device_id", "device_ip", "device_model", "device_type", "device_conn_type"),
    *(f"C{number}" for number in range(14, 22)),
)


class Avazu(ClickFiles):
    """Avazu's `train.csv`: the click, the hour as YYMMDDHH, and 21 categorical columns; `id` is not read.

    The hour becomes the fields `hour` (0 to 23) and `weekday` (Monday is 0), and the time of the row.

    Parameters
    ----------
    min_count, path, engine : see `ClickFiles`.
    """

    name: str = "avazu"
    url: ClassVar[str] = "https://www.kaggle.com/c/avazu-ctr-prediction"
    files: ClassVar[tuple[str, ...]] = ("train.csv",)
    columns: ClassVar[tuple[str, ...]] = ("click", "hour", *CATEGORIES)
    header: ClassVar[bool] = True

    def read(self) -> RawLog:
        """Return the log, whose rows are read chunk by chunk on demand."""
        fields = tuple(Field(name, "context") for name in ("hour", "weekday", *CATEGORIES))
        return RawLog(Schema(fields), {}, self._chunks(), self.min_count, numbering=self.numbering())

    def _chunks(self) -> Iterator[Chunk]:
        for path in self.table_files().files:
            for block in read_columns(path, self.columns, file_format=self.format_of_file(path)):
                time = times_of(block)
                # The first of January 1970 was a Thursday.
                weekday = (time // 86400 + 3) % 7
                yield Chunk(
                    label=block.labels("click"),
                    context={
                        "hour": time // 3600 % 24,
                        "weekday": weekday,
                        **{name: block.texts(name) for name in CATEGORIES},
                    },
                    time=time,
                )


def times_of(block: Block) -> NDArray[np.int64]:
    """Return the times in the column `hour`, written as YYMMDDHH, as seconds since 1970, int64, shape [B].

    Raises
    ------
    DataError : if a value is not an hour written as YYMMDDHH.
    """
    hours = block.numbers("hour", np.int64)
    uniques, codes = np.unique(hours, return_inverse=True)
    texts = pd.Series(uniques).map("{:08d}".format)
    times = pd.to_datetime(texts, format="%y%m%d%H", errors="coerce")
    if times.isna().any():
        row = int(np.flatnonzero(times.isna().to_numpy()[codes])[0])
        raise DataError(
            f"{block.path}, row {block.first_row + row + 1}: column hour {hours[row]} is not an hour YYMMDDHH."
        )
    return (times.to_numpy().astype("datetime64[s]").astype(np.int64))[codes]
