"""What a source hands over: entities with their side features, and rows in chunks, all still in raw values."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from cadc.data.schema import Schema, Side


@dataclass
class RaggedValues:
    """Raw values of a bag: entity e holds `values[offsets[e]:offsets[e + 1]]`.

    Parameters
    ----------
    values : raw values, integers or strings, shape [V].
    offsets : int64, shape [n + 1].
    """

    values: NDArray[Any]
    offsets: NDArray[np.int64]


@dataclass
class EntityTable:
    """All users, or all items, a row each.

    Parameters
    ----------
    keys : raw ids, integers or strings, shape [n], all different.
    fields : raw values of each single-valued side field, shape [n]; an empty string is a missing value.
    bags : raw values of each multi-valued side field.
    """

    keys: NDArray[Any]
    fields: dict[str, NDArray[Any]] = field(default_factory=dict)
    bags: dict[str, RaggedValues] = field(default_factory=dict)


@dataclass
class Chunk:
    """Consecutive rows of the log.

    Parameters
    ----------
    label : float32, 0 or 1, shape [B].
    entities : for `user` and `item`, the row of the entity table, int32, shape [B].
    context : raw values of each context field, shape [B], as a NumPy array or an Arrow array of texts; an empty
        string is a missing value.
    dense : float32, shape [B, D].
    time : int64, seconds, shape [B].
    oracle : true probability of label 1 where a generator knows it, float32, shape [B].
    """

    label: NDArray[np.float32]
    entities: dict[Side, NDArray[np.int32]] = field(default_factory=dict)
    context: dict[str, NDArray[Any] | pa.Array] = field(default_factory=dict)
    dense: NDArray[np.float32] | None = None
    time: NDArray[np.int64] | None = None
    oracle: NDArray[np.float32] | None = None


@dataclass
class RawLog:
    """A whole log as a source reads it.

    Parameters
    ----------
    schema : the fields.
    entities : users and items; those that no file lists may be put there while the chunks are walked through.
    chunks : may be walked through once.
    min_count : a context value that fewer training rows hold counts as unknown.
    """

    schema: Schema
    entities: dict[Side, EntityTable]
    chunks: Iterable[Chunk]
    min_count: int = 1
