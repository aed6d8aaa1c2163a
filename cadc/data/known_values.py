"""Which id a raw value has in a vocabulary, however a file spells it."""

from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from cadc.data.schema import UNKNOWN


class KnownValues:
    """The raw values of a vocabulary, to be looked up by their canonical texts.

    A text counts as it stands. Only one that is unknown so is looked up by what it means: `1.0` and `1` are the same
    number, `True` and `true` the same truth value, and, if all known values are whole numbers, `03` is `3`. Two values
    that training told apart are never taken for each other: a meaning that both have is unknown.

    Parameters
    ----------
    values : raw value of each id from 1 on, all different, shape [n].

    Examples
    --------
    >>> KnownValues(np.array(["7", "07"], object)).ids(pa.array(["07", "7.0", "", "8"])).tolist()
    [2, 1, 0, 0]
    """

    def __init__(self, values: NDArray[Any]) -> None:
        self._are_numbers = values.dtype.kind in "iu"
        self._index = pd.Index([str(value) for value in values.tolist()], dtype=object)

    def ids(self, texts: pa.Array) -> NDArray[np.int32]:
        """Return the id of each text (see `canonical_texts`), int32, shape [n]; 0 for an unknown or missing one."""
        encoded = texts.dictionary_encode()
        uniques = encoded.dictionary
        ids = (self._index.get_indexer(uniques.to_numpy(zero_copy_only=False)) + 1).astype(np.int32)
        unknown = np.flatnonzero(ids == UNKNOWN)
        if len(unknown):
            meant = self._meanings(uniques.take(pa.array(unknown)))
            index, ids_of_meanings = self._by_meaning
            ids[unknown] = ids_of_meanings[index.get_indexer(pd.Index(meant, dtype=object))]
        return ids[encoded.indices.to_numpy()]

    @cached_property
    def _by_meaning(self) -> tuple["pd.Index[Any]", NDArray[np.int32]]:
        """The meanings that one known value alone has, and their ids, of which the last, for no meaning, is 0."""
        meanings = pd.Series(self._meanings(pa.array(self._index, pa.string())), dtype=object)
        alone = meanings[~meanings.duplicated(keep=False)]
        return pd.Index(alone.to_numpy(), dtype=object), np.append(alone.index + 1, UNKNOWN).astype(np.int32)

    def _meanings(self, texts: pa.Array) -> NDArray[Any]:
        """Return the plainest spelling of what each text means, shape [n]."""
        plain = pc.replace_substring_regex(texts, r"^(-?\d+)\.0+$", r"\1")
        if self._are_numbers:
            plain = pc.replace_substring_regex(plain, r"^\+?(-?)0*(\d+)(\.0*)?$", r"\1\2")
        lower = pc.utf8_lower(plain)
        plain = pc.if_else(pc.is_in(lower, pa.array(["true", "false"])), lower, plain)
        return np.asarray(plain.to_numpy(zero_copy_only=False), object)
