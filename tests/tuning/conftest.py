"""What tests of tuning share: quick trials, and a PostgreSQL server where one is installed."""

import os
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path
from urllib.parse import quote

import pytest

PASSWORD = "s3cret word"


@pytest.fixture(scope="session")
def postgres():
    """Port of a PostgreSQL server of the tests' own, with a user `cadc` and `PASSWORD`."""
    pytest.importorskip("psycopg", reason="psycopg, the driver of PostgreSQL, is not installed")
    found = [Path(path) for path in [shutil.which("initdb")] if path]
    found = [path.resolve().parent for path in found] + sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    if not found:
        pytest.skip("PostgreSQL is not installed")
    options = {}
    if os.geteuid() == 0:
        # The server refuses to run as root.
        options = {"user": "postgres", "group": "postgres", "extra_groups": []}
    # Not below pytest's folders, which no other user can enter.
    with tempfile.TemporaryDirectory(prefix="cadc-pg-") as name:
        folder = Path(name)
        (folder / "password").write_text(PASSWORD)
        if options:
            for path in (folder, folder / "password"):
                shutil.chown(path, "postgres", "postgres")

        def call(program, *words):
            command = [found[0] / program, "-D", folder / "data", *words]
            with (folder.parent / f"{folder.name}.log").open("w+") as said:
                done = subprocess.run(command, stdout=said, stderr=said, cwd=folder, check=False, **options)
                said.seek(0)
                assert done.returncode == 0, said.read()
                Path(said.name).unlink()

        call("initdb", "-U", "cadc", "--auth=scram-sha-256", f"--pwfile={folder / 'password'}", "--no-sync")
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        settings = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={folder} -c fsync=off"
        call("pg_ctl", "start", "-w", "-l", folder / "log", "-o", settings)
        try:
            yield port
        finally:
            call("pg_ctl", "stop", "-m", "immediate")


@pytest.fixture
def database(postgres, request):
    """Address of a fresh database."""
    import psycopg

    name = f"d{abs(hash(request.node.nodeid))}"
    with psycopg.connect(host="127.0.0.1", port=postgres, user="cadc", password=PASSWORD, dbname="postgres") as admin:
        admin.autocommit = True
        admin.execute(f"CREATE DATABASE {name}")
    return f"postgresql://cadc:{quote(PASSWORD)}@127.0.0.1:{postgres}/{name}"
