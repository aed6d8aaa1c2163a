"""MovieLens 1M: a million ratings with the demographics of the users."""

import re
from typing import ClassVar

import numpy as np

from cadc.data.raw import EntityTable
from cadc.data.sources.movielens import MovieLens, movie_table
from cadc.data.text import read_table, whole_numbers


class MovieLens1M(MovieLens):
    """MovieLens 1M: `ratings.dat`, `users.dat` and `movies.dat`, separated by `::`, in Latin-1."""

    name: ClassVar[str] = "ml-1m"
    url: ClassVar[str] = "https://files.grouplens.org/datasets/movielens/ml-1m.zip"
    checksum: ClassVar[str] = "sha256:a6898adb50b9ca05aa231689da44c217cb524e7ebd39d264c56e2832f2c54e20"
    ratings_file: ClassVar[str] = "ratings.dat"
    separator: ClassVar[str] = "::"
    files: ClassVar[tuple[str, ...]] = ("ratings.dat", "users.dat", "movies.dat")
    published_rows: ClassVar[int] = 1_000_209
    published_hashes: ClassVar[dict[str, str]] = {}

    def read_users(self) -> EntityTable:
        """Read `users.dat`: id, gender, age group, occupation, ZIP code (its first three digits are the field)."""
        path = self.folder / "users.dat"
        keys, gender, age, occupation, zip_code = read_table(path, "::", 5, "latin-1")
        return EntityTable(
            whole_numbers(keys, path, "user"),
            {
                "gender": np.array(gender),
                "age": np.array(age),
                "occupation": np.array(occupation),
                "zip3": np.array([code[:3] for code in zip_code]),
            },
        )

    def read_movies(self) -> EntityTable:
        """Read `movies.dat`: id, title ending in the year, genres separated by `|`."""
        path = self.folder / "movies.dat"
        keys, titles, genres = read_table(path, "::", 3, "latin-1")
        years = [match[1] if (match := re.search(r"\((\d{4})\)\s*$", title)) else "" for title in titles]
        return movie_table(
            whole_numbers(keys, path, "item"), years, [[g for g in names.split("|") if g] for names in genres]
        )
