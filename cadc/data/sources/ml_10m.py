"""MovieLens 10M: ten million ratings with half stars, by users without features."""

from typing import ClassVar

from cadc.data.sources.movies import DatMovies


class MovieLens10M(DatMovies):
    """MovieLens 10M: `ratings.dat` and `movies.dat`, separated by `::`, in UTF-8 (Harper & Konstan 2015)."""

    name: str = "ml-10m"
    url: ClassVar[str] = "https://files.grouplens.org/datasets/movielens/ml-10m.zip"
    checksum: ClassVar[str] = "sha256:813c411ccb6122564edfe752e7f80c4dcc5aa25fa94c93622f6877a7ba252862"
    files: ClassVar[tuple[str, ...]] = ("ratings.dat", "movies.dat")
    encoding: ClassVar[str] = "utf-8"
    published_rows: ClassVar[int] = 10_000_054
