"""Where the rows of a table are: in one file, or in all files of a folder, on a disk or in a store."""

import hashlib
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet

from cadc.data.columns import column_names, require_columns
from cadc.data.files.formats import Format, Quoting, format_of
from cadc.data.files.stores import fetched, is_in_store, with_numbers
from cadc.data.text import unreadable
from cadc.errors import DataError
from cadc.paths import regular_file, user_path
from cadc.provenance.fingerprint import file_hash
from cadc.storage.manifest import MANIFEST

HINT = "Give all files of a folder the same columns and types, or read them as folders of their own."


class TableFiles:
    """One file, or the files of a folder and of the folders below it, which have the same columns.

    The files of a folder are read in the order of their names, numbers in them by size, so that `part-10` follows
    `part-9`. Names that begin with a dot or an underscore are left out.

    Parameters
    ----------
    place : a path, or an address in a store such as `s3://bucket/log/`.
    format_by_name : tells the format of a file, or raises a DataError.
    """

    def __init__(self, place: str, format_by_name: Callable[[Path], Format] = format_of) -> None:
        self.place, self.format_by_name = place, format_by_name

    @cached_property
    def path(self) -> Path:
        """The file or folder on this machine; what is in a store is fetched first."""
        return fetched(self.place) if is_in_store(self.place) else user_path(self.place)

    @cached_property
    def files(self) -> list[Path]:
        """The files in the order in which they are read.

        Raises
        ------
        DataError : if a folder holds no file, one whose name tells no format, or a link to another folder.
        """
        if not self.path.is_dir():
            return [self.path]
        found = [
            path
            for path in self.path.rglob("*")
            # Links to nowhere are kept, so that reading them fails, and no rows are left out in silence.
            if (path.is_symlink() or not path.is_dir())
            and not any(part[0] in "._" for part in path.relative_to(self.path).parts)
            and not (is_in_store(self.place) and path.name == MANIFEST)
        ]
        if not found:
            raise DataError(f"{self.path} is a folder without files; expected .csv, .tsv, .txt or .parquet files.")
        for path in found:
            if path.is_dir():
                raise DataError(
                    f"{path} is a link to a folder, which is not followed; expected files and folders. Move the folder "
                    "there, or begin the name of the link with a dot to leave it out."
                )
            self.format_by_name(path)
        return sorted(found, key=lambda path: with_numbers(str(path.relative_to(self.path))))

    @property
    def n_bytes(self) -> int:
        """Bytes of all files."""
        return sum(path.stat().st_size for path in self.files)

    def fingerprint(self) -> tuple[str, str]:
        """Return the name of the file or folder, and a SHA-256 of its content: of a folder, of all names and contents.

        Raises
        ------
        DataError : if a file cannot be read.
        """
        content = hashlib.sha256()
        for path in self.files:
            try:
                hashed = file_hash(regular_file(path))
            except OSError as error:
                raise unreadable(path, error) from error
            if path == self.path:
                return path.name, hashed
            content.update(f"{path.relative_to(self.path)} {hashed}\n".encode())
        return f"{self.name}/", content.hexdigest()

    @property
    def name(self) -> str:
        """Name of the file or folder, as its place has it."""
        return Path(self.place.rstrip("/")).name

    def require(self, columns: Sequence[str], quoting: Quoting = "auto", header: bool = True) -> None:
        """Raise a DataError if a file lacks a column, or the files of a folder differ in their columns or their types.

        Parameters
        ----------
        columns : names of the columns that are read.
        quoting, header : of text files, see `cadc.data.columns`.
        """
        first: dict[str, str] = {}
        for path in self.files:
            names = column_names(path, columns, quoting, header, self.format_by_name(path))
            require_columns(path, columns, names)
            if len(self.files) == 1:
                return
            kinds = self._kinds(path, names)
            first = first or kinds
            if kinds != first:
                raise DataError(f"{path} differs from {self.files[0]}: {_difference(kinds, first)}. {HINT}")

    def _kinds(self, path: Path, names: Sequence[str]) -> dict[str, str]:
        """Return the type of each column of a file; all columns of a text file are texts."""
        if not self.format_by_name(path).is_parquet:
            return dict.fromkeys(names, "text")
        schema = pa.parquet.read_schema(path)
        return {name: str(schema.field(name).type) for name in names}


def _difference(kinds: dict[str, str], first: dict[str, str]) -> str:
    """Return in words how the columns of a file differ from those of the first one."""
    lacks, has = sorted(first.keys() - kinds.keys()), sorted(kinds.keys() - first.keys())
    if lacks or has:
        said = [f"it lacks {_named(lacks)}"] if lacks else []
        said += [f"it also has {_named(has)}"] if has else []
        return " and ".join(said)
    name = next(name for name in first if kinds[name] != first[name])
    return f"its column {name!r} holds {kinds[name]}, expected {first[name]}"


def _named(columns: Sequence[str]) -> str:
    return f"the column{'s' * (len(columns) > 1)} {', '.join(map(repr, columns))}"
