"""Data sets of one's own that lie in a folder, in a file for each part."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from cadc.data.sources.part_hashes import own_hash, part_hashes
from cadc.data.sources.source import Source
from cadc.data.split.split import SPLITS
from cadc.errors import CadcError, DataError, UsageError, shown
from cadc.paths import user_path

ALL_ROWS = ""
"""In place of a part: the file holds all rows, and does not say which part they belong to."""


class PartFiles(Source):
    """A folder with a file of training rows, one of test rows, and maybe one of validation rows.

    Parameters
    ----------
    path : the folder, or a file that holds all rows.
    name : name of the data set in records and tables.
    train, validation, test : names of the files in the folder; None finds them by `patterns`.

    Raises
    ------
    UsageError : for a name that is not a text on one line.
    """

    without_effect: ClassVar[tuple[str, ...]] = ("path",)

    patterns: ClassVar[Mapping[str, tuple[str, ...]]]
    """What the names of a part's file may look like, by part; under `ALL_ROWS` those of a file of all rows."""
    option: ClassVar[str]
    """The option of the group `data` that this class is, for messages."""

    def __init__(
        self, path: str | None, name: str, train: str | None, validation: str | None, test: str | None
    ) -> None:
        self.path, self.name = path, name
        self.train, self.validation, self.test = train, validation, test
        if not (name.strip() and name.isprintable()):
            raise UsageError(f"data.name is {shown(name)}; expected a text on one line.")

    @classmethod
    def brings_parts(cls, options: Mapping[str, Any]) -> bool:
        """Tell whether the folder has a file for each part."""
        try:
            return ALL_ROWS not in cls(**options).files()
        except CadcError:  # of the folder; it is said when the files are read
            return False

    def place(self) -> str:
        """Say which option names the folder."""
        return "a folder of your own, data.path=FOLDER"

    def edition(self, fingerprint: dict[str, str]) -> str:
        """Return `local`."""
        return "local"

    def fingerprint(self) -> dict[str, str]:
        """Return the SHA-256 of all files that are read.

        Raises
        ------
        DataError : if a file cannot be read, or two parts have the same content.
        """
        files, hashes = self.files(), dict[str, str]()
        parts = [(part, files[part], own) for part, own in part_hashes(files).items()]
        for part, file, own in [*parts, *((ALL_ROWS, file, own_hash(file)) for file in self.files_beside())]:
            # Files of two folders may have one name.
            hashes[f"{part}/{file.name}" if file.name in hashes else file.name] = own
        return hashes

    def files_beside(self) -> list[Path]:
        """Return the further files that are read."""
        return []

    def files(self) -> dict[str, Path]:
        """Return the file of each part, in the order of `SPLITS`, or one file under `ALL_ROWS`.

        Raises
        ------
        UsageError : if no path is given, or names of files beside the path of a file.
        DataError : if the folder lacks a file, or has several for a part.
        """
        if not self.path:
            raise UsageError(f"data={self.option} needs data.path, a folder with {self._looks_like()}.")
        folder, named = user_path(self.path), dict(zip(SPLITS, (self.train, self.validation, self.test), strict=True))
        if not folder.is_dir():
            if given := next((part for part, file in named.items() if file), None):
                raise UsageError(f"data.{given} names a file of a folder, but data.path={folder} is not a folder.")
            return {ALL_ROWS: folder}
        found = {part: folder / file if file else self._of_part(folder, part) for part, file in named.items()}
        parts = {part: file for part, file in found.items() if file}
        if not parts and (whole := self._of_part(folder, ALL_ROWS)):
            return {ALL_ROWS: whole}
        for part in ("train", "test"):
            if part not in parts:
                raise DataError(
                    f"{folder} has no file of {part} rows; expected {self._looks_like()}. Set data.{part} to its name, "
                    "or data.path to a file of all rows."
                )
        return parts

    def _of_part(self, folder: Path, part: str) -> Path | None:
        found = sorted({file for pattern in self.patterns.get(part, ()) for file in folder.glob(pattern)})
        if len(found) > 1:
            hint = f"data.{part} to the name of one" if part else "data.path to one"
            names = ", ".join(shown(file.name) for file in found[:5])
            raise DataError(
                f"{folder} has {len(found)} files {f'of {part} rows' if part else 'of rows'} ({names}); set {hint}."
            )
        return found[0] if found else None

    def _looks_like(self) -> str:
        return ", ".join(patterns[0] for patterns in self.patterns.values())


def part_column(part: str, n_rows: int) -> NDArray[np.uint8] | None:
    """Return the column `part` of a chunk whose rows come from the file of a part; None for `ALL_ROWS`.

    >>> part_column("test", 3).tolist()
    [2, 2, 2]
    """
    return None if part == ALL_ROWS else np.full(n_rows, SPLITS.index(part), np.uint8)
