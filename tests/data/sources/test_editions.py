"""Files count as published by what they hash to when they are read, and by nothing that lies beside them."""

import json
import zipfile

import pytest

from cadc.data.prepare import prepare
from cadc.data.sources.ml_1m import MovieLens1M
from cadc.data.sources.ml_100k import MovieLens100K
from cadc.data.split.random import RandomSplit
from cadc.provenance.fingerprint import file_hash
from cadc.storage.manifest import write_manifest


def edit(folder, name):
    """Change one rating, and keep the size."""
    content = (folder / name).read_bytes()
    separator = b"::" if b"::" in content else b"\t"
    user, item, rating, rest = content.split(separator, 3)
    rating = b"5" if rating == b"1" else b"1"
    (folder / name).write_bytes(separator.join([user, item, rating, rest]))


def edition(source):
    return prepare(source, RandomSplit()).meta["edition"]


@pytest.fixture
def hundred(small_movielens, monkeypatch, empty_cache):
    """A made-up ml-100k under CADC_DATA_DIR, whose hashes stand in the code."""
    monkeypatch.setenv("CADC_DATA_DIR", str(small_movielens))
    folder = small_movielens / "ml-100k"
    monkeypatch.setattr(
        MovieLens100K, "published_hashes", {name: file_hash(folder / name) for name in MovieLens100K.files}
    )
    monkeypatch.setattr(MovieLens100K, "published_rows", 2000)
    return folder


@pytest.fixture
def million(small_movielens, monkeypatch, empty_cache):
    """A made-up ml-1m, of which only the checksum of the archive stands in the code; returns files and archive."""
    folder, archive = small_movielens / "ml-1m", small_movielens / "ml-1m.zip"
    with zipfile.ZipFile(archive, "w") as file:
        for name in MovieLens1M.files:
            file.write(folder / name, f"ml-1m/{name}")
    monkeypatch.setattr(MovieLens1M, "checksum", f"sha256:{file_hash(archive)}")
    monkeypatch.setattr(MovieLens1M, "published_rows", 2000)
    return folder, archive


@pytest.mark.parametrize("edited", MovieLens100K.files)
@pytest.mark.parametrize("beside", ["archive.json", "manifest.json", None])
def test_an_edited_copy_is_local_whatever_a_file_beside_it_says(edited, beside, hundred):
    assert edition(MovieLens100K()) == "published"
    (hundred / edited).write_bytes((hundred / edited).read_bytes().replace(b"1", b"2", 1))
    hashes = {name: file_hash(hundred / name) for name in MovieLens100K.files}
    if beside == "archive.json":
        (hundred / beside).write_text(json.dumps(hashes))
    elif beside:
        write_manifest(hundred, "raw/ml-100k")
    assert MovieLens100K().edition(MovieLens100K().fingerprint()) == "local"


def test_an_edit_after_the_first_reading_makes_the_next_one_local(hundred):
    assert edition(MovieLens100K()) == "published"
    edit(hundred, "u.data")
    assert edition(MovieLens100K()) == "local"


def test_the_publishers_archive_beside_the_files_shows_that_they_are_published(million, monkeypatch):
    folder, archive = million
    monkeypatch.setenv("CADC_DATA_DIR", str(folder.parent))
    assert edition(MovieLens1M()) == "published"
    archive.rename(folder / archive.name)
    assert edition(MovieLens1M()) == "published"
    edit(folder, "ratings.dat")
    assert edition(MovieLens1M()) == "local"


def test_an_archive_that_was_edited_with_the_files_shows_nothing(million, monkeypatch):
    folder, archive = million
    monkeypatch.setenv("CADC_DATA_DIR", str(folder.parent))
    edit(folder, "ratings.dat")
    with zipfile.ZipFile(archive, "w") as file:
        for name in MovieLens1M.files:
            file.write(folder / name, f"ml-1m/{name}")
    assert edition(MovieLens1M()) == "local"


def test_without_its_archive_nothing_is_known_of_a_copy(million, monkeypatch):
    folder, archive = million
    archive.unlink()
    monkeypatch.setenv("CADC_DATA_DIR", str(folder.parent))
    assert edition(MovieLens1M()) == "local"


def test_files_in_the_cache_that_were_edited_with_their_manifest_are_local(million, empty_cache):
    """Whoever writes to the cache can forge what lies there, but not a checksum in the code."""
    archive = million[1]
    (empty_cache / "downloads").mkdir(parents=True)
    archive.rename(empty_cache / "downloads" / archive.name)
    assert edition(MovieLens1M()) == "published"
    raw = empty_cache / "raw" / "ml-1m"
    edit(raw, "ratings.dat")
    (raw / "manifest.json").unlink()
    write_manifest(raw, "raw/ml-1m")
    assert edition(MovieLens1M()) == "local"
