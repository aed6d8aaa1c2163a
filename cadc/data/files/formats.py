"""What the name of a table file says of its format."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from cadc.errors import DataError, UsageError

Quoting = Literal["auto", "none", "double"]
QUOTINGS = ("auto", "none", "double")
SEPARATORS = {".csv": ",", ".tsv": "\t", ".txt": "\t"}
"""Separator of columns by suffix, unless another one finds more of the wanted columns in the header."""
COMPRESSIONS = {".gz": "gzip", ".bz2": "bz2", ".zst": "zstd"}
"""Arrow's name of a compression, by suffix."""
PARQUET = (".parquet", ".pq")


@dataclass(frozen=True)
class Format:
    """Format of a table file.

    Parameters
    ----------
    separator : usual separator of a text file; empty for Parquet.
    compression : Arrow's name of the compression around a text file; None if there is none.
    """

    separator: str
    compression: str | None = None

    @property
    def is_parquet(self) -> bool:
        """Whether the file is Parquet rather than text."""
        return not self.separator

    def has_quotes(self, separator: str, quoting: Quoting, header: str) -> bool:
        r"""Tell whether quotes enclose values, or are characters like any other.

        Parameters
        ----------
        separator : separator of the file.
        quoting : `none` or `double` (a quote inside a quoted value is doubled, RFC 4180); `auto` means `double` unless
            tabs separate the columns of a .tsv or .txt whose names are not quoted.
        header : the line of names; empty if there is none.

        Examples
        --------
        >>> Format("\t").has_quotes("\t", "auto", "user\titem")
        False
        """
        if quoting != "auto" or separator != "\t" or self.separator != "\t":
            return quoting != "none"
        return all(len(name) > 1 and name[0] == name[-1] == '"' for name in header.split(separator))


def format_of(path: Path) -> Format:
    """Return the format that the suffixes of a file tell, in upper or lower case.

    Raises
    ------
    DataError : if they tell none.

    Examples
    --------
    >>> format_of(Path("log.CSV.gz"))
    Format(separator=',', compression='gzip')
    """
    inner, outer = Path(path.stem).suffix.lower(), path.suffix.lower()
    if outer in PARQUET:
        return Format("")
    if outer in SEPARATORS:
        return Format(SEPARATORS[outer])
    if outer in COMPRESSIONS and inner in SEPARATORS:
        return Format(SEPARATORS[inner], COMPRESSIONS[outer])
    raise DataError(
        f"{path} ends in none of .csv, .tsv, .txt (each also with .gz, .bz2 or .zst), .parquet and .pq; rename or "
        "convert it."
    )


def require_quoting(quoting: str) -> None:
    """Raise a UsageError for a way of quoting that does not exist.

    >>> require_quoting("single")
    Traceback (most recent call last):
    cadc.errors.UsageError: data.quoting is 'single'; it must be auto, none or double.
    """
    if quoting not in QUOTINGS:
        raise UsageError(f"data.quoting is {quoting!r}; it must be auto, none or double.")
