"""What the MovieLens data sets share: where their files are found, and how ratings become a log."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from cadc.data import archive
from cadc.data.raw import Chunk, EntityTable, RaggedValues, RawLog
from cadc.data.schema import Field, Schema
from cadc.data.text import positions, read_numbers, unreadable
from cadc.errors import DataError
from cadc.identity import file_hash
from cadc.paths import data_dir, regular_file

MIN_RATING, MAX_RATING = 0.5, 5.0

FIELDS = (
    Field("user", "user"),
    Field("gender", "user"),
    Field("age", "user"),
    Field("occupation", "user"),
    Field("zip3", "user"),
    Field("item", "item"),
    Field("year", "item"),
    Field("genre", "item"),
    Field("genres", "item", bag=True),
)


class MovieLens(ABC):
    """A MovieLens data set with demographics (Harper & Konstan 2015).

    Parameters
    ----------
    threshold : a rating from here on is a positive label.
    """

    name: ClassVar[str]
    url: ClassVar[str]
    checksum: ClassVar[str]
    ratings_file: ClassVar[str]
    separator: ClassVar[str]
    files: ClassVar[tuple[str, ...]]
    published_rows: ClassVar[int]
    published_hashes: ClassVar[dict[str, str]]
    """SHA-256 of those members of the archive that are known without it."""

    def __init__(self, threshold: float = 4.0) -> None:
        self.threshold = threshold

    @cached_property
    def folder(self) -> Path:
        """Folder of the raw files: under `CADC_DATA_DIR` where it is there, else fetched into the cache."""
        local = data_dir()
        if local is not None and (local / self.name).is_dir():
            return local / self.name
        return archive.fetch(self.name, self.url, self.checksum, self.files)

    def fingerprint(self) -> dict[str, str]:
        """Return SHA-256 of every raw file."""
        hashes = {}
        for name in self.files:
            try:
                hashes[name] = file_hash(regular_file(self.folder / name))
            except OSError as error:
                raise unreadable(self.folder / name, error) from error
        return hashes

    def known_hashes(self) -> dict[str, str]:
        """Return SHA-256 of the publisher's own files, as far as it is known."""
        return self.published_hashes | archive.manifest(self.folder)

    def edition(self, fingerprint: dict[str, str]) -> str:
        """Return `published` if every file has the hash of the publisher's own, else `local`."""
        known = self.known_hashes()
        return "published" if all(known.get(name) == value for name, value in fingerprint.items()) else "local"

    def read(self) -> RawLog:
        """Read users, movies and ratings."""
        users, movies = self.read_users(), self.read_movies()
        return RawLog(Schema(FIELDS), {"user": users, "item": movies}, self._chunks(users, movies))

    @abstractmethod
    def read_users(self) -> EntityTable:
        """Read the users and their demographics."""

    @abstractmethod
    def read_movies(self) -> EntityTable:
        """Read the movies, their years and genres."""

    def _chunks(self, users: EntityTable, movies: EntityTable) -> Iterator[Chunk]:
        path = self.folder / self.ratings_file
        users_file, movies_file = (self.folder / name for name in self.files[1:3])
        columns = {"user": np.int64, "item": np.int64, "rating": np.float32, "time": np.int64}
        n_rows = 0
        for block in read_numbers(path, self.separator, columns):
            outside = np.flatnonzero((block["rating"] < MIN_RATING) | (block["rating"] > MAX_RATING))
            if len(outside):
                raise DataError(
                    f"{path}, line {n_rows + outside[0] + 1}: the rating {block['rating'][outside[0]]:g} is not "
                    f"between {MIN_RATING} and {MAX_RATING}."
                )
            n_rows += len(block["rating"])
            yield Chunk(
                label=(block["rating"] >= self.threshold).astype(np.float32),
                entities={
                    "user": positions(block["user"], users.keys, "user", path, users_file),
                    "item": positions(block["item"], movies.keys, "item", path, movies_file),
                },
                time=block["time"],
            )
        if n_rows == 0:
            raise DataError(f"{path} holds no ratings; expected lines of {self.separator.join(columns)}.")
        if self.edition(self.fingerprint()) == "published" and n_rows != self.published_rows:
            raise DataError(f"{path} holds {n_rows} ratings where {self.published_rows} were published.")


def movie_table(keys: NDArray[np.int64], years: list[str], genres: list[list[str]]) -> EntityTable:
    """Return the movies with year, first genre and the bag of all genres."""
    lengths = np.array([len(names) for names in genres], np.int64)
    return EntityTable(
        keys,
        {"year": np.array(years), "genre": np.array([names[0] if names else "" for names in genres])},
        {
            "genres": RaggedValues(
                np.array([name for names in genres for name in names], dtype=str),
                np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
            )
        },
    )
