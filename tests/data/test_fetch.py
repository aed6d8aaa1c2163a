"""Data sets are fetched from their publishers, checked and read; here from a server on this machine."""

import zipfile

import pytest

from cadc.data.prepare import prepare
from cadc.data.sources.avazu import Avazu
from cadc.data.sources.criteo import Criteo
from cadc.data.sources.epinions import Epinions
from cadc.data.sources.ml_1m import MovieLens1M
from cadc.data.sources.ml_10m import MovieLens10M
from cadc.data.sources.ml_20m import MovieLens20M
from cadc.data.sources.ml_25m import MovieLens25M
from cadc.data.sources.ml_100k import MovieLens100K
from cadc.data.sources.ml_latest import MovieLensLatest
from cadc.data.sources.ml_latest_small import MovieLensLatestSmall
from cadc.data.sources.movietweetings import MovieTweetings
from cadc.data.split.random import RandomSplit
from cadc.errors import DataError
from cadc.provenance.fingerprint import file_hash
from tests.data.small_sources import N_RATINGS, write_ml_10m, write_movielens_csv, write_movietweetings
from tests.data.test_archive import _quick_and_local, server  # noqa: F401
from tests.support.helpers import write_small_movielens

ZIPPED = [
    (MovieLens1M, "ml-1m"),
    (MovieLens100K, "ml-100k"),
    (MovieLens10M, "ml-10M100K"),  # the archive's folder has another name than the archive
    (MovieLens20M, "ml-20m"),
    (MovieLens25M, "ml-25m"),
    (MovieLensLatest, "ml-latest"),
    (MovieLensLatestSmall, "ml-latest-small"),
]


def offer(source, inner, server, tmp_path, monkeypatch):  # noqa: F811
    """Put a made-up archive on the server; its checksum becomes the known one where the source knows one."""
    folder = tmp_path / "made" / source.name
    if source in (MovieLens1M, MovieLens100K):
        write_small_movielens(tmp_path / "made")
    else:
        (write_ml_10m if source is MovieLens10M else write_movielens_csv)(folder)
    archive = server.folder / f"{source.name}.zip"
    with zipfile.ZipFile(archive, "w") as file:
        for name in source.files:
            file.write(folder / name, f"{inner}/{name}")
        file.writestr(f"{inner}/README.txt", "not asked for")
    monkeypatch.setattr(source, "url", f"{server.address}/{archive.name}")
    if source.checksum:
        monkeypatch.setattr(source, "checksum", f"sha256:{file_hash(archive)}")
        monkeypatch.setattr(source, "published_hashes", {})
        monkeypatch.setattr(
            source,
            "published_rows",
            len((folder / source.ratings_file).read_text().splitlines()) - (source.ratings_file.endswith(".csv")),
        )
    return archive


@pytest.mark.parametrize(("source", "inner"), ZIPPED)
def test_archive_is_fetched_and_read(server, tmp_path, monkeypatch, source, inner):  # noqa: F811
    offer(source, inner, server, tmp_path, monkeypatch)
    log = prepare(source(), RandomSplit())
    assert sum(log.meta["rows"].values()) in (2000, N_RATINGS)
    assert log.meta["edition"] == ("published" if source.checksum else "rolling")
    assert source().known_hashes() == (source().fingerprint() if source.checksum else {})


@pytest.mark.parametrize("source", [MovieLens10M, MovieLens20M, MovieLens25M])
def test_archive_with_another_checksum_is_refused(server, tmp_path, monkeypatch, source):  # noqa: F811
    known = source.checksum
    offer(source, "made", server, tmp_path, monkeypatch)
    monkeypatch.setattr(source, "checksum", known)
    with pytest.raises(DataError, match=f"published checksum {known}"):
        prepare(source(), RandomSplit())


def test_checksums_of_large_archives_are_the_publishers():
    assert MovieLens10M.checksum.endswith("813c411ccb6122564edfe752e7f80c4dcc5aa25fa94c93622f6877a7ba252862")
    assert MovieLens25M.checksum == "md5:6b51fb2759a8657d3bfcbfc42b592ada"
    assert MovieLensLatest.checksum is MovieLensLatestSmall.checksum is None


@pytest.fixture
def tweeted(server, monkeypatch):  # noqa: F811
    """MovieTweetings offered file by file; returns the folder of the server."""
    folder = server.folder / "snapshot"
    write_movietweetings(folder)
    monkeypatch.setattr(MovieTweetings, "url", f"{server.address}/snapshot/")
    hashes = {name: file_hash(folder / name) for name in MovieTweetings.files}
    monkeypatch.setattr(MovieTweetings, "published_hashes", hashes)
    monkeypatch.setattr(MovieTweetings, "published_rows", N_RATINGS)
    return folder


def test_files_offered_one_by_one_are_fetched_together(tweeted, empty_cache):
    assert prepare(MovieTweetings(), RandomSplit()).meta["edition"] == "published"
    assert sorted(path.name for path in (empty_cache / "raw" / "movietweetings").iterdir()) == [
        "manifest.json",
        "movies.dat",
        "ratings.dat",
    ]


def test_changed_file_is_refused_and_leaves_no_folder(tweeted, empty_cache):
    with (tweeted / "movies.dat").open("a") as file:
        file.write("9999::Later (2030)::Drama\n")
    with pytest.raises(DataError, match=r"movies\.dat .*checksum"):
        prepare(MovieTweetings(), RandomSplit())
    assert not (empty_cache / "raw" / "movietweetings").exists()


def test_file_that_is_not_there_says_where_to_put_a_copy(tweeted):
    (tweeted / "movies.dat").unlink()
    with pytest.raises(DataError, match=r"cannot be downloaded.* movietweetings .*CADC_DATA_DIR"):
        prepare(MovieTweetings(), RandomSplit())


@pytest.mark.parametrize("source", [Criteo, Avazu, Epinions])
def test_what_a_person_has_to_fetch_says_from_where(source):
    with pytest.raises(DataError) as error:
        prepare(source(), RandomSplit())
    assert str(error.value).startswith(f"{source.name} must be fetched by hand: put {source.files[0]} from https://")
