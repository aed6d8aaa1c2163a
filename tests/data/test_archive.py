import hashlib
import io
import struct
import threading
import zipfile
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest

from cadc.data import archive
from cadc.data.prepare import prepare
from cadc.data.sources.ml_1m import MovieLens1M
from cadc.data.split.random import RandomSplit
from cadc.errors import DataError

MEMBERS = ("a.txt", "b.txt")


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *words):
        pass


@pytest.fixture(autouse=True)
def _quick_and_local(monkeypatch, empty_cache):
    """No waiting between tries, and no proxy on the way to this machine."""
    monkeypatch.setattr("pooch.core.time.sleep", lambda seconds: None)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


@pytest.fixture
def server(tmp_path):
    """A running server with the folder that it serves and its address."""
    folder = tmp_path / "served"
    folder.mkdir()
    running = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    running.folder, running.address = folder, f"http://127.0.0.1:{running.server_port}"
    thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield running
    running.shutdown()
    running.server_close()
    thread.join()


def write_zip(path, content):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, text in content.items():
            file.writestr(name, text)
    return "sha256:" + hashlib.sha256(path.read_bytes()).hexdigest()


def files_under(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def test_fetched_members_lie_flat_in_the_cache_with_their_hashes(server, empty_cache):
    content = {"made/a.txt": "first", "made/b.txt": "second", "made/c.txt": "not asked for"}
    checksum = write_zip(server.folder / "made.zip", content)
    folder = archive.fetch("made", f"{server.address}/made.zip", checksum, MEMBERS)
    assert folder == empty_cache / "raw" / "made"
    assert files_under(folder) == ["a.txt", "b.txt", "manifest.json"]
    assert (folder / "a.txt").read_text() == "first"
    hashes = {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in MEMBERS}
    assert archive.member_hashes(empty_cache / "downloads" / "made.zip", checksum, MEMBERS) == hashes


def test_second_fetch_needs_no_server(server):
    checksum = write_zip(server.folder / "made.zip", {"a.txt": "1", "b.txt": "2"})
    url = f"{server.address}/made.zip"
    first = archive.fetch("made", url, checksum, MEMBERS)
    (server.folder / "made.zip").unlink()
    assert archive.fetch("made", url, checksum, MEMBERS) == first


def test_wrong_checksum_is_named_and_leaves_nothing_behind(server, empty_cache):
    write_zip(server.folder / "made.zip", {"a.txt": "1", "b.txt": "2"})
    wrong = "md5:" + "0" * 32
    with pytest.raises(DataError, match=f"published checksum {wrong}"):
        archive.fetch("made", f"{server.address}/made.zip", wrong, MEMBERS)
    assert files_under(empty_cache) == []
    assert not (empty_cache / "raw" / "made").exists()


@pytest.mark.parametrize("reason", ["no such file", "no server"])
def test_failed_download_says_how_to_go_on_without_it(server, empty_cache, reason):
    address = server.address if reason == "no such file" else "http://127.0.0.1:9"
    with pytest.raises(DataError, match=r"cannot be downloaded.*CADC_DATA_DIR"):
        archive.fetch("made", f"{address}/made.zip", "md5:" + "0" * 32, MEMBERS)
    assert files_under(empty_cache) == []


@pytest.mark.parametrize("evil", ["../evil.txt", "made/../../a.txt", "/evil.txt", "..\\evil.txt"])
def test_archive_that_leads_outside_is_not_unpacked(server, empty_cache, tmp_path, evil):
    checksum = write_zip(server.folder / "made.zip", {"a.txt": "1", "b.txt": "2", evil: "evil"})
    with pytest.raises(DataError, match="leads outside"):
        archive.fetch("made", f"{server.address}/made.zip", checksum, MEMBERS)
    assert not (empty_cache / "raw" / "made").exists()
    assert [path for path in files_under(tmp_path) if not path.endswith("made.zip")] == []


def test_archive_without_a_member_is_refused(server, empty_cache):
    checksum = write_zip(server.folder / "made.zip", {"a.txt": "1", "b.txt/": ""})
    with pytest.raises(DataError, match=r"lacks b\.txt"):
        archive.fetch("made", f"{server.address}/made.zip", checksum, MEMBERS)
    assert not any((empty_cache / "raw").iterdir())


def test_archive_that_unpacks_to_too_much_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(archive, "MAX_UNPACKED_BYTES", 1 << 20)
    write_zip(tmp_path / "bomb.zip", {"a.txt": "0" * (1 << 20), "b.txt": "0"})
    with pytest.raises(DataError, match="would unpack to more"):
        archive.unpack(tmp_path / "bomb.zip", tmp_path, MEMBERS)
    assert files_under(tmp_path) == ["bomb.zip"]


def truncate(path):
    path.write_bytes(path.read_bytes()[:-60])


def spoil_content(path):
    """Overwrite compressed bytes of the first member, the directory stays sound."""
    data = bytearray(path.read_bytes())
    start = 30 + len("a.txt") + 20
    data[start : start + 40] = b"\xff" * 40
    path.write_bytes(data)


def encrypt(path):
    """Mark the first member as encrypted, in its own header and in the directory."""
    data = bytearray(path.read_bytes())
    data[6] |= 1
    data[data.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(data)


@pytest.mark.parametrize("spoil", [truncate, spoil_content, encrypt])
def test_broken_archive_is_refused_and_leaves_no_folder(empty_cache, server, spoil):
    path = server.folder / "made.zip"
    write_zip(path, {"a.txt": " ".join(map(str, range(3000))), "b.txt": "2"})
    spoil(path)
    checksum = "sha256:" + hashlib.sha256(path.read_bytes()).hexdigest()
    with pytest.raises(DataError):
        archive.fetch("made", f"{server.address}/made.zip", checksum, MEMBERS)
    assert not any((empty_cache / "raw").iterdir())


def test_movielens_is_fetched_where_no_local_copy_lies_and_counts_as_published(server, small_movielens, monkeypatch):
    files = {f"ml-1m/{name}": (small_movielens / "ml-1m" / name).read_bytes() for name in MovieLens1M.files}
    checksum = write_zip(server.folder / "ml-1m.zip", files)
    monkeypatch.setattr(MovieLens1M, "url", f"{server.address}/ml-1m.zip")
    monkeypatch.setattr(MovieLens1M, "checksum", checksum)
    with pytest.raises(DataError, match="2000 ratings; expected the 1000209"):
        prepare(MovieLens1M(), RandomSplit())
    monkeypatch.setattr(MovieLens1M, "published_rows", 2000)
    assert prepare(MovieLens1M(), RandomSplit()).meta["edition"] == "published"


def test_local_copy_is_preferred_to_a_download(small_movielens, monkeypatch, empty_cache):
    monkeypatch.setenv("CADC_DATA_DIR", str(small_movielens))
    monkeypatch.setattr(MovieLens1M, "url", "http://127.0.0.1:9/ml-1m.zip")
    assert MovieLens1M().folder == small_movielens / "ml-1m"
    assert files_under(empty_cache) == []


def test_no_more_is_written_than_a_member_declares(tmp_path):
    """The standard library stops there too; this holds where it does not."""
    with (tmp_path / "out").open("wb") as target, pytest.raises(DataError, match="declares a wrong size, 10 bytes"):
        archive._copy(io.BytesIO(b"0" * (5 << 20)), target, 10, tmp_path / "made.zip")
    assert (tmp_path / "out").stat().st_size <= 10


def test_sizes_that_lie_leave_nothing_behind(tmp_path):
    (tmp_path / "out").mkdir()
    for size in (1, 10_000):
        write_zip(tmp_path / "made.zip", {"a.txt": "sound", "b.txt": "0123456789" * 100})
        data = bytearray((tmp_path / "made.zip").read_bytes())
        second = data.index(b"PK\x01\x02", data.index(b"PK\x01\x02") + 4)
        struct.pack_into("<I", data, second + 24, size)
        (tmp_path / "made.zip").write_bytes(data)
        with pytest.raises(DataError, match=r"made\.zip"):
            archive.unpack(tmp_path / "made.zip", tmp_path / "out", MEMBERS)
        assert files_under(tmp_path / "out") == []


def test_archive_that_grows_a_thousandfold_is_refused_before_a_byte_is_written(tmp_path):
    (tmp_path / "out").mkdir()
    write_zip(tmp_path / "bomb.zip", {"a.txt": "0" * (100 << 20), "b.txt": "0"})
    with pytest.raises(DataError, match="would grow more than 200-fold"):
        archive.unpack(tmp_path / "bomb.zip", tmp_path / "out", MEMBERS)
    assert files_under(tmp_path / "out") == []


def test_text_that_shrinks_well_is_no_bomb(tmp_path):
    (tmp_path / "out").mkdir()
    rows = "\n".join(f"{n % 6040}::{n % 3952}::{n % 5 + 1}::978300760" for n in range(50_000))
    write_zip(tmp_path / "made.zip", {"a.txt": rows, "b.txt": "2"})
    archive.unpack(tmp_path / "made.zip", tmp_path / "out", MEMBERS)
    assert (tmp_path / "out" / "a.txt").read_text() == rows


def test_hashes_of_members_are_those_of_an_archive_with_its_checksum_and_of_no_other(tmp_path):
    path = tmp_path / "made.zip"
    checksum = write_zip(path, {"x/a.txt": "first", "x/b.txt": "second", "x/c.txt": "third"})
    expected = {"a.txt": hashlib.sha256(b"first").hexdigest(), "b.txt": hashlib.sha256(b"second").hexdigest()}
    md5 = "md5:" + hashlib.md5(path.read_bytes()).hexdigest()
    for known in (checksum, md5):
        assert archive.member_hashes(path, known, MEMBERS) == expected
    assert archive.member_hashes(path, checksum, (*MEMBERS, "d.txt")) == {}
    assert archive.member_hashes(tmp_path / "none.zip", checksum, MEMBERS) == {}
    other = write_zip(path, {"x/a.txt": "edited", "x/b.txt": "second"})
    assert archive.member_hashes(path, checksum, MEMBERS) == {}
    assert archive.member_hashes(path, other, MEMBERS)["a.txt"] == hashlib.sha256(b"edited").hexdigest()


def test_a_kept_archive_without_a_checksum_that_is_damaged_is_fetched_again(server, empty_cache):
    write_zip(server.folder / "made.zip", {"a.txt": "first", "b.txt": "second"})
    url = f"{server.address}/made.zip"
    folder = archive.fetch("made", url, None, MEMBERS)
    truncate(empty_cache / "downloads" / "made.zip")
    (folder / "a.txt").write_text("other")
    assert (archive.fetch("made", url, None, MEMBERS) / "a.txt").read_text() == "first"
