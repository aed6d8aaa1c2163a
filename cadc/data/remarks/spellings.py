"""Values of a column that differ by blanks, case or the form of their characters alone."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from cadc.data.raw import RawLog
from cadc.data.vocabulary import listed, taken
from cadc.errors import shown


def spelling_remarks(raw: RawLog, context_values: Mapping[str, NDArray[Any] | pa.Array]) -> list[str]:
    """Return a sentence about each column with values that differ by their spelling alone.

    Parameters
    ----------
    raw : its entities are complete.
    context_values : different values of each context field.
    """
    columns: dict[str, NDArray[Any] | pa.Array] = {}
    for side, table in raw.entities.items():
        columns[str(side)] = table.keys
        columns |= table.fields
        columns |= {name: bag.values for name, bag in table.bags.items()}
    return [remark for name, values in {**columns, **context_values}.items() if (remark := _remark(name, values))]


def _remark(name: str, values: NDArray[Any] | pa.Array) -> str:
    if isinstance(values, pa.Array):
        if pa.types.is_integer(values.type):
            return ""
        found: NDArray[Any] | pa.Array = values  # different already, and none is missing
    elif values.dtype.kind not in "OUT":
        return ""
    else:
        found = pd.unique(pd.Series(values, dtype=object))
        found = found[found != ""]
    groups = alike(found)
    sizes = np.bincount(groups) if len(groups) else np.empty(0, np.int64)
    n_alike = int(sizes[sizes > 1].sum())
    if not n_alike:
        return ""
    of_first = np.flatnonzero(groups == groups[np.argmax(sizes[groups] > 1)])[:2]
    first, second = listed(taken(found, of_first))
    return (
        f"{n_alike:,} of {len(found):,} values of {name} differ from another one by blanks, case or form of characters "
        f"alone, such as {shown(str(first), 42)} and {shown(str(second), 42)}; they count as different values: if they "
        "mean the same, write them alike"
    )


def alike(texts: NDArray[Any] | pa.Array) -> NDArray[np.int32]:
    """Return the number of the group of each text, int32, shape [n]; a group agrees but for blanks, case and form.

    >>> alike(np.array(["Drama", "drama ", "Sci-Fi", "DRA  MA"], object)).tolist()
    [0, 0, 1, 2]
    """
    texts = texts if isinstance(texts, pa.Array) else pa.array(texts, pa.large_string())
    folded = pc.utf8_normalize(texts, "NFKC")
    folded = pc.replace_substring_regex(pc.utf8_lower(folded), r"\s+", " ")
    return np.asarray(pc.utf8_trim_whitespace(folded).dictionary_encode().indices.to_numpy())
