"""Epinions: ratings of products in categories."""

from typing import ClassVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cadc.data.labels.ratings import in_float32
from cadc.data.raw import Chunk, EntityTable, RawLog
from cadc.data.schema import Field, Schema
from cadc.data.sources.published import PublishedFiles
from cadc.data.text import unreadable
from cadc.errors import DataError

VARIABLE = "rating"
COLUMNS = ("user", "item", "category", "rating", "helpfulness", "time")
MIN_RATING, MAX_RATING = 1, 5


class Epinions(PublishedFiles):
    """Epinions with time buckets (Tang et al. 2012), a MATLAB matrix with the columns `COLUMNS`.

    Of several ratings of an item by the same user, the one in the latest time bucket is kept, and of these the last in
    the file. About one item in five hundred is in several categories; it is given the most frequent one, and of
    several the one with the lowest number. There are 11 time buckets, so many rows of a user have the same time.

    Parameters
    ----------
    threshold : lowest rating, from 1 to 5, that is a positive label.
    """

    name: str = "epinions"
    url: ClassVar[str] = "https://www.cse.msu.edu/~tangjili/datasetcode/truststudy.htm"
    by_hand: ClassVar[bool] = True
    files: ClassVar[tuple[str, ...]] = ("epinions_rating_with_timestamp.mat",)
    extra_columns: ClassVar[tuple[str, ...]] = ("rating",)
    published_hashes: ClassVar[dict[str, str]] = {
        "epinions_rating_with_timestamp.mat": "a92e055b71b2e6ca70875979af79b90ef23360f4573204cade9a381ac1958509",
    }

    def __init__(self, threshold: float = 5.0) -> None:
        self.threshold = threshold

    def read(self) -> RawLog:
        """Read the whole matrix, which is small, and return the log."""
        ratings = self._ratings()
        tables, rows = {}, {}
        for side in ("user", "item"):
            keys, rows[side] = np.unique(ratings[side], return_inverse=True)
            tables[side] = EntityTable(keys)
        tables["item"].fields["category"] = most_frequent(rows["item"], ratings["category"].to_numpy()).astype(str)
        fields = (Field("user", "user"), Field("item", "item"), Field("category", "item"))
        reached = ratings["rating"].to_numpy() >= self.threshold
        chunk = Chunk(
            label=reached.astype(np.float32),
            rating=in_float32(ratings["rating"].to_numpy(), reached, self.threshold),
            entities={"user": rows["user"].astype(np.int32), "item": rows["item"].astype(np.int32)},
            time=ratings["time"].to_numpy(np.int64),
        )
        return RawLog(Schema(fields), {"user": tables["user"], "item": tables["item"]}, iter([chunk]))

    def _ratings(self) -> pd.DataFrame:
        """Return the rows to keep, in the order of the file."""
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
        except Exception as error:  # the reader raises many kinds of errors for broken files
            if isinstance(error, OSError) and error.errno:
                raise unreadable(path, error) from error
            raise DataError(f"{path} is not a sound MATLAB file ({type(error).__name__}); fetch it again.") from error
        matrix = np.asarray(found.get(VARIABLE, np.empty(0)))
        if matrix.dtype.kind not in "iuf" or matrix.ndim != 2 or matrix.shape[1] != len(COLUMNS):
            raise DataError(
                f"{path} has no matrix {VARIABLE!r} of {len(COLUMNS)} columns ({', '.join(COLUMNS)}) of numbers."
            )
        whole = matrix.astype(np.int64)
        if not (whole == matrix).all():
            row, column = np.argwhere(whole != matrix)[0]
            raise DataError(
                f"{path}, row {row + 1}: {matrix[row, column]} in column {COLUMNS[column]} is not a whole number."
            )
        return whole


def most_frequent(groups: NDArray[np.int64], values: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the most frequent value of each group, and of equally frequent ones the lowest, int64, shape [n].

    Parameters
    ----------
    groups : group of each row, 0 … n - 1, each at least once.
    values : value of each row.

    Examples
    --------
    >>> most_frequent(np.array([0, 0, 0, 1, 1]), np.array([7, 7, 3, 9, 8])).tolist()
    [7, 8]
    """
    counts = pd.Series(1, index=pd.MultiIndex.from_arrays([groups, values])).groupby(level=[0, 1]).sum().reset_index()
    counts.columns = ["group", "value", "count"]
    ordered = counts.sort_values(["group", "count", "value"], ascending=[True, False, True])
    return ordered.drop_duplicates("group")["value"].to_numpy(np.int64)
