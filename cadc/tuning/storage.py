"""Where a study is kept: a journal file in the ledger, or a database that several machines reach."""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from optuna.exceptions import StorageInternalError
from optuna.storages import BaseStorage, JournalStorage, get_storage
from optuna.storages.journal import JournalFileBackend, JournalFileSymlinkLock
from sqlalchemy import create_engine, make_url, text
from sqlalchemy.engine import URL
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError
from sqlalchemy.pool import NullPool

from cadc.errors import UsageError
from cadc.ledger.store import NotWritable
from cadc.storage.lease import Lease, wait_for


class NoAnswer(NotWritable):
    """The storage of a study does not answer; runs that notice are interrupted and go on later."""


class Storage:
    """The storage of studies.

    Parameters
    ----------
    address : of a database that SQLAlchemy knows; None for a journal file.
    folder : for journal and locks.
    name : of the study.

    Raises
    ------
    UsageError : where the address is none.
    """

    def __init__(self, address: str | None, folder: Path, name: str) -> None:
        self.url = None if address is None else _url(address)
        # Optuna's lock is a symbolic link to the journal, which a relative path would lead astray.
        self.folder = folder.absolute()
        self.journal = self.folder / f"{name}.journal"

    @property
    def place(self) -> str:
        """Path or address, without a password; `optuna-dashboard` opens it."""
        return str(self.journal) if self.url is None else self.url.render_as_string(hide_password=True)

    def open(self) -> BaseStorage:
        """Return Optuna's storage; one that is not there is made."""
        if self.url is not None:
            return get_storage(self.url.render_as_string(hide_password=False))
        lock: Any = _JournalLock(self.journal)
        return JournalStorage(JournalFileBackend(str(self.journal), lock))

    @contextmanager
    def alone(self, work: str) -> Iterator[None]:
        """Keep other processes from the same work meanwhile, also those of other ledgers on one PostgreSQL.

        Parameters
        ----------
        work : a name for it.
        """
        with wait_for(self.folder / work):
            if self.url is None or self.url.get_backend_name() != "postgresql":
                yield
                return
            with create_engine(self.url, poolclass=NullPool).connect() as connection:
                for option, value in (("idle", "30"), ("interval", "10"), ("count", "3")):
                    # A machine that vanishes while it holds the lock gives it back after a minute, not after hours.
                    connection.execute(text(f"SET tcp_keepalives_{option} = {value}"))
                connection.execute(text("SELECT pg_advisory_lock(hashtext(:work))"), {"work": f"cadc {work}"})
                yield  # the lock goes with the connection

    @contextmanager
    def reached(self) -> Iterator[None]:
        """Raise NoAnswer where the database does not answer."""
        try:
            yield
        except (SQLAlchemyError, StorageInternalError) as error:
            raise NoAnswer(
                f"the study in {self.place} does not answer ({self.reason(error)}); the same command goes on later."
            ) from error

    def reason(self, error: Exception) -> str:
        """Return the first line of an error, without the password."""
        cause = error
        while isinstance(error, StorageInternalError) and cause.__cause__ is not None:
            cause = cause.__cause__  # type: ignore[assignment]
        line = next(iter(str(cause).splitlines()), "") or type(cause).__name__
        password = self.url.password if self.url is not None else None
        return line.replace(str(password), "***") if password else line


def _url(address: str) -> URL:
    try:
        url = make_url(address)
        if url.drivername == "postgres":
            url = url.set(drivername="postgresql")
        # SQLAlchemy takes psycopg2 unless told otherwise.
        if url.drivername == "postgresql" and find_spec("psycopg2") is None and find_spec("psycopg") is not None:
            url = url.set(drivername="postgresql+psycopg")
        url.get_dialect().import_dbapi()
    except NoSuchModuleError as error:
        raise UsageError(f"tune.storage begins with {url.drivername}, which names no known database.") from error
    except (ArgumentError, ValueError) as error:
        # The error repeats the address, and with it a password.
        raise UsageError("tune.storage is no address of a database, such as postgresql://user@host/db.") from error
    except ImportError as error:
        hint = "; `pip install 'psycopg[binary]'` does so" if url.get_backend_name() == "postgresql" else ""
        raise UsageError(f"tune.storage needs {error.name}, which is not installed{hint}.") from error
    return url


class _JournalLock:
    """Optuna's lock, which a dashboard takes too, behind a lease, which shows at once that its holder was killed.

    Parameters
    ----------
    path : of the journal, absolute.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lease: Lease | None = None
        # Whoever holds the lease waits for a dashboard at most, or clears away what a killed process left.
        self._link = JournalFileSymlinkLock(str(path), grace_period=3)

    def acquire(self) -> bool:
        """Wait for the lock; what a full disk left of the last line goes, or the next one would be glued to it."""
        self._lease = wait_for(self.path.with_name(f"{self.path.name}.writing"))
        try:
            self._link.acquire()
            try:
                _cut_half_line(self.path)
            except BaseException:
                self._link.release()
                raise
        except BaseException:
            self._lease.release()
            raise
        return True

    def release(self) -> None:
        """Give the lock back."""
        assert self._lease is not None
        try:
            self._link.release()
        finally:
            self._lease.release()


def _cut_half_line(path: Path) -> None:
    content = path.read_bytes()
    if content and not content.endswith(b"\n"):
        with path.open("r+b") as file:
            file.truncate(content.rfind(b"\n") + 1)
