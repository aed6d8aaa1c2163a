"""Files in a store are fetched once, and anew when the store says that they have changed."""

import http.server
import threading
from functools import partial

import fsspec
import pytest
from fsspec.registry import known_implementations

from cadc.data.files import stores
from cadc.data.files.stores import fetched
from cadc.data.prepare import prepare
from cadc.data.sources.table import Table
from cadc.data.split.random import RandomSplit
from cadc.errors import DataError, MachineTrouble, UsageError
from tests.data.made_up_sales import ROLES


@pytest.fixture
def store():
    system = fsspec.filesystem("memory")
    yield system
    system.rm("/", recursive=True)


@pytest.fixture
def served(tmp_path):
    """Address of a server of the files in a folder, and the folder."""
    folder = tmp_path / "served"
    folder.mkdir()

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=folder)) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", folder
        server.shutdown()
        thread.join()


def cut(path, n):
    """Return the texts of n files that hold the rows of a CSV file, each with its first line."""
    header, *lines = path.read_text().splitlines(keepends=True)
    size = -(-len(lines) // n)
    return ["".join([header, *lines[at : at + size]]) for at in range(0, len(lines), size)]


def test_a_folder_in_a_store_is_the_log_of_its_rows(path, store):
    for number, text in enumerate(cut(path, 3)):
        store.pipe(f"/bucket/log/part-{number}.csv", text.encode())
    store.pipe("/bucket/log/_SUCCESS", b"")
    log = prepare(Table("memory://bucket/log/", **ROLES), RandomSplit())
    assert log.content_hash == prepare(Table(str(path), **ROLES), RandomSplit()).content_hash
    assert [*log.meta["files"]] == ["log/"]


def test_files_of_folders_in_a_store_are_read_in_the_order_of_their_numbers(path, store):
    for number, text in enumerate(cut(path, 12)):
        store.pipe(f"/bucket/log/day={number}/part.csv", text.encode())
    log = prepare(Table("memory://bucket/log", **ROLES), RandomSplit())
    assert log.content_hash == prepare(Table(str(path), **ROLES), RandomSplit()).content_hash


def test_what_was_fetched_is_not_fetched_again_until_it_changes(path, store, monkeypatch, empty_cache):
    n_fetched = []
    monkeypatch.setattr(type(store), "get_file", spied(type(store).get_file, n_fetched))
    store.pipe("/bucket/log.csv", path.read_bytes())
    first = fetched("memory://bucket/log.csv")
    assert first.read_bytes() == path.read_bytes() and first.name == "log.csv"
    assert fetched("memory://bucket/log.csv") == first and len(n_fetched) == 1
    store.pipe("/bucket/log.csv", path.read_bytes() + b"\n")
    assert fetched("memory://bucket/log.csv").read_bytes() == path.read_bytes() + b"\n"
    assert len(n_fetched) == 2


def spied(function, calls):
    def spy(*arguments, **keywords):
        calls.append(arguments)
        return function(*arguments, **keywords)

    return spy


def test_a_file_on_a_server_is_read(path, served):
    address, folder = served
    (folder / "sales.csv").write_bytes(path.read_bytes())
    log = prepare(Table(f"{address}/sales.csv", **ROLES), RandomSplit())
    assert log.content_hash == prepare(Table(str(path), **ROLES), RandomSplit()).content_hash


def test_a_missing_file_is_named(store):
    with pytest.raises(
        DataError, match=r"memory://bucket/none\.csv does not exist in its store; expected a file or folder"
    ):
        fetched("memory://bucket/none.csv")


def test_a_store_that_cannot_be_reached_is_named(served):
    address, _ = served
    port = int(address.rpartition(":")[2])
    with pytest.raises(MachineTrouble, match=r"cannot be reached .*check the address, the network and the credentials"):
        fetched(f"http://127.0.0.1:{1 if port != 1 else 2}/log.csv")


def test_a_store_that_breaks_off_is_named_and_leaves_nothing(store, monkeypatch, empty_cache):
    store.pipe("/bucket/log.csv", b"a,b\n")

    def broken(*_, **__):
        raise TimeoutError("the connection was reset")

    monkeypatch.setattr(type(store), "get_file", broken)
    with pytest.raises(MachineTrouble, match=r"log\.csv cannot be reached \(TimeoutError: the connection was reset\)"):
        fetched("memory://bucket/log.csv")
    assert not [path for path in (empty_cache / "raw").iterdir() if not path.name.startswith(".")]


def test_kinds_of_stores_without_a_package_are_named(monkeypatch):
    with pytest.raises(UsageError, match="nowhere://bucket/log: nowhere is not a kind of store that fsspec knows"):
        fetched("nowhere://bucket/log")
    own = {"class": "no_such_package.Store", "err": "Install it"}
    monkeypatch.setitem(known_implementations, "own", own)
    with pytest.raises(UsageError, match="own://bucket/log needs a package for own: Install it"):
        fetched("own://bucket/log")


def test_a_path_is_no_address():
    assert not stores.is_in_store("/data/log.csv") and not stores.is_in_store("C:/log.csv")
    assert stores.is_in_store("s3://bucket/log/")
