"""Data sets: each reads what its publisher offers, or a table of your own."""

from typing import TYPE_CHECKING

from cadc.configuration.public_names import lazily

if TYPE_CHECKING:
    from cadc.data.sources.avazu import Avazu
    from cadc.data.sources.benchmarks.frappe_x1 import FrappeX1
    from cadc.data.sources.benchmarks.gowalla import Gowalla
    from cadc.data.sources.benchmarks.movielenslatest_x1 import MovielensLatestX1
    from cadc.data.sources.benchmarks.yelp2018 import Yelp2018
    from cadc.data.sources.criteo import Criteo
    from cadc.data.sources.epinions import Epinions
    from cadc.data.sources.generated.drifting import Drifting
    from cadc.data.sources.layouts.libfm import LibFM
    from cadc.data.sources.layouts.lightgcn import LightGCN
    from cadc.data.sources.layouts.recbole import RecBole
    from cadc.data.sources.ml_1m import MovieLens1M
    from cadc.data.sources.ml_10m import MovieLens10M
    from cadc.data.sources.ml_20m import MovieLens20M
    from cadc.data.sources.ml_25m import MovieLens25M
    from cadc.data.sources.ml_100k import MovieLens100K
    from cadc.data.sources.ml_latest import MovieLensLatest
    from cadc.data.sources.ml_latest_small import MovieLensLatestSmall
    from cadc.data.sources.movietweetings import MovieTweetings
    from cadc.data.sources.published import PublishedFiles
    from cadc.data.sources.source import Source
    from cadc.data.sources.synthetic import Synthetic
    from cadc.data.sources.table import Table
else:
    __getattr__, __dir__ = lazily(__name__)

__all__ = [
    "Avazu",
    "Criteo",
    "Drifting",
    "Epinions",
    "FrappeX1",
    "Gowalla",
    "LibFM",
    "LightGCN",
    "MovieLens1M",
    "MovieLens10M",
    "MovieLens20M",
    "MovieLens25M",
    "MovieLens100K",
    "MovieLensLatest",
    "MovieLensLatestSmall",
    "MovieTweetings",
    "MovielensLatestX1",
    "PublishedFiles",
    "RecBole",
    "Source",
    "Synthetic",
    "Table",
    "Yelp2018",
]
