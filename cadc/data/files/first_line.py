"""The first line of a text file, which names its columns or shows how many there are, and what separates them."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass

from cadc.data.files.formats import Format, Quoting

OTHER_SEPARATORS = ",;\t|"
NAMES = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "pipes", " ": "blanks"}


@dataclass(frozen=True)
class FirstLine:
    """The first line of a file.

    Parameters
    ----------
    text : the line; empty where the columns are known without it.
    file_format : of the file.
    quoting : how values are quoted, see `Format.has_quotes`.
    has_header : whether the line names the columns, which have numbers from 1 otherwise.
    """

    text: str
    file_format: Format
    quoting: Quoting
    has_header: bool

    def has_quotes(self, separator: str) -> bool:
        """Tell whether quotes enclose values, if a separator is that of the file."""
        return self.file_format.has_quotes(separator, self.quoting, self.text if self.has_header else "")

    def names(self, text: str, separator: str) -> list[str]:
        """Return the names of the columns, from the whole first row.

        Parameters
        ----------
        text : of the row, which may be longer than this line.
        separator : of the file.
        """
        values = split_line(text, separator, self.has_quotes(separator))
        return values if self.has_header else [str(number) for number in range(1, len(values) + 1)]

    def separators(self, wanted: Sequence[str]) -> list[str]:
        """Return the separators that find most of the wanted columns, that of the file's suffix first.

        >>> FirstLine("1;2,5;3,0", Format(","), "auto", has_header=False).separators(["1", "3"])
        [',', ';']
        """

        def n_found(separator: str) -> tuple[int, bool]:
            names = self.names(self.text, separator)
            return len({*wanted}.intersection(names)), len(names) > 1

        tried = dict.fromkeys((self.file_format.separator, *OTHER_SEPARATORS))
        most = max(map(n_found, tried))
        return [separator for separator in tried if n_found(separator) == most]

    def remark(self, wanted: Sequence[str]) -> str:
        """Return a sentence about a line without names that several separators fit; otherwise an empty text."""
        first, *others = self.separators(wanted)
        if self.has_header or not others or not self.text:
            return ""
        fit = " or ".join(NAMES[separator] for separator in others)
        return f"columns are taken to be separated by {NAMES[first]}; by its first line, {fit} could separate them, too"


def split_line(line: str, separator: str, has_quotes: bool) -> list[str]:
    """Return the values of a line.

    >>> split_line('a,"b,c"', ",", True)
    ['a', 'b,c']
    """
    if not has_quotes or '"' not in line:
        return line.split(separator)
    try:
        return next(csv.reader([line], delimiter=separator, strict=True), [])
    except csv.Error:  # a name that is far too long, or a quote in the wrong place
        return line.split(separator)
