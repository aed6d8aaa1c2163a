"""The schema of a log: its fields, their vocabulary sizes, and whether they describe users, items or rows."""

import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any, Literal

from cadc.errors import DataError

Side = Literal["user", "item", "context"]
EntitySide = Literal["user", "item"]

ENTITY_FIELDS: tuple[EntitySide, EntitySide] = ("user", "item")
"""Fields whose values are the users and items themselves."""

UNKNOWN = 0
"""Id of every value without training rows, in every field."""


@dataclass(frozen=True)
class Field:
    """A categorical column.

    Parameters
    ----------
    name : name of letters, digits, `_` and `-`, beginning with a letter.
    side : what the field describes: the `user`, the `item`, or the row itself (`context`).
    vocabulary_size : number of ids, including id 0, *unknown*; 0 until the training rows have been counted.
    bag : whether a row holds any number of values (such as genres) instead of exactly one.

    Raises
    ------
    DataError : if the name holds other characters.
    """

    name: str
    side: Side
    vocabulary_size: int = 0
    bag: bool = False

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[A-Za-z][\w-]*", self.name):
            raise DataError(
                f"a field is named {self.name!r}; a name begins with a letter and holds letters, digits, _ and - only."
            )


@dataclass(frozen=True)
class Schema:
    """The columns of a log.

    Parameters
    ----------
    fields : the categorical columns.
    dense : names of the real-valued columns, in the order of a batch's `dense` columns.

    Raises
    ------
    DataError : if two columns have the same name.

    Examples
    --------
    >>> schema = Schema((Field("item", "item"), Field("user", "user"), Field("genres", "item", bag=True)))
    >>> [field.name for field in schema.single], [field.name for field in schema.bags]
    (['user', 'item'], ['genres'])
    """

    fields: tuple[Field, ...]
    dense: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        names = [field.name for field in self.fields] + list(self.dense)
        twice = {name for name in names if names.count(name) > 1}
        if twice:
            raise DataError(f"the columns {sorted(twice)} are duplicated; give every column a name of its own.")

    def __getitem__(self, name: str) -> Field:
        for field in self.fields:
            if field.name == name:
                return field
        raise DataError(f"this log has no field {name!r}; it has {[field.name for field in self.fields]}.")

    def __contains__(self, name: str) -> bool:
        return any(field.name == name for field in self.fields)

    def of(self, side: Side, *, bag: bool) -> tuple[Field, ...]:
        """Return the fields of one side: the bags, or the single-valued ones."""
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
        """Return the schema as dictionaries and lists for JSON."""
        return {"fields": [asdict(field) for field in self.fields], "dense": list(self.dense)}

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> "Schema":
        """Return the schema that `to_json` was called on."""
        return cls(tuple(Field(**field) for field in value["fields"]), tuple(value["dense"]))


SIDES: tuple[Side, ...] = ("user", "item", "context")


def entity_sides(schema: Schema) -> Iterator[EntitySide]:
    """Yield `user` and `item` if the schema has fields of that side."""
    for side in ENTITY_FIELDS:
        if any(field.side == side for field in schema.fields):
            yield side
