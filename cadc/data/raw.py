"""Raw logs, as sources return them: entities with their side features and rows in chunks, all in raw values."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from cadc.data.numbering.in_memory import InMemory
from cadc.data.numbering.numbering import Numbering
from cadc.data.schema import Schema, Side


@dataclass
class RaggedValues:
    """Raw values of a multi-valued field: entity e holds `values[offsets[e]:offsets[e + 1]]`.

    Parameters
    ----------
    values : raw values of all entities one after the other, integers or strings, shape [V].
    offsets : where the values of each entity begin, and V at the end, int64, shape [n + 1].
    """

    values: NDArray[Any]
    offsets: NDArray[np.int64]


@dataclass
class EntityTable:
    """All users, or all items, of a raw log: one row for each of n entities.

    Parameters
    ----------
    keys : raw ids, integers or strings, all different, shape [n]; many texts may be an Arrow array.
    fields : raw values of each single-valued side field by name, shape [n] each; an empty string is a missing value.
    bags : raw values of each multi-valued side field by name.
    """

    keys: NDArray[Any] | pa.Array
    fields: dict[str, NDArray[Any]] = field(default_factory=dict)
    bags: dict[str, RaggedValues] = field(default_factory=dict)


@dataclass
class Chunk:
    """B consecutive rows of a raw log.

    All chunks of a log must hold the same columns.

    Parameters
    ----------
    label : 0 or 1, float32, shape [B].
    entities : row of the entity table for each side, `user` and `item`, that the log has, int32, shape [B] each.
    context : raw values of each context field by name, as a NumPy array or an Arrow array of texts, shape [B] each; an
        empty string is a missing value.
    dense : real-valued columns in the order of `schema.dense`, raw and finite, float64 or float32, shape [B, D].
    rating : raw rating of each row, finite, float32, shape [B]; None where labels are not made of ratings.
    time : time of each row in ticks, int64, shape [B].
    oracle : true probability of label 1, float32, shape [B]; only generators know it.
    ticks_per_second : of `time`: 1, 10^3, 10^6 or 10^9. Chunks may differ; the log keeps the finest.
    part : part that the data itself gives each row, as its index in `cadc.data.split.SPLITS` (0 train, 1 validation,
        2 test), uint8, shape [B]; only `GivenSplit` reads it.
    ids : raw ids of the sides whose entities have no side features and are not numbered yet, as `context` holds values,
        shape [B] each; such a side is among the entities of the log, but not of its chunks.
    """

    label: NDArray[np.float32]
    entities: dict[Side, NDArray[np.int32]] = field(default_factory=dict)
    context: dict[str, NDArray[Any] | pa.Array] = field(default_factory=dict)
    dense: NDArray[np.float64] | NDArray[np.float32] | None = None
    time: NDArray[np.int64] | None = None
    oracle: NDArray[np.float32] | None = None
    ticks_per_second: int = 1
    part: NDArray[np.uint8] | None = None
    rating: NDArray[np.float32] | None = None
    ids: dict[Side, pa.Array] = field(default_factory=dict)


@dataclass
class RawLog:
    """A whole log, as a source returns it.

    Parameters
    ----------
    schema : fields and dense columns; vocabulary sizes are counted during preparation.
    entities : users and items, by side. A source that finds them in the rows may fill this dictionary while its chunks
        are iterated over.
    chunks : the rows; they are iterated over once.
    min_count : a value of a context field with fewer training rows counts as unknown.
    remarks : sentences about the rows for the user; a source may fill this list, too, while its chunks are iterated
        over.
    numbering : numbers the raw values of context fields and the ids of chunks.

    Examples
    --------
    >>> from cadc.data.schema import Field
    >>> raw = RawLog(
    ...     Schema((Field("user", "user"), Field("item", "item"))),
    ...     {"user": EntityTable(np.array(["ann", "bob"])), "item": EntityTable(np.array([10, 20, 30]))},
    ...     [Chunk(np.array([1, 0], np.float32), {"user": np.array([0, 1]), "item": np.array([2, 2])})],
    ... )
    """

    schema: Schema
    entities: dict[Side, EntityTable]
    chunks: Iterable[Chunk]
    min_count: int = 1
    remarks: list[str] = field(default_factory=list)
    numbering: type[Numbering] = InMemory
