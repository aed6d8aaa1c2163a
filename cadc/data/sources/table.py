"""A table of your own: a CSV or Parquet file whose columns are described by options or in a YAML file."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, ClassVar

from cadc.configuration.components import cast_options
from cadc.data.files.formats import Quoting, require_quoting
from cadc.data.files.places import TableFiles
from cadc.data.files.stores import is_in_store
from cadc.data.numbering.engine import Engine, numbering_of, require_engine
from cadc.data.numbering.in_memory import InMemory
from cadc.data.raw import RawLog
from cadc.data.schema import Field, Schema, Side
from cadc.data.sources.description import read_description
from cadc.data.sources.entities_from_rows import EntitiesFromRows
from cadc.data.sources.part_hashes import require_different
from cadc.data.sources.side_values import Conflict, require_conflict
from cadc.data.sources.source import Source
from cadc.data.sources.table_roles import require_parts, require_roles
from cadc.data.sources.table_rows import TableRows
from cadc.errors import CadcError, DataError, UsageError, require_at_least, shown
from cadc.paths import user_path

PLACES = ("path", "validation_path", "test_path")
"""Options that say where rows are."""


class Table(Source):
    """A log of interactions, such as clicks, ratings or purchases: files with a row for each, or files of each part.

    Ids and categories are read as texts, and whole numbers of any type as their digits, see
    `cadc.data.canonical.canonical_texts`. A side feature of a user or an item must be the same in all its rows unless
    `on_conflict` says what counts; empty values are missing values and may stand beside others.

    Parameters
    ----------
    path : a file .csv, .tsv or .txt, each also compressed (.csv.gz, .bz2, .zst), or .parquet. A CSV file begins with
        the names of its columns, which are separated by commas, semicolons, tabs or pipes. Or a folder of such files
        with the same columns, or the address of either in a store, such as `s3://bucket/log/`; see
        `cadc.data.files.places.TableFiles`.
    validation_path, test_path : further places with the same columns, each in any format; then `path` holds the
        training rows alone, see `cadc.data.split.given.GivenSplit`.
    description : a YAML file that sets any of the other options; an option that is also given here wins. Its paths
        start from its own folder.
    name : name of the data set in records and tables.
    user, item : columns with ids; a log of clicks may have none.
    label : column of 0 and 1, or of true and false.
    rating, threshold : in place of a label, a column of numbers and the lowest number that is a positive label; both
        are compared in the column's own precision. A rating beside a label has no threshold; it is kept as it is.
    time : column of seconds, or of dates and times; parts of a second count. Those without a zone are taken as UTC.
    part : column that names the part of each row, see `cadc.data.sources.table_rows.PARTS`.
    user_fields, item_fields, context_fields : categorical columns that describe the user, the item or the row.
    user_bags, item_bags : columns of the user and the item that hold any number of values, in a text or in a list.
    bag_separator : separator of two values of a text; blanks around a value do not count.
    header : whether the first line of a CSV file names the columns; otherwise they have numbers from 1, and the
        features of column 3 are named `column_3`.
    quoting : whether quotes enclose values of a CSV file: `double` (a quote inside them is doubled, RFC 4180), `none`
        (they are characters like any other), or `auto`, which means `none` if tabs separate the columns of a .tsv or
        .txt, and `double` otherwise, but refuses a quoted value with line breaks that looks like several rows.
    dense : columns of numbers.
    min_count : a value of a context field with fewer training rows counts as unknown.
    on_conflict : what counts if the rows of a user or item hold several values of a side feature: none, as that is an
        `error`; the `first`; the most frequent one (`most`; of equals the first); or all, each once (`bag`, which makes
        bags of all side features).
    engine : what numbers ids and categories, see `cadc.data.numbering.engine`; ids with side features stay in memory.

    Raises
    ------
    DataError : if the description is not a YAML file of options, or the file does not hold what the options say.
    UsageError : if the options contradict each other.
    """

    extra_columns: ClassVar[tuple[str, ...]] = ("rating",)
    without_effect: ClassVar[tuple[str, ...]] = ("path", "validation_path", "test_path", "description", "engine")

    def __init__(
        self,
        path: str | None = None,
        description: str | None = None,
        validation_path: str | None = None,
        test_path: str | None = None,
        name: str = "table",
        user: str | None = None,
        item: str | None = None,
        label: str | None = None,
        rating: str | None = None,
        threshold: float | None = None,
        time: str | None = None,
        part: str | None = None,
        user_fields: Sequence[str] = (),
        item_fields: Sequence[str] = (),
        context_fields: Sequence[str] = (),
        user_bags: Sequence[str] = (),
        item_bags: Sequence[str] = (),
        bag_separator: str = "|",
        header: bool = True,
        quoting: Quoting = "auto",
        dense: Sequence[str] = (),
        min_count: int = 1,
        on_conflict: Conflict = "error",
        engine: Engine = "auto",
    ) -> None:
        self.path, self.validation_path, self.test_path = path, validation_path, test_path
        self.description, self.name = description, name
        self.user, self.item, self.time, self.part = user, item, time, part
        self.label, self.rating, self.threshold = label, rating, threshold
        self.user_fields, self.item_fields, self.context_fields = user_fields, item_fields, context_fields
        self.user_bags, self.item_bags, self.bag_separator = user_bags, item_bags, bag_separator
        self.header = header
        self.quoting: Quoting = quoting
        self.dense, self.min_count = dense, min_count
        self.on_conflict: Conflict = on_conflict
        self.engine: Engine = engine
        if description is not None:
            self._complete(user_path(description))
        if not (self.name.strip() and self.name.isprintable()):
            raise UsageError(f"data.name is {shown(self.name)}; expected a text on one line.")
        require_at_least(1, "data", min_count=self.min_count)
        require_quoting(self.quoting)
        require_conflict(self.on_conflict)
        require_engine(self.engine)
        require_parts(self)

    @staticmethod
    def _known() -> dict[str, Any]:
        """Return the options that a description may set, and their defaults."""
        from cadc.configuration.components import defaults

        return {key: value for key, value in defaults(Table).items() if key != "description"}

    def _complete(self, path: Path) -> None:
        """Set the options that the description holds and that were not given otherwise."""
        known = self._known()
        given = read_description(path, known)
        try:
            options = cast_options(Table, given)
        except UsageError as error:
            raise DataError(f"{path}: {error}") from error
        for key, value in options.items():
            if getattr(self, key) == known[key]:
                is_path = key in PLACES and value is not None and not is_in_store(value)
                setattr(self, key, str(path.parent / user_path(value)) if is_path else value)

    @classmethod
    def completed(cls, options: Mapping[str, Any]) -> dict[str, Any]:
        """Return the options with those of the description."""
        if options.get("description") is None:
            return dict(options)
        table = cls(**options)
        return {name: getattr(table, name) for name in cls._known()}

    @classmethod
    def brings_parts(cls, options: Mapping[str, Any]) -> bool:
        """Tell whether the options, or the description that they name, say which part a row belongs to."""
        with suppress(CadcError):  # of the description; it is said when the table is read
            options = cls.completed(options)
        return any(options.get(name) is not None for name in ("part", "validation_path", "test_path"))

    def place(self) -> str:
        """Say which option names the files."""
        return "your own file or folder of files, data.path=FILE"

    def own_quoting(self) -> Quoting:
        """Return the option `quoting`."""
        return self.quoting

    def own_header(self) -> bool:
        """Return the option `header`."""
        return self.header

    def own_names(self) -> dict[str, str]:
        """Return the columns that the options name."""
        roles = (("user", self.user), ("item", self.item), ("time", self.time))
        found = {role: name for role, name in roles if name}
        return found if self.header else found | {self.field_name(column): column for column in self.features()}

    def fingerprint(self) -> dict[str, str]:
        """Return SHA-256 of the file or folder, or of that of each part.

        Raises
        ------
        DataError : if a file cannot be read, or two parts have the same content.
        """
        named = {part: files.fingerprint() for part, files in self._files().items()}
        require_different({part: own for part, (_, own) in named.items()}, self._files())
        return {f"{part}: {name}" if part else name: own for part, (name, own) in named.items()}

    def edition(self, fingerprint: dict[str, str]) -> str:
        """Return `local`."""
        return "local"

    def read(self) -> RawLog:
        """Check the options against the columns of the files, and return the log, whose rows are read on demand."""
        files = self._files()
        require_roles(self)
        for own_files in files.values():
            own_files.require(self.columns(), self.quoting, self.header)
        numbering = numbering_of(self.engine, sum(own_files.n_bytes for own_files in files.values()))
        sides: dict[Side, EntitiesFromRows | None] = {}
        fields: list[Field] = []
        named: tuple[tuple[Side, str | None, Sequence[str], Sequence[str]], ...] = (
            ("user", self.user, self.user_fields, self.user_bags),
            ("item", self.item, self.item_fields, self.item_bags),
        )
        for side, column, own, bags in named:
            if column:
                own, bags = [*map(self.field_name, own)], [*map(self.field_name, bags)]
                sides[side] = None
                if own or bags or numbering is InMemory:
                    sides[side] = EntitiesFromRows(side, own, bags, None, self.bag_separator, self.on_conflict)
                fields += side_fields(side, *(((), (*own, *bags)) if self.on_conflict == "bag" else (own, bags)))
        fields += [Field(self.field_name(column), "context") for column in self.context_fields]
        rows = TableRows(self, files, sides)
        schema = Schema(tuple(fields), tuple(map(self.field_name, self.dense)))
        return RawLog(schema, rows.entities, rows, self.min_count, rows.remarks, numbering)

    def _files(self) -> dict[str, TableFiles]:
        """Return the files of each part, or those of all parts by an empty text."""
        if not self.path:
            raise UsageError("data=table needs data.path, a .csv, .tsv or .parquet file; a description may set path.")
        given = {"train": self.path, "validation": self.validation_path, "test": self.test_path}
        found = {part: TableFiles(path) for part, path in given.items() if path is not None}
        return found if len(found) > 1 else {"": found["train"]}

    def columns(self) -> list[str]:
        """Return the columns of a file that the options name."""
        single = [name for name in (self.user, self.item, self.label, self.rating, self.time, self.part) if name]
        return [*single, *self.features()]

    def field_name(self, column: str) -> str:
        """Return the name of a column's field or dense column: of column 3 of a file without names, `column_3`."""
        return column if self.header else f"column_{column}"

    def features(self) -> list[str]:
        """Return the columns that become fields and dense columns, users and items left out."""
        lists = (self.user_fields, self.item_fields, self.context_fields, self.user_bags, self.item_bags, self.dense)
        return [name for names in lists for name in names]


def side_fields(side: Side, fields: Sequence[str], bags: Sequence[str]) -> list[Field]:
    """Return the fields of users or items: the id, the single-valued features, and the bags."""
    return [Field(side, side), *(Field(name, side) for name in fields), *(Field(name, side, bag=True) for name in bags)]
