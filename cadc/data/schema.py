"""The columns of a log: which fields it has, how many values each takes, and what each belongs to."""

import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any, Literal

from cadc.errors import DataError

Side = Literal["user", "item", "context"]
EntitySide = Literal["user", "item"]

OWN_FIELDS = ("user", "item")
"""The fields whose values are the users and items themselves."""

UNKNOWN = 0
"""Id of the value that training never saw, in every field."""


@dataclass(frozen=True)
class Field:
    """A categorical column.

    Parameters
    ----------
    name : its name; letters, digits, `_` and `-`.
    side : whether it describes the user, the item or the row itself (`context`).
    vocabulary_size : number of ids, the *unknown* id 0 included; 0 while not yet counted.
    bag : whether a row holds any number of values (a set of genres) instead of exactly one.
    """

    name: str
    side: Side
    vocabulary_size: int = 0
    bag: bool = False

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[A-Za-z][\w-]*", self.name):
            raise DataError(
                f"a field is named {self.name!r}; names start with a letter and hold letters, digits, _ and -."
            )


@dataclass(frozen=True)
class Schema:
    """All columns of a log, in the order in which batches hold them.

    Parameters
    ----------
    fields : the categorical columns.
    dense : names of the real-valued columns.
    """

    fields: tuple[Field, ...]
    dense: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        names = [field.name for field in self.fields] + list(self.dense)
        twice = {name for name in names if names.count(name) > 1}
        if twice:
            raise DataError(f"the columns {sorted(twice)} are named twice; every column needs a name of its own.")

    def __getitem__(self, name: str) -> Field:
        for field in self.fields:
            if field.name == name:
                return field
        raise DataError(f"this log has no field {name!r}; it has {[field.name for field in self.fields]}.")

    def __contains__(self, name: str) -> bool:
        return any(field.name == name for field in self.fields)

    def of(self, side: Side, *, bag: bool) -> tuple[Field, ...]:
        """Return the fields of one side, either the single-valued ones or the bags."""
        return tuple(field for field in self.fields if field.side == side and field.bag == bag)

    @property
    def single(self) -> tuple[Field, ...]:
        """The single-valued fields, in the order of a batch's `ids` columns: user, item, context."""
        return tuple(field for side in SIDES for field in self.of(side, bag=False))

    @property
    def bags(self) -> tuple[Field, ...]:
        """The multi-valued fields, in the order of a batch's `bags`: user, item, context."""
        return tuple(field for side in SIDES for field in self.of(side, bag=True))

    def to_json(self) -> dict[str, Any]:
        """Return plain dictionaries and lists."""
        return {"fields": [asdict(field) for field in self.fields], "dense": list(self.dense)}

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> "Schema":
        """Read what `to_json` wrote."""
        return cls(tuple(Field(**field) for field in value["fields"]), tuple(value["dense"]))


SIDES: tuple[Side, ...] = ("user", "item", "context")


def entity_sides(schema: Schema) -> Iterator[EntitySide]:
    """Yield `user` and `item` where the schema has fields of that side."""
    sides: tuple[EntitySide, ...] = ("user", "item")
    for side in sides:
        if any(field.side == side for field in schema.fields):
            yield side
