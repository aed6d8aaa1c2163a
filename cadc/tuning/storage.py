"""Storage of studies: a journal file in the ledger, or a database that several machines reach."""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

from optuna.exceptions import StorageInternalError
from optuna.storages import BaseStorage, JournalStorage, get_storage
from optuna.storages.journal import JournalFileBackend, JournalFileSymlinkLock
from sqlalchemy import create_engine, make_url, text
from sqlalchemy.engine import URL
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError
from sqlalchemy.pool import NullPool

from cadc.errors import UsageError
from cadc.escape import SECRET, without_passwords
from cadc.ledger.store import NotWritable
from cadc.storage.lease import Lease, wait_for


class NoAnswer(NotWritable):
    """The storage of a study does not answer; runs that notice are interrupted and resumed later."""


class Storage:
    """The storage of studies.

    Parameters
    ----------
    address : URL of a database that SQLAlchemy supports; None for a journal file.
    folder : of journal and locks.
    name : of the study.

    Raises
    ------
    UsageError : for an invalid address, or one whose driver is not installed.
    """

    def __init__(self, address: str | None, folder: Path, name: str) -> None:
        self.url = None if address is None else _url(address)
        # Optuna's lock is a symbolic link to the journal, for which a relative path would be wrong.
        self.folder = folder.absolute()
        self.journal = self.folder / f"{name}.journal"

    @property
    def place(self) -> str:
        """Path or address without password, which `optuna-dashboard` opens."""
        return str(self.journal) if self.url is None else without_passwords(_rendered(self.url))

    def open(self) -> BaseStorage:
        """Return Optuna's storage, which is created if necessary."""
        if self.url is not None:
            return get_storage(_rendered(self.url))
        lock: Any = _JournalLock(self.journal)
        return JournalStorage(JournalFileBackend(str(self.journal), lock))

    @contextmanager
    def alone(self, work: str) -> Iterator[None]:
        """Hold a lock on some work, also against processes of other ledgers that share a PostgreSQL database.

        Parameters
        ----------
        work : name of the work.
        """
        with wait_for(self.folder / work):
            if self.url is None or self.url.get_backend_name() != "postgresql":
                yield
                return
            with create_engine(self.url, poolclass=NullPool).connect() as connection:
                for option, value in (("idle", "30"), ("interval", "10"), ("count", "3")):
                    # The lock of a machine that vanishes is released after a minute, not after hours.
                    connection.execute(text(f"SET tcp_keepalives_{option} = {value}"))
                connection.execute(text("SELECT pg_advisory_lock(hashtext(:work))"), {"work": f"cadc {work}"})
                yield  # the lock is released with the connection

    @contextmanager
    def reached(self) -> Iterator[None]:
        """Raise NoAnswer if the database does not answer."""
        try:
            yield
        except (SQLAlchemyError, StorageInternalError) as error:
            raise NoAnswer(
                f"the study in {self.place} does not answer ({self.reason(error)}); run the command again to resume."
            ) from error

    def reason(self, error: Exception) -> str:
        """Return the first line of an error without passwords."""
        cause = error
        while isinstance(error, StorageInternalError) and cause.__cause__ is not None:
            cause = cause.__cause__  # type: ignore[assignment]
        line = next(iter(str(cause).splitlines()), "") or type(cause).__name__
        for secret in _secrets(self.url) if self.url is not None else ():
            line = line.replace(secret, "***")
        return without_passwords(line)


def _rendered(url: URL) -> str:
    return url.render_as_string(hide_password=False)


def _secrets(url: URL) -> list[str]:
    """Return the passwords of an address, as they are and as addresses write them."""
    query = [value for name, value in url.query.items() if SECRET.search(name)]
    texts = [text for value in query for text in ([value] if isinstance(value, str) else value)]
    found = [text for text in (url.password, *texts) if text]
    return [form for text in found for form in dict.fromkeys((text, quote(text, safe=""), quote_plus(text)))]


def _url(address: str) -> URL:
    try:
        url = make_url(address)
        if url.drivername == "postgres":
            url = url.set(drivername="postgresql")
        # SQLAlchemy uses psycopg2 by default.
        if url.drivername == "postgresql" and find_spec("psycopg2") is None and find_spec("psycopg") is not None:
            url = url.set(drivername="postgresql+psycopg")
        url.get_dialect().import_dbapi()
    except NoSuchModuleError as error:
        raise UsageError(
            f"tune.storage begins with {url.drivername}, which is not supported; use postgresql://."
        ) from error
    except (ArgumentError, ValueError) as error:
        # The error contains the address, and with it the password.
        raise UsageError("tune.storage is not an address; expected postgresql://user@host/db or the like.") from error
    except ImportError as error:
        hint = "; run `pip install 'psycopg[binary]'`" if url.get_backend_name() == "postgresql" else ""
        raise UsageError(f"tune.storage needs {error.name}, which is not installed{hint}.") from error
    return url


class _JournalLock:
    """Optuna's lock, which a dashboard also takes, behind a lease, which shows at once that its holder was killed.

    Parameters
    ----------
    path : absolute path of the journal.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lease: Lease | None = None
        # The holder of the lease only waits for a dashboard, or removes the lock of a killed process.
        self._link = JournalFileSymlinkLock(str(path), grace_period=3)

    def acquire(self) -> bool:
        """Wait for the lock; remove an incomplete last line, to which the next one would be appended."""
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
        """Release the lock."""
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
