"""Data sets of movie ratings: how users, movies and ratings become a log."""

import re
from abc import abstractmethod
from collections.abc import Iterator
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from cadc.data.raw import Chunk, EntityTable, RaggedValues, RawLog
from cadc.data.schema import Field, Schema, Side
from cadc.data.sources.entities_from_rows import EntitiesFromRows
from cadc.data.sources.published import PublishedFiles
from cadc.data.text import positions, read_numbers, read_table, whole_numbers
from cadc.errors import DataError

MOVIE_FIELDS = (
    Field("item", "item"),
    Field("year", "item"),
    Field("genre", "item"),
    Field("genres", "item", bag=True),
)
RATING_COLUMNS: dict[str, type] = {"user": np.int64, "item": np.int64, "rating": np.float32, "time": np.int64}


class MovieRatings(PublishedFiles):
    """Ratings of movies that have a year and genres.

    Parameters
    ----------
    threshold : lowest rating that is a positive label.
    """

    ratings_file: ClassVar[str]
    movies_file: ClassVar[str]
    users_file: ClassVar[str | None] = None
    """File that describes the users; None takes the users from the ratings."""
    separator: ClassVar[str] = "::"
    first_line: ClassVar[int] = 1
    """Number of the first line of the ratings file that holds a rating."""
    min_rating: ClassVar[float] = 0.5
    max_rating: ClassVar[float] = 5.0
    published_rows: ClassVar[int | None] = None
    extra_columns: ClassVar[tuple[str, ...]] = ("rating",)

    def __init__(self, threshold: float = 4.0) -> None:
        self.threshold = threshold

    def read(self) -> RawLog:
        """Read users and movies, and return the log, whose ratings are read chunk by chunk on demand."""
        users, movies = self.read_users(), self.read_movies()
        user_fields = (Field("user", "user"), *(Field(name, "user") for name in (users.fields if users else ())))
        entities: dict[Side, EntityTable] = {"user": users or EntityTable(np.empty(0, np.int64)), "item": movies}
        return RawLog(Schema((*user_fields, *MOVIE_FIELDS)), entities, self._chunks(entities))

    def read_users(self) -> EntityTable | None:
        """Read the users and their features; None takes the users from the ratings."""
        return None

    @abstractmethod
    def read_movies(self) -> EntityTable:
        """Read the movies with their years and genres."""

    def read_ratings(self) -> Iterator[dict[str, NDArray[Any]]]:
        """Yield the ratings in blocks of rows, with the columns `RATING_COLUMNS`."""
        return read_numbers(self.folder / self.ratings_file, self.separator, RATING_COLUMNS)

    def _chunks(self, entities: dict[Side, EntityTable]) -> Iterator[Chunk]:
        path = self.folder / self.ratings_file
        users, movies = entities["user"].keys, entities["item"].keys
        users_from_rows = None if self.users_file else EntitiesFromRows("user")
        n_rows = 0
        for block in self.read_ratings():
            outside = np.flatnonzero((block["rating"] < self.min_rating) | (block["rating"] > self.max_rating))
            if len(outside):
                line, rating = n_rows + outside[0] + self.first_line, block["rating"][outside[0]]
                raise DataError(
                    f"{path}, line {line}: the rating {rating:g} is not between {self.min_rating} and "
                    f"{self.max_rating}."
                )
            n_rows += len(block["rating"])
            if users_from_rows:
                user = users_from_rows.positions(block["user"])
            else:
                user = positions(block["user"], users, "user", path, self.folder / str(self.users_file))
            yield Chunk(
                label=(block["rating"] >= self.threshold).astype(np.float32),
                rating=block["rating"],
                entities={
                    "user": user,
                    "item": positions(block["item"], movies, "item", path, self.folder / self.movies_file),
                },
                time=block["time"],
            )
        if n_rows == 0:
            raise DataError(f"{path} holds no ratings; expected lines of {', '.join(RATING_COLUMNS)}.")
        if users_from_rows:
            entities["user"] = users_from_rows.table()
        if self.edition(self.fingerprint()) == "published" and n_rows != self.published_rows:
            raise DataError(f"{path} holds {n_rows} ratings; expected the {self.published_rows} that were published.")


class DatMovies(MovieRatings):
    """Ratings with a file `movies.dat`: id, title that ends in the year, and genres, separated by `::`."""

    ratings_file: ClassVar[str] = "ratings.dat"
    movies_file: ClassVar[str] = "movies.dat"
    encoding: ClassVar[str]

    def read_movies(self) -> EntityTable:
        """Read `movies.dat` and return the item table."""
        path = self.folder / self.movies_file
        keys, titles, genres = read_table(path, "::", 3, self.encoding)
        return movie_table(whole_numbers(keys, path, "item"), years_of(titles), genres_of(genres))


def years_of(titles: list[str]) -> list[str]:
    """Return the year in parentheses at the end of each title, or an empty text if there is none.

    >>> years_of(["Toy Story (1995)", "Untitled"])
    ['1995', '']
    """
    return [match[1] if (match := re.search(r"\((\d{4})\)\s*$", title)) else "" for title in titles]


def genres_of(texts: list[str]) -> list[list[str]]:
    """Return the genres of each movie, which are separated by `|`; blanks around one do not count.

    >>> genres_of(["Comedy | War", "(no genres listed)"])
    [['Comedy', 'War'], []]
    """
    parts = [[name.strip() for name in text.split("|")] for text in texts]
    return [[name for name in names if name and name != "(no genres listed)"] for names in parts]


def movie_table(keys: NDArray[np.int64], years: list[str], genres: list[list[str]]) -> EntityTable:
    """Return the item table of movies, with the fields `year` and `genre` (the first one) and the bag `genres`."""
    lengths = np.array([len(names) for names in genres], np.int64)
    return EntityTable(
        keys,
        {"year": np.array(years, object), "genre": np.array([names[0] if names else "" for names in genres], object)},
        {
            "genres": RaggedValues(
                np.array([name for names in genres for name in names], object),
                np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
            )
        },
    )
