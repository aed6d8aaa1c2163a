"""MovieLens 20M: twenty million ratings with half stars."""

from typing import ClassVar

from cadc.data.sources.movielens_csv import MovieLensCsv


class MovieLens20M(MovieLensCsv):
    """MovieLens 20M, ratings from 1995 to 2015."""

    name: str = "ml-20m"
    url: ClassVar[str] = "https://files.grouplens.org/datasets/movielens/ml-20m.zip"
    checksum: ClassVar[str] = "md5:cd245b17a1ae2cc31bb14903e1204af3"
    published_rows: ClassVar[int] = 20_000_263
