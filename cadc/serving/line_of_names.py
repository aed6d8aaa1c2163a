"""Whether the first line of a file without names holds names after all."""

from collections.abc import Mapping
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from cadc.data.column_block import Block
from cadc.errors import DataError, shown

NUMBER = r"^[-+]?[0-9]+(\.[0-9]+)?$"


def refuse_names(block: Block, columns: Mapping[str, str], keys: Mapping[str, NDArray[Any]]) -> None:
    """Raise a DataError where the first row of a file has texts for users and items that are numbers in the log.

    Parameters
    ----------
    block : the first of a file.
    columns : by `user` and `item`, the column that is read.
    keys : by the same, all raw ids of the log, shape [n] each.
    """
    first = {side: block.texts(columns[side])[:1] for side in keys} if block.n_rows else {}
    if not first or any(map(_are_numbers, first.values())):
        return
    if all(_are_numbers(pa.array(own.astype(str))) for own in keys.values()):
        said = ", ".join(shown(text[0].as_py(), 42) for text in first.values())
        raise DataError(
            f"{block.path}: the first line has {said} where the log has numbers, and looks like names of columns; give "
            "--header if it is, and --no-header if it is a row."
        )


def _are_numbers(texts: pa.Array) -> bool:
    return bool(pc.all(pc.match_substring_regex(texts, NUMBER)).as_py())
