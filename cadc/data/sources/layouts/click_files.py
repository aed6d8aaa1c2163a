"""Logs of clicks in a publisher's layout: its own file, or files of the same columns in a place of one's own."""

from pathlib import Path
from typing import ClassVar

from cadc.data.files.formats import Format, format_of
from cadc.data.files.places import TableFiles
from cadc.data.numbering.engine import Engine, numbering_of, require_engine
from cadc.data.numbering.numbering import Numbering
from cadc.data.sources.published import PublishedFiles
from cadc.errors import require_at_least


class ClickFiles(PublishedFiles):
    """Rows of clicks with many categories, without user and item ids.

    Parameters
    ----------
    min_count : a category with fewer training rows counts as unknown.
    path : a file of the same columns, a folder of such files, or the address of either in a store, see
        `cadc.data.files.places.TableFiles`; None takes the publisher's file under `CADC_DATA_DIR`.
    engine : what numbers categories, see `cadc.data.numbering.engine`.
    """

    by_hand: ClassVar[bool] = True
    without_effect: ClassVar[tuple[str, ...]] = ("path", "engine")

    columns: ClassVar[tuple[str, ...]]
    """Columns that are read."""
    header: ClassVar[bool]
    """Whether text files begin with the names of their columns; without, they have `columns` in this order."""

    def __init__(self, min_count: int = 10, path: str | None = None, engine: Engine = "auto") -> None:
        require_at_least(1, "data", min_count=min_count)
        require_engine(engine)
        self.min_count, self.path = min_count, path
        self.engine: Engine = engine

    def place(self) -> str:
        """Return the place of one's own, or that of the publisher's file."""
        return self.path or super().place()

    def fingerprint(self) -> dict[str, str]:
        """Return the SHA-256 of the publisher's file, or of all files of a place of one's own."""
        return super().fingerprint() if self.path is None else dict([self.table_files().fingerprint()])

    def edition(self, fingerprint: dict[str, str]) -> str:
        """Return `local` for files of one's own."""
        return super().edition(fingerprint) if self.path is None else "local"

    def table_files(self) -> TableFiles:
        """Return the files that hold the rows.

        Raises
        ------
        DataError : if one of several files has other columns or types.
        """
        found = TableFiles(self.path or str(self.folder / self.files[0]), self.format_of_file)
        if self.header or all(self.format_of_file(path).is_parquet for path in found.files):
            found.require(self.columns)
        return found

    def numbering(self) -> type[Numbering]:
        """Return what numbers the categories."""
        return numbering_of(self.engine, self.table_files().n_bytes)

    @staticmethod
    def format_of_file(path: Path) -> Format:
        """Return the format of a file; one without a suffix is text, as the days of Criteo's log are (`day_0`)."""
        return format_of(path) if path.suffix else Format("\t")
