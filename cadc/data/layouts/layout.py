"""Base class of layouts, and what of a log they write."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from torch import Tensor

from cadc.data.canonical import canonical_texts
from cadc.data.log import InteractionLog
from cadc.data.schema import ENTITY_FIELDS, EntitySide, Field, Side, entity_sides
from cadc.errors import DataError, shown

BLOCK_ROWS = 1 << 18
"""Rows that are written at once."""


@dataclass(frozen=True)
class Content:
    """Rows of a log, and vectors, that are written for another framework.

    Values without training rows are missing, as the log does not tell them apart.

    Parameters
    ----------
    log : the log.
    name : name of the data set, for files that need one.
    rows : numbers of the rows of each part, by part, int32 or int64, shape [n] each.
    vectors : vectors of a field's values by the field's name, float32, shape [vocabulary size, dim] each.
    without : names of fields and dense columns that are left out.
    """

    log: InteractionLog
    name: str
    rows: Mapping[str, Tensor]
    vectors: Mapping[str, Tensor]
    without: frozenset[str] = frozenset()

    @property
    def sides(self) -> list[EntitySide]:
        """`user` and `item`, as far as the log has them."""
        return list(entity_sides(self.log.schema))

    def fields(self, side: Side, *, bag: bool = False) -> list[Field]:
        """Return the fields of a side that are written, without the users and items themselves."""
        own = self.log.schema.of(side, bag=bag)
        return [field for field in own if field.name not in self.without and field.name != side]

    @property
    def dense(self) -> list[str]:
        """Names of the dense columns that are written."""
        return [name for name in self.log.schema.dense if name not in self.without]

    @cached_property
    def ids(self) -> dict[EntitySide, pa.Array]:
        """Text of each user's and item's id, shape [n] each; row r of the entity table is at r - 1."""
        return {side: canonical_texts(pa.array(self.log.entity_keys(side))) for side in self.sides}

    def values(self, field: Field) -> pa.Array:
        """Return the text of each id of a field, null for id 0, shape [vocabulary size]."""
        texts = canonical_texts(pa.array(self.log.vocabulary(field.name)))
        return pa.concat_arrays([pa.nulls(1, pa.string()), texts.cast(pa.string())])

    def entity_ids(self, field: Field) -> NDArray[np.int32]:
        """Return the id of each user or item in a single-valued field of that side, int32, shape [n]."""
        names = [own.name for own in self.log.schema.of(field.side, bag=False)]
        assert field.side != "context"
        return self.log.entities[field.side].ids[1:, names.index(field.name)].contiguous().numpy()

    def columns(self, part: str) -> Iterator[dict[str, pa.Array]]:
        """Yield the columns of the rows of a part in blocks, under their names in the log, shape [B] each.

        They are `user`, `item` and context fields (texts), `label` (int8), `time` (int64, ticks of the log), and dense
        columns (float32, as models of this project read them), as far as the log has them.
        """
        texts = {field.name: self.values(field) for field in self.fields("context")}
        for rows in self.rows[part].split(BLOCK_ROWS):
            at = rows.numpy()
            found: dict[str, pa.Array] = {}
            for side in self.sides:
                found[side] = self.ids[side].take(pa.array(self.log.entity_rows(side, rows).numpy() - 1))
            found["label"] = pa.array(self.log.column("label")[at].astype(np.int8))
            if self.log.has_column("time"):
                found["time"] = pa.array(self.log.column("time")[at])
            for name, values in texts.items():
                found[name] = values.take(pa.array(self.log.field_ids(name, rows).numpy()))
            for name in self.dense:
                values = self.log.column("dense")[at, self.log.schema.dense.index(name)]
                found[name] = pa.array(np.ascontiguousarray(values))
            yield found

    def features(self, side: EntitySide) -> dict[str, pa.Array]:
        """Return the fields of all users or items, texts, and their bags, lists of texts, shape [n] each."""
        found = {field.name: self.values(field).take(pa.array(self.entity_ids(field))) for field in self.fields(side)}
        for field in self.fields(side, bag=True):
            values, offsets = (own.numpy() for own in self.log.entities[side].bags[field.name])
            is_known = values > 0
            kept = np.concatenate([[0], np.cumsum(is_known)])[offsets[1:]]
            texts = self.values(field).take(pa.array(values[is_known]))
            found[field.name] = pa.ListArray.from_arrays(pa.array(kept.astype(np.int32)), texts)
        return found


class Layout(ABC):
    """Files in which another framework reads a data set."""

    framework: ClassVar[str]
    """Name of the framework, for messages."""
    reserved: ClassVar[tuple[str, ...]] = ()
    """Names of columns that mean something to the framework, which no field or dense column may have."""

    has_labels: ClassVar[bool] = True
    """Whether the layout tells the label of a row; without labels, only rows of the label 1 are written."""

    @abstractmethod
    def write(self, content: Content, folder: Path) -> None:
        """Write the files into an empty folder, whose name and place are not yet its own.

        Raises
        ------
        DataError : for a value that the layout cannot hold.
        """

    def left_out(self, content: Content) -> list[str]:
        """Return what of the content the layout has no room for, in words."""
        return []

    def require_names(self, content: Content) -> None:
        """Raise a DataError for a field or dense column with a name that means something else to the framework."""
        for name in (*(field.name for field in content.log.schema.fields), *content.log.schema.dense):
            if name in self.reserved and name not in content.without:
                raise DataError(
                    f"the column {name!r} has a name that {self.framework} gives another meaning; rename it, or "
                    f"{leave_out(name)}."
                )


def other_vectors(content: Content) -> list[str]:
    """Return the vectors of other fields than user and item, in words."""
    return [f"the vectors of {name}" for name in content.vectors if name not in ENTITY_FIELDS]


def leave_out(name: str) -> str:
    """Return what to do about a column that a layout cannot hold."""
    return f"leave it out with --without {name}"


def refuse_texts(texts: pa.Array, pattern: str, what: str, fault: str) -> None:
    """Raise a DataError for the first text that a pattern is found in.

    Parameters
    ----------
    texts : type string, shape [n].
    pattern : regular expression in the syntax of RE2.
    what : what the texts are, for the message.
    fault : what is wrong with such a text, and what to do.
    """
    wrong = pc.fill_null(pc.match_substring_regex(texts, pattern), False)
    if pc.any(wrong).as_py():
        raise DataError(f"the {what} {shown(texts.filter(wrong)[0].as_py(), 42)} {fault}.")
