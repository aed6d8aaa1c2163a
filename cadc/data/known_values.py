"""Which id a raw value has in a vocabulary, however a file spells it."""

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from cadc.data.schema import UNKNOWN


class KnownValues:
    """The raw values of a vocabulary, to be looked up by their canonical texts.

    A text counts as it stands. Only one that is unknown so is looked up as another spelling of the same value: `1.0` as
    `1` and `1` as `1.0`, `True` as `true` and the reverse, and, if all known values are whole numbers, `03` as `3`. Two
    values that training told apart are thus never taken for each other.

    Parameters
    ----------
    values : raw value of each id from 1 on, all different, shape [n].

    Examples
    --------
    >>> KnownValues(np.array(["7", "07"], object)).ids(pa.array(["07", "7.0", "", "8"])).tolist()
    [2, 1, 0, 0]
    """

    def __init__(self, values: NDArray[Any]) -> None:
        self._whole = values.dtype.kind in "iu"
        self._index = pd.Index([str(value) for value in values.tolist()], dtype=object)

    def ids(self, texts: pa.Array) -> NDArray[np.int32]:
        """Return the id of each text (see `canonical_texts`), int32, shape [n]; 0 for an unknown or missing one."""
        encoded = texts.dictionary_encode()
        uniques = encoded.dictionary
        ids = self._as_they_stand(uniques)
        for spell in (whole_number, with_point_zero, truth_value, *((plain_digits,) if self._whole else ())):
            unknown = np.flatnonzero(ids == UNKNOWN)
            if len(unknown):
                ids[unknown] = self._as_they_stand(spell(uniques.take(pa.array(unknown))))
        return ids[encoded.indices.to_numpy()] if len(ids) else np.empty(0, np.int32)

    def _as_they_stand(self, texts: pa.Array) -> NDArray[np.int32]:
        return (self._index.get_indexer(texts.to_numpy(zero_copy_only=False)) + 1).astype(np.int32)


def whole_number(texts: pa.Array) -> pa.Array:
    """Return `1` for `1.0`, which some writers make of whole numbers beside a missing one; others stay."""
    return pc.replace_substring_regex(texts, r"^(-?\d+)\.0+$", r"\1")


def with_point_zero(texts: pa.Array) -> pa.Array:
    """Return `1.0` for `1`; others stay."""
    return pc.replace_substring_regex(texts, r"^(-?\d+)$", r"\1.0")


def truth_value(texts: pa.Array) -> pa.Array:
    """Return `true` for `True`, and `True` for `true`, and so with `false`; others stay."""
    lower, title = pc.utf8_lower(texts), pc.utf8_title(texts)
    other = pc.if_else(pc.equal(texts, lower), title, lower)
    return pc.if_else(pc.is_in(lower, pa.array(["true", "false"])), other, texts)


def plain_digits(texts: pa.Array) -> pa.Array:
    """Return `3` for `03`, `+3` and `03.0`; others stay."""
    return pc.replace_substring_regex(texts, r"^\+?(-?)0*(\d+)(\.0*)?$", r"\1\2")
