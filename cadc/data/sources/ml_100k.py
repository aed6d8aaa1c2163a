"""MovieLens 100K: a hundred thousand ratings by users with known demographics."""

from typing import ClassVar

import numpy as np

from cadc.data.raw import EntityTable
from cadc.data.sources.movies import MovieRatings, movie_table
from cadc.data.text import read_table, whole_numbers
from cadc.errors import DataError, shown

GENRES = [
    "unknown",
    "Action",
    "Adventure",
    "Animation",
    "Children's",
    "Comedy",
    "Crime",
    "Documentary",
    "Drama",
    "Fantasy",
    "Film-Noir",
    "Horror",
    "Musical",
    "Mystery",
    "Romance",
    "Sci-Fi",
    "Thriller",
    "War",
    "Western",
]


class MovieLens100K(MovieRatings):
    """MovieLens 100K: `u.data` (tabs), `u.user` and `u.item` (`|`), in Latin-1."""

    name: str = "ml-100k"
    url: ClassVar[str] = "https://files.grouplens.org/datasets/movielens/ml-100k.zip"
    checksum: ClassVar[str] = "md5:0e33842e24a9c977be4e0107933c0723"
    ratings_file: ClassVar[str] = "u.data"
    users_file: ClassVar[str] = "u.user"
    movies_file: ClassVar[str] = "u.item"
    separator: ClassVar[str] = "\t"
    files: ClassVar[tuple[str, ...]] = ("u.data", "u.user", "u.item")
    published_rows: ClassVar[int] = 100_000
    published_hashes: ClassVar[dict[str, str]] = {
        "u.data": "06416e597f82b7342361e41163890c81036900f418ad91315590814211dca490",
        "u.user": "f120e114da2e8cf314fd28f99417c94ae9ddf1cb6db8ce0e4b5995d40e90e62c",
        "u.item": "553841ebc7de3a0fd0d6b62a204ea30c1e651aacfb2814c7a6584ac52f2c5701",
    }

    def read_users(self) -> EntityTable:
        """Read `u.user`: id, age in years (the field holds decades), gender, occupation and ZIP code."""
        path = self.folder / "u.user"
        keys, age, gender, occupation, zip_code = read_table(path, "|", 5, "latin-1")
        for number, text in enumerate(age, 1):
            if not (text.isdecimal() and len(text) <= 3):
                raise DataError(
                    f"{path}, row {number}: {shown(text)} in column age is not a whole number of years below 1000."
                )
        return EntityTable(
            whole_numbers(keys, path, "user"),
            {
                "gender": np.array(gender, object),
                "age": np.array([str(int(text) // 10 * 10) for text in age]),
                "occupation": np.array(occupation, object),
                "zip3": np.array([code[:3] for code in zip_code], object),
            },
        )

    def read_movies(self) -> EntityTable:
        """Read `u.item`: id, title, release date that ends in the year, two more columns, a flag for each genre."""
        path = self.folder / "u.item"
        keys, _, released, _, _, *flags = read_table(path, "|", 5 + len(GENRES), "latin-1")
        for name, column in zip(GENRES, flags, strict=True):
            for number, flag in enumerate(column, 1):
                if flag not in ("0", "1"):
                    raise DataError(f"{path}, row {number}: the flag of {name} is {shown(flag)}; expected 0 or 1.")
        genres = [
            [name for name, flag in zip(GENRES, row, strict=True) if flag == "1"] for row in zip(*flags, strict=True)
        ]
        return movie_table(whole_numbers(keys, path, "item"), [date[-4:] for date in released], genres)
