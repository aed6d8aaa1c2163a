"""MovieLens latest: all ratings so far; replaced from time to time."""

from typing import ClassVar

from cadc.data.sources.movielens_csv import MovieLensCsv


class MovieLensLatest(MovieLensCsv):
    """MovieLens latest; its publisher replaces it from time to time, so downloads may differ."""

    name: str = "ml-latest"
    url: ClassVar[str] = "https://files.grouplens.org/datasets/movielens/ml-latest.zip"
    rolling: ClassVar[bool] = True
