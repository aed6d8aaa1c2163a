"""The password of a database is shown nowhere, wherever it stands in the address and whatever goes wrong."""

from pathlib import Path

import pytest
from sqlalchemy.exc import OperationalError

from cadc.errors import UsageError, one_line, shown
from cadc.ledger import Ledger
from cadc.tuning.storage import Storage
from tests.support.commands import TINY, cadc
from tests.support.processes import Command

SECRET = "s3cr;et"
ADDRESSES = [
    f"postgresql://me:{SECRET}@localhost:1/db",
    f"postgresql://me@localhost:1/db?password={SECRET}",
    f"postgresql://localhost:1/db?sslmode=require&sslpassword={SECRET}&user=me",
    f"postgresql://me:other%40{SECRET}@localhost:1/db?passfile=/tmp/{SECRET}",
    f"sqlite:///here.db?password={SECRET}",
    f"nosuch://me:{SECRET}@localhost/db?password={SECRET}",
    f"postgresql://me:{SECRET}@localhost:port/db",
    f"postgresql://me:a/b:{SECRET}@x@localhost/db",
]
WAYS = [
    "tune.storage={}",
    "+tune.storage={}",
    "tune.storage='{}'",
    " tune.storage={}",
    "tune={{storage: {}}}",
    "--storage={}",
]


def everything(folder):
    return "".join(path.read_text(errors="replace") for path in Path(folder).rglob("*") if path.is_file())


@pytest.mark.parametrize("address", ADDRESSES)
@pytest.mark.parametrize("way", WAYS)
def test_a_command_that_fails_does_not_repeat_a_password(address, way, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    answer = cadc("tune", *TINY, "model=bias", "tune.trials=1", way.format(address))
    if "sqlite" not in address:
        assert answer.status != 0
    assert SECRET not in answer.out + answer.err
    assert SECRET not in everything(tmp_path)


@pytest.mark.parametrize("words", [["train"], ["train", "-m"], ["experiment", "quickstart"], ["ledger", "list"]])
def test_other_commands_do_not_repeat_a_password_either(words):
    for address in ADDRESSES:
        answer = cadc(*words, f"tune.storage={address}")
        assert SECRET not in answer.out + answer.err


def test_a_stack_trace_does_not_show_a_password(tmp_path):
    answer = Command(["tune", "--debug", *TINY, f"tune.storage={ADDRESSES[1]}"], tmp_path).answer()
    assert answer.status != 0
    assert SECRET not in answer.err


@pytest.mark.parametrize("address", [ADDRESSES[0], ADDRESSES[1], ADDRESSES[2]])
def test_the_text_of_a_driver_is_shown_without_passwords(address, monkeypatch):
    monkeypatch.setattr("sqlalchemy.dialects.postgresql.psycopg.PGDialect_psycopg.import_dbapi", lambda: None)
    monkeypatch.setattr("sqlalchemy.dialects.postgresql.psycopg2.PGDialect_psycopg2.import_dbapi", lambda: None)
    storage = Storage(address, Ledger().folder, "study")
    assert SECRET not in storage.place and "***" in storage.place
    said = f"connection to localhost failed: password={SECRET} is wrong, {address}"
    error = OperationalError("", {}, Exception(said))
    assert SECRET not in storage.reason(error)
    assert "connection to localhost failed" in storage.reason(error)


@pytest.mark.parametrize("address", ADDRESSES)
def test_messages_hide_passwords_before_they_are_shortened(address):
    long = address.replace("localhost", "host" * 300)
    assert SECRET[:4] not in shown(f"tune.storage={long}") + one_line("x" * 960 + long) + str(UsageError(shown(long)))


def test_an_address_without_password_is_shown_as_it_is():
    for text in ("postgresql://me@host/db?sslmode=require", "https://host/a:b/c@d", "me:you@host", "monkey=1?key=2"):
        assert one_line(text) == text
