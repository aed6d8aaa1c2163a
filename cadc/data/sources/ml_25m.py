"""MovieLens 25M: twenty-five million ratings with half stars."""

from typing import ClassVar

from cadc.data.sources.movielens_csv import MovieLensCsv


class MovieLens25M(MovieLensCsv):
    """MovieLens 25M, ratings from 1995 to 2019."""

    name: str = "ml-25m"
    url: ClassVar[str] = "https://files.grouplens.org/datasets/movielens/ml-25m.zip"
    checksum: ClassVar[str] = "md5:6b51fb2759a8657d3bfcbfc42b592ada"
    published_rows: ClassVar[int] = 25_000_095
