"""Vocabularies: raw values → ids by descending training frequency; id 0 stands for values without training rows."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from cadc.data.schema import UNKNOWN


def is_missing(values: NDArray[Any]) -> NDArray[np.bool_]:
    """Tell which raw values are missing (None, NaN or an empty string), bool, shape [n].

    >>> is_missing(np.array(["a", "", None], object)).tolist()
    [False, True, True]
    """
    return np.asarray(pd.isna(values)) | (values == "" if values.dtype.kind in "OUST" else False)


def without_missing(values: NDArray[Any]) -> NDArray[Any]:
    """Return raw values with None in place of missing ones."""
    missing = is_missing(values)
    if not missing.any():
        return values
    marked = values.astype(object)
    marked[missing] = None
    return marked


def rank_by_frequency(counts: NDArray[np.float64], order: NDArray[np.intp]) -> NDArray[np.int32]:
    """Return the id of each value: 1 + its rank by descending count, int32, shape [n].

    Parameters
    ----------
    counts : training rows of each value, shape [n].
    order : permutation that sorts the values, shape [n]; values of equal count are ranked in this order.

    Examples
    --------
    >>> rank_by_frequency(np.array([2.0, 5.0, 2.0]), np.array([0, 1, 2])).tolist()
    [2, 1, 3]
    """
    position = np.empty(len(counts), np.intp)
    position[order] = np.arange(len(counts))
    ranks = np.empty(len(counts), np.int32)
    ranks[np.lexsort((position, -counts))] = np.arange(1, len(counts) + 1, dtype=np.int32)
    return ranks


def in_order(values: NDArray[Any] | pa.Array) -> NDArray[np.intp]:
    """Return the permutation that sorts different raw values: numbers by size, texts by code points, shape [n].

    >>> in_order(np.array(["b", "é", "a"], object)).tolist()
    [2, 0, 1]
    """
    if isinstance(values, pa.Array):
        return pc.sort_indices(values).to_numpy().astype(np.intp)
    if values.dtype != object:
        return np.argsort(values, kind="stable")
    try:
        # UTF-8 sorts as its code points do, without an object in memory for each comparison.
        order = pc.sort_indices(pa.array(values, pa.string()))
    except pa.ArrowException:  # raw values of another type
        return np.argsort(values, kind="stable")
    return order.to_numpy().astype(np.intp)


def encode(values: NDArray[Any], weights: NDArray[np.float64] | None = None) -> tuple[NDArray[np.int32], NDArray[Any]]:
    """Return the ids of raw values, and the vocabulary that they belong to.

    Parameters
    ----------
    values : integers or strings, shape [n].
    weights : number of training rows that hold each value, shape [n]; None counts each once.

    Returns
    -------
    ids : int32, shape [n]; missing values and values without training rows have id 0.
    vocabulary : raw value of each id from 1 on, shape [vocabulary size - 1].

    Examples
    --------
    >>> ids, vocabulary = encode(np.array(["b", "a", "b", ""], object))
    >>> ids.tolist(), vocabulary.tolist()
    ([1, 2, 1, 0], ['b', 'a'])
    """
    codes, uniques = pd.factorize(without_missing(values))
    present = codes >= 0
    counts = np.bincount(
        codes[present], weights=None if weights is None else weights[present], minlength=len(uniques)
    ).astype(np.float64)
    uniques = np.asarray(uniques)
    ranks = rank_by_frequency(counts, in_order(uniques))
    ids_of_codes = np.where(counts > 0, ranks, UNKNOWN).astype(np.int32)
    ids = np.full(len(values), UNKNOWN, np.int32)
    ids[present] = ids_of_codes[codes[present]]
    vocabulary = uniques[np.argsort(ranks)][: int((counts > 0).sum())]
    return ids, vocabulary


def encode_distinct(
    values: NDArray[Any] | pa.Array, counts: NDArray[np.float64]
) -> tuple[NDArray[np.int32], NDArray[Any] | pa.Array]:
    """Return what `encode` does for different values, none of which is missing; only those that count are sorted.

    Parameters
    ----------
    values : different integers or strings, shape [n].
    counts : number of training rows that hold each value, shape [n].

    Examples
    --------
    >>> ids, vocabulary = encode_distinct(pa.array(["b", "c", "a"]), np.array([2.0, 0.0, 2.0]))
    >>> ids.tolist(), vocabulary.to_pylist()
    ([2, 0, 1], ['a', 'b'])
    """
    kept = np.flatnonzero(counts > 0)
    found = taken(values, kept)
    ranks = rank_by_frequency(counts[kept], in_order(found))
    ids = np.full(len(values), UNKNOWN, np.int32)
    ids[kept] = ranks
    return ids, taken(found, np.argsort(ranks))


def taken(values: NDArray[Any] | pa.Array, places: NDArray[np.integer[Any]]) -> NDArray[Any] | pa.Array:
    """Return the values at some places, an array of the same kind, shape [B]."""
    return values.take(pa.array(places)) if isinstance(values, pa.Array) else values[places]


def listed(values: NDArray[Any] | pa.Array) -> list[Any]:
    """Return the values of an array as a list."""
    return values.to_pylist() if isinstance(values, pa.Array) else values.tolist()


def raw_values(known: Mapping[Any, int]) -> NDArray[Any]:
    """Return the values that `codes_of` numbered, in the order of their codes, shape [n].

    Texts are objects: in an array of fixed width the longest one would set the memory of each, and its last character
    would be lost if it is NUL.

    >>> raw_values({"b": 0, "a": 1}).tolist(), raw_values({5: 0}).dtype.kind
    (['b', 'a'], 'i')
    """
    values = list(known)
    return np.array(values, object if not values or isinstance(values[0], str) else None)


def codes_of(values: NDArray[Any] | pa.Array, known: dict[Any, int]) -> NDArray[np.int32]:
    """Return the code of each raw value, int32, shape [n]: values are numbered as they appear, missing ones are -1.

    Parameters
    ----------
    values : integers or strings, shape [n].
    known : code of each value so far; new values are added to it.
    """
    if isinstance(values, pa.Array):
        encoded = pc.dictionary_encode(pc.if_else(pc.equal(values, ""), None, values))
        codes, uniques = encoded.indices.fill_null(-1).to_numpy(), np.array(encoded.dictionary.to_pylist(), object)
    else:
        codes, uniques = pd.factorize(without_missing(values))
    table = np.array([known.setdefault(value, len(known)) for value in uniques.tolist()] + [-1], np.int32)
    return table[codes]
