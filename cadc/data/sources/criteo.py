"""Criteo display advertising (Kaggle layout): clicks on advertisements, of no named user or item."""

from collections.abc import Iterator
from typing import ClassVar

import numpy as np

from cadc.data.columns import read_columns
from cadc.data.raw import Chunk
from cadc.data.sources.clicks import Clicks

INTEGERS = tuple(f"I{number}" for number in range(1, 14))
CATEGORIES = tuple(f"C{number}" for number in range(1, 27))
COLUMNS = ("label", *INTEGERS, *CATEGORIES)


class Criteo(Clicks):
    """Criteo's `train.txt`, tab separated without header: label, 13 integers, 26 categories; blanks are missing.

    An integer x becomes the dense feature log(1 + max(x, 0)), and 0 where it is missing, as in DLRM's reference code
    (Naumov et al. 2019).

    Parameters
    ----------
    min_count : a category that fewer training rows hold counts as unknown.
    """

    name: ClassVar[str] = "criteo"
    url: ClassVar[str] = "https://www.kaggle.com/c/criteo-display-ad-challenge"
    files: ClassVar[tuple[str, ...]] = ("train.txt",)
    fields: ClassVar[tuple[str, ...]] = CATEGORIES
    dense: ClassVar[tuple[str, ...]] = INTEGERS

    def chunks(self) -> Iterator[Chunk]:
        """Yield the rows of the file."""
        for block in read_columns(self.folder / self.files[0], COLUMNS, header=False):
            integers = np.stack([block.numbers(name, np.int64, missing=0) for name in INTEGERS], 1)
            yield Chunk(
                label=block.labels("label"),
                context={name: block.texts(name) for name in CATEGORIES},
                dense=np.log1p(np.maximum(integers, 0)).astype(np.float32),
            )
