"""The layout of MovieLens 20M and later: CSV files with a header, ratings with half stars, users without features."""

from collections.abc import Iterator
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from cadc.data.columns import read_columns
from cadc.data.raw import EntityTable
from cadc.data.sources.movies import RATING_COLUMNS, MovieRatings, genres_of, movie_table, years_of
from cadc.data.text import whole_numbers

HEADER = {"user": "userId", "item": "movieId", "rating": "rating", "time": "timestamp"}


class MovieLensCsv(MovieRatings):
    """A MovieLens data set of two CSV files in UTF-8 (Harper & Konstan 2015).

    `ratings.csv` holds userId, movieId, rating and timestamp; `movies.csv` holds movieId, title (quoted if it has a
    comma) and genres separated by `|`.
    """

    files: ClassVar[tuple[str, ...]] = ("ratings.csv", "movies.csv")
    ratings_file: ClassVar[str] = "ratings.csv"
    movies_file: ClassVar[str] = "movies.csv"
    first_line: ClassVar[int] = 2

    def own_names(self) -> dict[str, str]:
        """Return the names of the columns of ids and times in `ratings.csv`."""
        return {column: HEADER[column] for column in ("user", "item", "time")}

    def read_ratings(self) -> Iterator[dict[str, NDArray[Any]]]:
        """Yield the ratings in blocks of rows, with the columns `RATING_COLUMNS`."""
        for block in read_columns(self.folder / self.ratings_file, list(HEADER.values())):
            yield {name: block.numbers(HEADER[name], dtype) for name, dtype in RATING_COLUMNS.items()}

    def read_movies(self) -> EntityTable:
        """Read `movies.csv` and return the item table."""
        path = self.folder / self.movies_file
        columns: dict[str, list[str]] = {"movieId": [], "title": [], "genres": []}
        for block in read_columns(path, list(columns)):
            for name, values in columns.items():
                values += block.texts(name).to_pylist()
        keys = whole_numbers(columns["movieId"], path, "item") if columns["movieId"] else np.empty(0, np.int64)
        return movie_table(keys, years_of(columns["title"]), genres_of(columns["genres"]))
