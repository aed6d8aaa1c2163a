"""Epinions: ratings of products in categories, by users who trust each other."""

from typing import ClassVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cadc.data.raw import Chunk, EntityTable, RawLog
from cadc.data.schema import Field, Schema
from cadc.data.sources.published import PublishedFiles
from cadc.data.text import unreadable
from cadc.errors import DataError

VARIABLE = "rating"
COLUMNS = ("user", "item", "category", "rating", "helpfulness", "time")
MIN_RATING, MAX_RATING = 1, 5


class Epinions(PublishedFiles):
    """Epinions with time buckets (Tang et al. 2012), a MATLAB matrix of `COLUMNS`.

    A pair of user and item that repeats is kept once: the row of the latest time bucket, and of these the last in the
    file. About one item in five hundred stands in several categories; its category is that of most of its rows, the
    lowest number of those that tie. Times are 11 buckets, so that many rows of a user tie.

    Parameters
    ----------
    threshold : a rating from here on is a positive label.
    """

    name: str = "epinions"
    url: ClassVar[str] = "https://www.cse.msu.edu/~tangjili/datasetcode/truststudy.htm"
    by_hand: ClassVar[bool] = True
    files: ClassVar[tuple[str, ...]] = ("epinions_rating_with_timestamp.mat",)
    published_hashes: ClassVar[dict[str, str]] = {
        "epinions_rating_with_timestamp.mat": "a92e055b71b2e6ca70875979af79b90ef23360f4573204cade9a381ac1958509",
    }

    def __init__(self, threshold: float = 5.0) -> None:
        self.threshold = threshold

    def read(self) -> RawLog:
        """Read the matrix; it is small."""
        ratings = self._ratings()
        tables, rows = {}, {}
        for side in ("user", "item"):
            keys, rows[side] = np.unique(ratings[side], return_inverse=True)
            tables[side] = EntityTable(keys)
        tables["item"].fields["category"] = most_frequent(rows["item"], ratings["category"].to_numpy()).astype(str)
        fields = (Field("user", "user"), Field("item", "item"), Field("category", "item"))
        chunk = Chunk(
            label=(ratings["rating"].to_numpy() >= self.threshold).astype(np.float32),
            entities={"user": rows["user"].astype(np.int32), "item": rows["item"].astype(np.int32)},
            time=ratings["time"].to_numpy(np.int64),
        )
        return RawLog(Schema(fields), {"user": tables["user"], "item": tables["item"]}, iter([chunk]))

    def _ratings(self) -> pd.DataFrame:
        """Return the rows that are kept, in the order of the file."""
        ratings = pd.DataFrame(self._matrix(), columns=list(COLUMNS))
        wrong = np.flatnonzero((ratings["rating"] < MIN_RATING) | (ratings["rating"] > MAX_RATING))
        if len(wrong):
            raise DataError(
                f"{self.folder / self.files[0]}, row {wrong[0] + 1}: the rating {ratings['rating'][wrong[0]]} is not "
                f"between {MIN_RATING} and {MAX_RATING}."
            )
        latest = ratings.sort_values("time", kind="stable").drop_duplicates(["user", "item"], keep="last")
        return latest.sort_index()

    def _matrix(self) -> NDArray[np.int64]:
        from scipy.io import loadmat

        path = self.folder / self.files[0]
        try:
            found = loadmat(path, variable_names=[VARIABLE])
        except Exception as error:  # the reader stumbles over broken files in many ways
            if isinstance(error, OSError) and error.errno:
                raise unreadable(path, error) from error
            raise DataError(f"{path} is no sound MATLAB file ({type(error).__name__}).") from error
        matrix = np.asarray(found.get(VARIABLE, np.empty(0)))
        if matrix.dtype.kind not in "iuf" or matrix.ndim != 2 or matrix.shape[1] != len(COLUMNS):
            raise DataError(
                f"{path} has no matrix {VARIABLE!r} of {len(COLUMNS)} columns ({', '.join(COLUMNS)}) of numbers."
            )
        whole = matrix.astype(np.int64)
        if not (whole == matrix).all():
            row, column = np.argwhere(whole != matrix)[0]
            raise DataError(
                f"{path}, row {row + 1}: {matrix[row, column]} in column {COLUMNS[column]} is no whole number."
            )
        return whole


def most_frequent(groups: NDArray[np.int64], values: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the most frequent value of each group 0 … n - 1, the lowest of those that tie."""
    counts = pd.Series(1, index=pd.MultiIndex.from_arrays([groups, values])).groupby(level=[0, 1]).sum().reset_index()
    counts.columns = ["group", "value", "count"]
    ordered = counts.sort_values(["group", "count", "value"], ascending=[True, False, True])
    return ordered.drop_duplicates("group")["value"].to_numpy(np.int64)
