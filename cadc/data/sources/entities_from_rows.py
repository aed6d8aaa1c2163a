"""Users and items that no file lists; they are collected from the rows."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from cadc.data.raw import EntityTable, RaggedValues
from cadc.data.schema import Side
from cadc.data.vocabulary import codes_of, raw_values
from cadc.errors import DataError

MISSING = -1


class EntitiesFromRows:
    """Users, or items, numbered as they appear in the rows, with their side features.

    Empty means missing; an entity's first non-empty value counts, and all its later non-empty values must equal it.

    Parameters
    ----------
    side : `user` or `item`.
    fields, bags : names of the single-valued and of the multi-valued side features; a bag is one text in the rows.
    path : the file that the rows come from, for messages.
    separator : separator of two values of a bag. Blanks around a value and empty values do not count; a value that is
        repeated counts as often.
    """

    def __init__(
        self,
        side: Side,
        fields: Sequence[str] = (),
        bags: Sequence[str] = (),
        path: Path | None = None,
        separator: str = "|",
    ) -> None:
        self.side = side
        self.fields, self.bags = tuple(fields), tuple(bags)
        self.path, self.separator = path, separator
        self._numbers: dict[Any, int] = {}
        self._codes: dict[str, dict[Any, int]] = {name: {} for name in (*fields, *bags)}
        self._features = {name: np.empty(0, np.int32) for name in self._codes}

    def positions(
        self, ids: NDArray[Any] | pa.Array, features: Mapping[str, pa.Array] | None = None, first_row: int = 0
    ) -> NDArray[np.int32]:
        """Return the number of each row's entity, which is its row in `table`, int32, shape [B].

        Parameters
        ----------
        ids : raw ids, shape [B].
        features : texts of each side feature, shape [B].
        first_row : number of rows of the file before these, for messages.

        Raises
        ------
        DataError : if a side feature of an entity differs from its first non-empty value.
        """
        numbers = codes_of(ids, self._numbers)
        for name, values in (features or {}).items():
            if name in self.bags:
                values = self._without_blanks(values)
            self._keep(name, numbers, codes_of(values, self._codes[name]), first_row)
        return numbers

    def _keep(self, name: str, numbers: NDArray[np.int32], codes: NDArray[np.int32], first_row: int) -> None:
        kept = self._features[name]
        if len(kept) < len(self._numbers):
            more = np.full(max(len(self._numbers), 2 * len(kept)) - len(kept), MISSING, np.int32)
            kept = self._features[name] = np.concatenate([kept, more])
        fresh = np.flatnonzero((kept[numbers] == MISSING) & (codes != MISSING))
        # Written in reverse order, so that the first row of each entity is written last and stays.
        kept[numbers[fresh][::-1]] = codes[fresh][::-1]
        differs = np.flatnonzero((kept[numbers] != codes) & (codes != MISSING))
        if len(differs):
            row = differs[0]
            values = list(self._codes[name])
            key = list(self._numbers)[numbers[row]]
            raise DataError(
                f"{self.path}, row {first_row + row + 1}: {self.side} {key!r} has {name} {values[codes[row]]!r} here "
                f"and {values[kept[numbers[row]]]!r} before; a feature of the {self.side} must be the same in all its "
                "rows. Move features that change to data.context_fields."
            )

    def _without_blanks(self, texts: pa.Array) -> pa.Array:
        """Return the texts of bags without blanks around a value and without empty values."""
        encoded = texts.dictionary_encode()
        tidy = [self.separator.join(self._parts(text)) for text in encoded.dictionary.to_pylist()]
        return pa.array(tidy, pa.string()).take(encoded.indices)

    def _parts(self, text: str) -> list[str]:
        return [stripped for part in text.split(self.separator) if (stripped := part.strip())]

    def table(self) -> EntityTable:
        """Return the table of all entities so far."""
        keys = raw_values(self._numbers)
        columns = {name: self._values(name) for name in self._codes}
        bags = {}
        for name in self.bags:
            parts = [self._parts(text) for text in columns[name].tolist()]
            bags[name] = RaggedValues(
                np.array([part for own in parts for part in own], object),
                np.concatenate([[0], np.cumsum([len(own) for own in parts])]).astype(np.int64),
            )
        return EntityTable(keys, {name: columns[name] for name in self.fields}, bags)

    def _values(self, name: str) -> NDArray[Any]:
        # The code -1 of a missing value is the index of the last text, which is empty.
        texts = np.array([*self._codes[name], ""], dtype=object)
        return np.asarray(texts[self._features[name][: len(self._numbers)]])
