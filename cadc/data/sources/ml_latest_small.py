"""MovieLens latest-small: about a hundred thousand ratings; replaced from time to time."""

from typing import ClassVar

from cadc.data.sources.movielens_csv import MovieLensCsv


class MovieLensLatestSmall(MovieLensCsv):
    """MovieLens latest-small; its publisher replaces it from time to time, so downloads may differ."""

    name: str = "ml-latest-small"
    url: ClassVar[str] = "https://files.grouplens.org/datasets/movielens/ml-latest-small.zip"
    rolling: ClassVar[bool] = True
