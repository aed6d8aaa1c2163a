"""MovieTweetings: ratings from 0 to 10 that IMDb users tweeted; the snapshot of the first 100,000."""

from pathlib import Path
from typing import ClassVar

from cadc.data import archive
from cadc.data.sources.movies import DatMovies


class MovieTweetings(DatMovies):
    """MovieTweetings 100K (Dooms et al. 2013): `ratings.dat` and `movies.dat`, separated by `::`, in UTF-8.

    Parameters
    ----------
    threshold : lowest rating, from 0 to 10, that is a positive label.
    """

    name: str = "movietweetings"
    url: ClassVar[str] = "https://raw.githubusercontent.com/sidooms/MovieTweetings/master/snapshots/100K/"
    files: ClassVar[tuple[str, ...]] = ("ratings.dat", "movies.dat")
    encoding: ClassVar[str] = "utf-8"
    min_rating: ClassVar[float] = 0.0
    max_rating: ClassVar[float] = 10.0
    published_rows: ClassVar[int] = 100_000
    published_hashes: ClassVar[dict[str, str]] = {
        "ratings.dat": "c0dd868c2632d10002ebc928ddc5345f33adeaa59eca52c2941c26a2c5e36fd6",
        "movies.dat": "e63fb84bc734e3c574f135634a40d3cbafab22b8f94f5fc0b80f80d1d2076efc",
    }

    def __init__(self, threshold: float = 8.0) -> None:
        super().__init__(threshold)

    def fetch(self) -> Path:
        """Return the folder in the cache with the files, which the publisher offers one by one."""
        return archive.fetch_files(self.name, self.url, self.published_hashes)
