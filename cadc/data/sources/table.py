"""A table of your own: a CSV or Parquet file whose columns are described by options or in a YAML file."""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from cadc.configuration.components import cast_options
from cadc.data.column_block import Block
from cadc.data.columns import column_names, read_columns, require_columns
from cadc.data.files.formats import Quoting, require_quoting
from cadc.data.in_threads import in_threads
from cadc.data.raw import Chunk, EntityTable, RawLog
from cadc.data.schema import Field, Schema, Side
from cadc.data.sources.description import read_description
from cadc.data.sources.entities_from_rows import EntitiesFromRows
from cadc.data.sources.side_values import Conflict, require_conflict
from cadc.data.sources.source import Source
from cadc.data.text import unreadable
from cadc.data.times import TimeColumn
from cadc.errors import DataError, UsageError, require_at_least, shown
from cadc.paths import regular_file, user_path
from cadc.provenance.fingerprint import file_hash


class Table(Source):
    """A log of interactions, such as clicks, ratings or purchases, in one file with a row for each.

    Ids and categories are read as texts, and whole numbers of any type as their digits, see
    `cadc.data.canonical.canonical_texts`. A side feature of a user or an item must be the same in all its rows unless
    `on_conflict` says what counts; empty values are missing values and may stand beside others.

    Parameters
    ----------
    path : a file .csv, .tsv or .txt, each also compressed (.csv.gz, .bz2, .zst), or .parquet. A CSV file begins with
        the names of its columns, which are separated by commas, semicolons, tabs or pipes.
    description : a YAML file that sets any of the options below; an option that is also given here wins.
    name : name of the data set in records and tables.
    user, item : columns with ids; a log of clicks may have none.
    label : column of 0 and 1, or of true and false.
    rating, threshold : in place of a label, a column of numbers and the lowest number that is a positive label; both
        are compared in the column's own precision.
    time : column of seconds, or of dates and times; parts of a second count. Those without a zone are taken as UTC.
    user_fields, item_fields, context_fields : categorical columns that describe the user, the item or the row.
    user_bags, item_bags : columns of the user and the item that hold any number of values in a text.
    bag_separator : separator of two values of a bag; blanks around it do not count.
    quoting : whether quotes enclose values of a CSV file: `double` (a quote inside them is doubled, RFC 4180), `none`
        (they are characters like any other), or `auto`, which means `none` if tabs separate the columns of a .tsv or
        .txt, and `double` otherwise, but refuses a quoted value with line breaks that looks like several rows.
    dense : columns of numbers.
    min_count : a value of a context field with fewer training rows counts as unknown.
    on_conflict : what counts if the rows of a user or item hold several values of a side feature: none, as that is an
        `error`; the `first`; the most frequent one (`most`; of equals the first); or all, each once (`bag`, which makes
        bags of all side features).

    Raises
    ------
    DataError : if the description is not a YAML file of options, or the file does not hold what the options say.
    UsageError : if the options contradict each other.
    """

    without_effect: ClassVar[tuple[str, ...]] = ("path", "description")

    def __init__(
        self,
        path: str | None = None,
        description: str | None = None,
        name: str = "table",
        user: str | None = None,
        item: str | None = None,
        label: str | None = None,
        rating: str | None = None,
        threshold: float | None = None,
        time: str | None = None,
        user_fields: Sequence[str] = (),
        item_fields: Sequence[str] = (),
        context_fields: Sequence[str] = (),
        user_bags: Sequence[str] = (),
        item_bags: Sequence[str] = (),
        bag_separator: str = "|",
        quoting: Quoting = "auto",
        dense: Sequence[str] = (),
        min_count: int = 1,
        on_conflict: Conflict = "error",
    ) -> None:
        self.path, self.description, self.name = path, description, name
        self.user, self.item, self.time = user, item, time
        self.label, self.rating, self.threshold = label, rating, threshold
        self.user_fields, self.item_fields, self.context_fields = user_fields, item_fields, context_fields
        self.user_bags, self.item_bags, self.bag_separator = user_bags, item_bags, bag_separator
        self.quoting: Quoting = quoting
        self.dense, self.min_count = dense, min_count
        self.on_conflict: Conflict = on_conflict
        if description is not None:
            self._complete(user_path(description))
        if not (self.name.strip() and self.name.isprintable()):
            raise UsageError(f"data.name is {shown(self.name)}; expected a text on one line.")
        require_at_least(1, "data", min_count=self.min_count)
        require_quoting(self.quoting)
        require_conflict(self.on_conflict)

    @staticmethod
    def _known() -> dict[str, Any]:
        """Return the options that a description may set, and their defaults."""
        from cadc.configuration.components import defaults

        return {key: value for key, value in defaults(Table).items() if key not in ("path", "description")}

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
                setattr(self, key, value)

    @classmethod
    def completed(cls, options: Mapping[str, Any]) -> dict[str, Any]:
        """Return the options with those of the description."""
        if options.get("description") is None:
            return dict(options)
        table = cls(**options)
        return {name: getattr(table, name) for name in (*cls._known(), "path")}

    def place(self) -> str:
        """Say which option names the file."""
        return "your own file, data.path=FILE"

    def own_quoting(self) -> Quoting:
        """Return the option `quoting`."""
        return self.quoting

    def own_names(self) -> dict[str, str]:
        """Return the columns that the options name."""
        return {side: name for side, name in (("user", self.user), ("item", self.item)) if name}

    def fingerprint(self) -> dict[str, str]:
        """Return SHA-256 of the file."""
        path = self._checked_path()
        try:
            return {path.name: file_hash(regular_file(path))}
        except OSError as error:
            raise unreadable(path, error) from error

    def edition(self, fingerprint: dict[str, str]) -> str:
        """Return `local`."""
        return "local"

    def read(self) -> RawLog:
        """Check the options against the columns of the file, and return the log, whose rows are read on demand."""
        path = self._checked_path()
        self._check_roles()
        require_columns(path, self._columns(), column_names(path, self._columns(), self.quoting))
        sides: dict[Side, EntitiesFromRows] = {}
        fields: list[Field] = []
        named: tuple[tuple[Side, str | None, Sequence[str], Sequence[str]], ...] = (
            ("user", self.user, self.user_fields, self.user_bags),
            ("item", self.item, self.item_fields, self.item_bags),
        )
        for side, column, own, bags in named:
            if column:
                sides[side] = EntitiesFromRows(side, own, bags, path, self.bag_separator, self.on_conflict)
                fields += side_fields(side, *(((), (*own, *bags)) if self.on_conflict == "bag" else (own, bags)))
        fields += [Field(name, "context") for name in self.context_fields]
        entities: dict[Side, EntityTable] = {side: EntityTable(np.empty(0, object)) for side in sides}
        schema = Schema(tuple(fields), tuple(self.dense))
        remarks: list[str] = []
        return RawLog(schema, entities, self._chunks(path, sides, entities, remarks), self.min_count, remarks)

    def _chunks(
        self,
        path: Path,
        sides: dict[Side, EntitiesFromRows],
        entities: dict[Side, EntityTable],
        remarks: list[str],
    ) -> Iterator[Chunk]:
        ids = {"user": self.user, "item": self.item}
        times = TimeColumn(self.time) if self.time else None
        for block in read_columns(path, self._columns(), quoting=self.quoting):
            time, ticks_per_second = times.read(block) if times else (None, 1)
            dense = in_threads(partial(block.numbers, dtype=np.float64), self.dense)
            yield Chunk(
                label=self._labels(block),
                entities={
                    side: entity.positions(
                        block.texts(str(ids[side]), required=True),
                        {name: block.texts(name) for name in (*entity.fields, *entity.bags)},
                        block.first_row,
                    )
                    for side, entity in sides.items()
                },
                context={name: block.texts(name) for name in self.context_fields},
                dense=np.stack(dense, 1) if dense else None,
                time=time,
                ticks_per_second=ticks_per_second,
            )
        for side, entity in sides.items():
            entities[side] = entity.table()
            remarks += entity.remarks()

    def _labels(self, block: Block) -> Any:
        if self.label:
            return block.labels(self.label)
        assert self.threshold is not None
        return block.at_least(str(self.rating), self.threshold).astype(np.float32)

    def _checked_path(self) -> Path:
        if self.path is None:
            raise UsageError("data=table needs data.path, a .csv, .tsv or .parquet file.")
        return user_path(self.path)

    def _columns(self) -> list[str]:
        """Return the columns of the file that the options name."""
        single = [name for name in (self.user, self.item, self.label, self.rating, self.time) if name]
        return [*single, *self._features()]

    def _features(self) -> list[str]:
        lists = (self.user_fields, self.item_fields, self.context_fields, self.user_bags, self.item_bags, self.dense)
        return [name for names in lists for name in names]

    def _check_roles(self) -> None:
        """Raise a UsageError if the options contradict each other, whatever the file holds."""
        where = self.description or "data=table"
        if (self.label is None) == (self.rating is None):
            found = "both label and rating" if self.label else "neither label nor rating"
            raise UsageError(
                f"{where} has {found}; it needs either label (a column of 0 and 1) or rating with threshold."
            )
        if (self.rating is None) != (self.threshold is None):
            raise UsageError(
                f"{where}: rating and threshold go together: a rating from the threshold on is a positive label."
            )
        for side, column, features in (
            ("user", self.user, (*self.user_fields, *self.user_bags)),
            ("item", self.item, (*self.item_fields, *self.item_bags)),
        ):
            if features and column is None:
                raise UsageError(
                    f"{where} names the {side} feature {features[0]!r} but no column {side}; set data.{side}."
                )
        if not (self.user or self.item or self.context_fields):
            raise UsageError(f"{where} names neither user nor item nor context_fields; name at least one.")
        if not self.bag_separator:
            raise UsageError(f"{where}: bag_separator is empty; it must separate two values of a bag.")
        columns = self._columns()
        for column in columns:
            if columns.count(column) > 1:
                raise UsageError(f"{where} gives the column {column!r} several meanings; give it one.")
        for name in self._features():
            if name in RESERVED:
                raise UsageError(
                    f"{where} has a feature {name!r}, which is a name of the log itself; rename the column."
                )


RESERVED = ("user", "item", "label", "time", "part", "row", "oracle", "dense", "context_ids")
"""Names of the columns of a prepared log, which no feature may have."""


def side_fields(side: Side, fields: Sequence[str], bags: Sequence[str]) -> list[Field]:
    """Return the fields of users or items: the id, the single-valued features, and the bags."""
    return [Field(side, side), *(Field(name, side) for name in fields), *(Field(name, side, bag=True) for name in bags)]
