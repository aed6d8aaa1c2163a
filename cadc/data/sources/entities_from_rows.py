"""Users and items that no file lists; they are collected from the rows."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from cadc.data.raw import EntityTable, RaggedValues
from cadc.data.schema import Side
from cadc.data.sources.side_values import Conflict, CountedValues, FirstValues
from cadc.data.vocabulary import codes_of, raw_values
from cadc.errors import DataError


class EntitiesFromRows:
    """Users, or items, numbered as they appear in the rows, with their side features.

    Empty means missing, and does not conflict with a value.

    Parameters
    ----------
    side : `user` or `item`.
    fields, bags : names of the single-valued and of the multi-valued side features; a bag is one text in the rows.
    path : the file that the rows come from, for messages.
    separator : separator of two values of a bag. Blanks around a value and empty values do not count; a value that is
        repeated counts as often.
    on_conflict : what counts if the rows of an entity hold several values, or texts of a bag: `error` refuses them,
        `first` takes the first and `most` the most frequent one (of equals the first); `bag` takes all of them, each
        once, which makes bags of all features.
    """

    def __init__(
        self,
        side: Side,
        fields: Sequence[str] = (),
        bags: Sequence[str] = (),
        path: Path | None = None,
        separator: str = "|",
        on_conflict: Conflict = "error",
    ) -> None:
        self.side = side
        self.fields, self.bags = tuple(fields), tuple(bags)
        self.path, self.separator, self.on_conflict = path, separator, on_conflict
        self._numbers: dict[Any, int] = {}
        self._codes: dict[str, dict[Any, int]] = {name: {} for name in (*fields, *bags)}
        self._first = {name: FirstValues() for name in self._codes if on_conflict in ("error", "first")}
        self._counted = {name: CountedValues() for name in self._codes if on_conflict in ("most", "bag")}

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
        DataError : if a side feature of an entity differs from its first non-empty value, and that is an error.
        """
        numbers = codes_of(ids, self._numbers)
        for name, values in (features or {}).items():
            if name in self.bags:
                values = self._without_blanks(values)
            codes = codes_of(values, self._codes[name])
            if name in self._counted:
                self._counted[name].add(numbers, codes, len(self._numbers))
                continue
            differing = self._first[name].add(numbers, codes, len(self._numbers))
            if len(differing) and self.on_conflict == "error":
                raise self._conflict(name, int(differing[0]), numbers, codes, first_row)
        return numbers

    def _conflict(
        self, name: str, row: int, numbers: NDArray[np.int32], codes: NDArray[np.int32], first_row: int
    ) -> DataError:
        values = list(self._codes[name])
        before = self._first[name].kept(len(self._numbers))[numbers[row]]
        key = list(self._numbers)[numbers[row]]
        return DataError(
            f"{self.path}, row {first_row + row + 1}: {self.side} {key!r} has {name} {values[codes[row]]!r} here and "
            f"{values[before]!r} before; a feature of the {self.side} must be the same in all its rows. Choose what "
            "counts by data.on_conflict (first, most or bag), or move features that change to data.context_fields."
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
        keys, n = raw_values(self._numbers), len(self._numbers)
        if self.on_conflict == "bag":
            return EntityTable(keys, bags={name: self._all_values(name) for name in self._codes})
        columns = {}
        for name, codes in self._codes.items():
            kept = self._first[name].kept(n) if name in self._first else self._counted[name].most_frequent(n)
            # The code -1 of a missing value is the index of the last text, which is empty.
            columns[name] = np.array([*codes, ""], dtype=object)[kept]
        bags = {name: _ragged([self._parts(text) for text in columns[name].tolist()]) for name in self.bags}
        return EntityTable(keys, {name: columns[name] for name in self.fields}, bags)

    def _all_values(self, name: str) -> RaggedValues:
        """Return all values of each entity, each once, in the order of its rows."""
        codes, offsets = self._counted[name].all(len(self._numbers))
        values = np.array([*self._codes[name], ""], dtype=object)[codes]
        if name in self.fields:
            return RaggedValues(values, offsets)
        texts = [values[a:b].tolist() for a, b in pairwise(offsets.tolist())]
        parts = [[part for text in own for part in self._parts(text)] for own in texts]
        # What one text repeats counts as often; what another one has, too, does not.
        return _ragged(
            [own if len(of) == 1 else list(dict.fromkeys(own)) for own, of in zip(parts, texts, strict=True)]
        )

    def remarks(self) -> Iterator[str]:
        """Yield a sentence about each feature of which some entities have several values."""
        for name in self._codes:
            n_conflicts = (self._first[name] if name in self._first else self._counted[name]).n_conflicts
            if n_conflicts:
                yield (
                    f"{n_conflicts:,} of {len(self._numbers):,} {self.side}s have several values of {name} in their "
                    f"rows, of which {COUNTS[self.on_conflict]} (data.on_conflict={self.on_conflict})"
                )


COUNTS = {"first": "the first counts", "most": "the most frequent counts", "bag": "all count"}


def _ragged(parts: Sequence[Sequence[str]]) -> RaggedValues:
    return RaggedValues(
        np.array([part for own in parts for part in own], object),
        np.concatenate([[0], np.cumsum([len(own) for own in parts])]).astype(np.int64),
    )
