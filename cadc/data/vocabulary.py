"""Vocabularies: raw values → ids in descending training frequency, id 0 for what training never saw."""

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from cadc.data.schema import UNKNOWN


def is_missing(values: NDArray[Any]) -> NDArray[np.bool_]:
    """Tell which raw values are missing: None, NaN and the empty string."""
    return np.asarray(pd.isna(values)) | (values == "" if values.dtype.kind in "OUST" else False)


def without_missing(values: NDArray[Any]) -> NDArray[Any]:
    """Return the raw values with None in place of the missing ones."""
    missing = is_missing(values)
    if not missing.any():
        return values
    marked = values.astype(object)
    marked[missing] = None
    return marked


def rank_by_frequency(counts: NDArray[np.float64], order: NDArray[np.intp]) -> NDArray[np.int32]:
    """Return 1 + each value's rank by descending count, ties in the order of `order` (a sort of the values)."""
    position = np.empty(len(counts), np.intp)
    position[order] = np.arange(len(counts))
    ranks = np.empty(len(counts), np.int32)
    ranks[np.lexsort((position, -counts))] = np.arange(1, len(counts) + 1, dtype=np.int32)
    return ranks


def encode(values: NDArray[Any], weights: NDArray[np.float64] | None = None) -> tuple[NDArray[np.int32], NDArray[Any]]:
    """Turn raw values into ids.

    Parameters
    ----------
    values : integers or strings, shape [n].
    weights : how many training rows hold each of them, shape [n]; None counts each once.

    Returns
    -------
    ids : int32, shape [n]; missing values and those without training rows are 0.
    vocabulary : raw value of each id from 1 on, shape [vocabulary size - 1].
    """
    codes, uniques = pd.factorize(without_missing(values))
    present = codes >= 0
    counts = np.bincount(
        codes[present], weights=None if weights is None else weights[present], minlength=len(uniques)
    ).astype(np.float64)
    uniques = np.asarray(uniques)
    ranks = rank_by_frequency(counts, np.argsort(uniques, kind="stable"))
    ids_of_codes = np.where(counts > 0, ranks, UNKNOWN).astype(np.int32)
    ids = np.full(len(values), UNKNOWN, np.int32)
    ids[present] = ids_of_codes[codes[present]]
    vocabulary = uniques[np.argsort(ranks)][: int((counts > 0).sum())]
    return ids, vocabulary


def look_up(values: NDArray[Any], vocabulary: NDArray[Any]) -> NDArray[np.int32]:
    """Return the ids of raw values in a vocabulary that `encode` made; unseen values are 0."""
    index = pd.Index(vocabulary)
    if index.dtype.kind in "iu" and values.dtype.kind not in "iu":
        values = pd.to_numeric(pd.Series(values), errors="coerce").to_numpy()
    elif index.dtype.kind not in "iu" and values.dtype.kind in "iuf":
        values = values.astype(str)
    return (index.get_indexer(pd.Index(values)) + 1).astype(np.int32)


def codes_of(values: NDArray[Any] | pa.Array, known: dict[Any, int]) -> NDArray[np.int32]:
    """Return codes of raw values in order of appearance, -1 where missing, and add new values to `known`."""
    if isinstance(values, pa.Array):
        encoded = pc.dictionary_encode(pc.if_else(pc.equal(values, ""), None, values))
        codes, uniques = encoded.indices.fill_null(-1).to_numpy(), np.array(encoded.dictionary.to_pylist(), object)
    else:
        codes, uniques = pd.factorize(without_missing(values))
    table = np.array([known.setdefault(value, len(known)) for value in uniques.tolist()] + [-1], np.int32)
    return table[codes]
