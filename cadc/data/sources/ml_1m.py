"""MovieLens 1M: a million ratings by users with known demographics."""

from typing import ClassVar

import numpy as np

from cadc.data.raw import EntityTable
from cadc.data.sources.movies import DatMovies
from cadc.data.text import read_table, whole_numbers


class MovieLens1M(DatMovies):
    """MovieLens 1M: `ratings.dat`, `users.dat` and `movies.dat`, separated by `::`, in Latin-1."""

    name: str = "ml-1m"
    url: ClassVar[str] = "https://files.grouplens.org/datasets/movielens/ml-1m.zip"
    checksum: ClassVar[str] = "sha256:a6898adb50b9ca05aa231689da44c217cb524e7ebd39d264c56e2832f2c54e20"
    users_file: ClassVar[str] = "users.dat"
    encoding: ClassVar[str] = "latin-1"
    files: ClassVar[tuple[str, ...]] = ("ratings.dat", "users.dat", "movies.dat")
    published_rows: ClassVar[int] = 1_000_209

    def read_users(self) -> EntityTable:
        """Read `users.dat`: id, gender, age group, occupation and ZIP code (the field holds its first three digits)."""
        path = self.folder / "users.dat"
        keys, gender, age, occupation, zip_code = read_table(path, "::", 5, "latin-1")
        return EntityTable(
            whole_numbers(keys, path, "user"),
            {
                "gender": np.array(gender, object),
                "age": np.array(age, object),
                "occupation": np.array(occupation, object),
                "zip3": np.array([code[:3] for code in zip_code], object),
            },
        )
