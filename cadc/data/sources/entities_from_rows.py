"""Users and items that no file lists; they are collected from the rows."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain, pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from cadc.data.files.row_bags import RowBags
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
    fields, bags : names of the single-valued and of the multi-valued side features.
    path : the file that the rows come from, for messages.
    separator : separator of two values of a bag that is a text, see `RowBags`.
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
        self,
        ids: NDArray[Any] | pa.Array,
        features: Mapping[str, pa.Array | RowBags] | None = None,
        first_row: int = 0,
        path: Path | str | None = None,
    ) -> NDArray[np.int32]:
        """Return the number of each row's entity, which is its row in `table`, int32, shape [B].

        Parameters
        ----------
        ids : raw ids, shape [B].
        features : texts of each side feature, shape [B]; a bag is one text, or among `RowBags`.
        first_row : number of rows of the file before these, for messages.
        path : the file that these rows come from, where it is another one.

        Raises
        ------
        DataError : if a side feature of an entity differs from its first non-empty value, and that is an error.
        """
        numbers = codes_of(ids, self._numbers)
        for name, values in (features or {}).items():
            if name in self.bags and not isinstance(values, RowBags):
                values = RowBags.of_texts(values, self.separator)
            known = self._codes[name]
            codes = values.codes(known) if isinstance(values, RowBags) else codes_of(values, known)
            if name in self._counted:
                self._counted[name].add(numbers, codes, len(self._numbers))
                continue
            differing = self._first[name].add(numbers, codes, len(self._numbers))
            if len(differing) and self.on_conflict == "error":
                where = f"{path or self.path}, row {first_row + int(differing[0]) + 1}"
                raise self._conflict(name, where, int(numbers[differing[0]]), int(codes[differing[0]]))
        return numbers

    def _conflict(self, name: str, where: str, number: int, code: int) -> DataError:
        values = list(self._codes[name])
        here, before = (
            self.separator.join(value) if isinstance(value, tuple) else value
            for value in (values[code], values[self._first[name].kept(len(self._numbers))[number]])
        )
        return DataError(
            f"{where}: {self.side} {list(self._numbers)[number]!r} has {name} {here!r} here and "
            f"{before!r} before; a feature of the {self.side} must be the same in all its rows. Choose what "
            "counts by data.on_conflict (first, most or bag), or move features that change to data.context_fields."
        )

    def table(self) -> EntityTable:
        """Return the table of all entities so far."""
        keys, n = raw_values(self._numbers), len(self._numbers)
        if self.on_conflict == "bag":
            return EntityTable(keys, bags={name: self._all_values(name) for name in self._codes})
        kept = {
            name: self._first[name].kept(n) if name in self._first else self._counted[name].most_frequent(n)
            for name in self._codes
        }
        # The code -1 of a missing value is the index of the last one, which is empty.
        fields = {name: np.array([*self._codes[name], ""], dtype=object)[kept[name]] for name in self.fields}
        bags = {}
        for name in self.bags:
            distinct = [*self._codes[name], ()]
            bags[name] = _ragged([distinct[code] for code in kept[name].tolist()])
        return EntityTable(keys, fields, bags)

    def _all_values(self, name: str) -> RaggedValues:
        """Return all values of each entity, each once, in the order of its rows."""
        codes, offsets = self._counted[name].all(len(self._numbers))
        if name in self.fields:
            return RaggedValues(np.array([*self._codes[name], ""], dtype=object)[codes], offsets)
        distinct = list(self._codes[name])
        of_entities = [[distinct[code] for code in codes[a:b].tolist()] for a, b in pairwise(offsets.tolist())]
        # What one bag repeats counts as often; what another one has, too, does not.
        return _ragged([own[0] if len(own) == 1 else tuple(dict.fromkeys(chain(*own))) for own in of_entities])

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
