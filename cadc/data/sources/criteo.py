"""Criteo display advertising (Kaggle layout): clicks on advertisements, without user and item ids."""

from collections.abc import Iterator
from functools import partial
from typing import ClassVar

import numpy as np

from cadc.data.columns import read_columns
from cadc.data.in_threads import in_threads
from cadc.data.raw import Chunk, RawLog
from cadc.data.schema import Field, Schema
from cadc.data.sources.layouts.click_files import ClickFiles
from cadc.data.transform.none import NoTransform
from cadc.data.transform.transform import DenseTransform

INTEGERS = tuple(f"I{number}" for number in range(1, 14))
CATEGORIES = tuple(f"C{number}" for number in range(1, 27))
COLUMNS = ("label", *INTEGERS, *CATEGORIES)


class Criteo(ClickFiles):
    """Criteo's `train.txt`: label, 13 integers and 26 categories, separated by tabs; empty values are missing.

    An integer x becomes the dense feature log(1 + max(x, 0)), or 0 if it is missing, as in DLRM's reference code
    (Naumov et al. 2019). With `path`, the days of Criteo's log of a terabyte, or Parquet files with these columns.

    Parameters
    ----------
    min_count, path, engine : see `ClickFiles`.
    """

    name: str = "criteo"
    url: ClassVar[str] = "https://www.kaggle.com/c/criteo-display-ad-challenge"
    files: ClassVar[tuple[str, ...]] = ("train.txt",)
    dense_transform: ClassVar[type[DenseTransform]] = NoTransform  # beside the logarithm
    columns: ClassVar[tuple[str, ...]] = COLUMNS
    header: ClassVar[bool] = False

    def read(self) -> RawLog:
        """Return the log, whose rows are read chunk by chunk on demand."""
        fields = tuple(Field(name, "context") for name in CATEGORIES)
        return RawLog(Schema(fields, INTEGERS), {}, self._chunks(), self.min_count, numbering=self.numbering())

    def _chunks(self) -> Iterator[Chunk]:
        for path in self.table_files().files:
            for block in read_columns(path, COLUMNS, header=COLUMNS, file_format=self.format_of_file(path)):
                integers = np.stack(in_threads(partial(block.numbers, dtype=np.int64, missing=0), INTEGERS), 1)
                yield Chunk(
                    label=block.labels("label"),
                    context={name: block.texts(name) for name in CATEGORIES},
                    dense=np.log1p(np.maximum(integers, 0)).astype(np.float32),
                )
