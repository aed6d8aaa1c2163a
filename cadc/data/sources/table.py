"""A table of your own: a CSV or Parquet file, with the meaning of its columns given as options or in a YAML file."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from cadc.configuration.components import cast_options
from cadc.configuration.safe_yaml import load_yaml
from cadc.data.columns import Block, column_names, read_columns, require_columns
from cadc.data.raw import Chunk, EntityTable, RawLog
from cadc.data.schema import Field, Schema, Side
from cadc.data.sources.entities_from_rows import SeenEntities
from cadc.data.sources.source import Source
from cadc.data.text import unreadable
from cadc.errors import DataError, UsageError, require_at_least
from cadc.paths import regular_file
from cadc.provenance.fingerprint import file_hash


class Table(Source):
    """A log of interactions in one file, a row each: clicks, ratings, purchases.

    Ids and categories are read as texts. A feature of users or items must be the same in all rows of one
    that hold it; an empty one is a missing value.

    Parameters
    ----------
    path : a file .csv, .tsv, one of them compressed (.csv.gz), or .parquet. A CSV file begins with the names of its
        columns; commas, semicolons, tabs or pipes separate them.
    description : a YAML file that sets any of the options below; one given here as well wins.
    name : of the data set, in records and tables.
    user, item : columns with ids; a log of clicks may do without.
    label : column of 0 and 1.
    rating, threshold : instead of a label: a column of numbers, and from which of them on the label is 1.
    time : column of whole seconds or of dates and times.
    user_fields, item_fields, context_fields : categorical columns that describe the user, the item or the row.
    user_bags, item_bags : columns with any number of values each, `bag_separator` between them.
    bag_separator : stands between two values of a bag.
    dense : columns of numbers.
    min_count : a value of a context field that fewer training rows hold counts as unknown.
    """

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
        dense: Sequence[str] = (),
        min_count: int = 1,
    ) -> None:
        self.path, self.description, self.name = path, description, name
        self.user, self.item, self.time = user, item, time
        self.label, self.rating, self.threshold = label, rating, threshold
        self.user_fields, self.item_fields, self.context_fields = user_fields, item_fields, context_fields
        self.user_bags, self.item_bags, self.bag_separator = user_bags, item_bags, bag_separator
        self.dense, self.min_count = dense, min_count
        if description is not None:
            self._complete(Path(description))
        require_at_least(1, "data", min_count=self.min_count)

    def _complete(self, path: Path) -> None:
        """Set the options that the description gives and nothing else gave."""
        from cadc.configuration.components import defaults

        known = {key: value for key, value in defaults(Table).items() if key not in ("path", "description")}
        given = read_description(path)
        for key in given:
            if key not in known:
                raise DataError(f"{path} has the key {key!r}, which a table has not; {_nearest(str(key), known)}")
        try:
            options = cast_options(Table, given)
        except UsageError as error:
            raise DataError(f"{path}: {error}") from error
        for key, value in options.items():
            if getattr(self, key) == known[key]:
                setattr(self, key, value)

    def place(self) -> str:
        """Say which option names the file."""
        return "your own file, data.path=FILE"

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
        """Compare the description with the file's columns now, and read the rows when they are asked for."""
        path = self._checked_path()
        self._check_roles()
        require_columns(path, self._columns(), column_names(path, self._columns()))
        sides: dict[Side, SeenEntities] = {}
        fields: list[Field] = []
        if self.user:
            sides["user"] = SeenEntities("user", self.user_fields, self.user_bags, path)
            fields += side_fields("user", self.user_fields, self.user_bags)
        if self.item:
            sides["item"] = SeenEntities("item", self.item_fields, self.item_bags, path)
            fields += side_fields("item", self.item_fields, self.item_bags)
        fields += [Field(name, "context") for name in self.context_fields]
        entities: dict[Side, EntityTable] = {side: EntityTable(np.empty(0, object)) for side in sides}
        schema = Schema(tuple(fields), tuple(self.dense))
        return RawLog(schema, entities, self._chunks(path, sides, entities), self.min_count)

    def _chunks(
        self, path: Path, sides: dict[Side, SeenEntities], entities: dict[Side, EntityTable]
    ) -> Iterator[Chunk]:
        ids = {"user": self.user, "item": self.item}
        for block in read_columns(path, self._columns()):
            dense = [block.numbers(name, np.float32) for name in self.dense]
            yield Chunk(
                label=self._labels(block),
                entities={
                    side: seen.positions(
                        block.texts(str(ids[side]), required=True),
                        {name: block.texts(name) for name in (*seen.fields, *seen.bags)},
                        block.first_row,
                    )
                    for side, seen in sides.items()
                },
                context={name: block.texts(name) for name in self.context_fields},
                dense=np.stack(dense, 1) if dense else None,
                time=block.seconds(self.time) if self.time else None,
            )
        for side, seen in sides.items():
            entities[side] = seen.table(self.bag_separator)

    def _labels(self, block: Block) -> Any:
        if self.label:
            return block.labels(self.label)
        return (block.numbers(str(self.rating), np.float64) >= self.threshold).astype(np.float32)

    def _checked_path(self) -> Path:
        if self.path is None:
            raise UsageError("data=table needs data.path, a .csv, .tsv or .parquet file.")
        return Path(self.path)

    def _columns(self) -> list[str]:
        """Return the columns that the description uses."""
        single = [name for name in (self.user, self.item, self.label, self.rating, self.time) if name]
        return [*single, *self._features()]

    def _features(self) -> list[str]:
        lists = (self.user_fields, self.item_fields, self.context_fields, self.user_bags, self.item_bags, self.dense)
        return [name for names in lists for name in names]

    def _check_roles(self) -> None:
        """Raise a UsageError for a description that makes no log, whatever the file holds."""
        where = self.description or "data=table"
        if (self.label is None) == (self.rating is None):
            raise UsageError(f"{where} needs either label (a column of 0 and 1) or rating with threshold.")
        if (self.rating is None) != (self.threshold is None):
            raise UsageError(f"{where}: rating and threshold go together: the label is 1 from the threshold on.")
        for side, column, features in (
            ("user", self.user, (*self.user_fields, *self.user_bags)),
            ("item", self.item, (*self.item_fields, *self.item_bags)),
        ):
            if features and column is None:
                raise UsageError(f"{where} gives {side}s the feature {features[0]!r} but names no column {side}.")
        if not (self.user or self.item or self.context_fields):
            raise UsageError(f"{where} names neither user, item nor context_fields, so nothing tells rows apart.")
        if not self.bag_separator:
            raise UsageError(f"{where}: bag_separator is empty; it is what stands between two values.")
        columns = self._columns()
        for column in columns:
            if columns.count(column) > 1:
                raise UsageError(f"{where} uses the column {column!r} twice; give it one meaning.")
        for name in self._features():
            if name in RESERVED:
                raise UsageError(f"{where} has a feature {name!r}, a name that the log itself uses; rename the column.")


RESERVED = ("user", "item", "label", "time", "row", "oracle", "dense", "context_ids")
"""Names of the log's own columns on disk."""


def side_fields(side: Side, fields: Sequence[str], bags: Sequence[str]) -> list[Field]:
    """Return the fields of users or items, the id first."""
    return [Field(side, side), *(Field(name, side) for name in fields), *(Field(name, side, bag=True) for name in bags)]


def read_description(path: Path) -> dict[str, Any]:
    """Return the keys and values of a YAML file, or raise a DataError for one that holds anything else."""
    try:
        found = load_yaml(path)
    except UsageError as error:
        raise DataError(str(error)) from error
    if not isinstance(found, dict) or not all(isinstance(key, str) for key in found):
        raise DataError(f"{path} must hold lines such as `user: customer_id`, an option and the column it names.")
    return found


def _nearest(key: str, known: Sequence[str] | dict[str, Any]) -> str:
    from difflib import get_close_matches

    near = get_close_matches(key, list(known), n=3)
    return f"did you mean {' or '.join(near)}?" if near else f"it has {', '.join(known)}."
