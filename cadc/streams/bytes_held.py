"""The bytes that a segment holds, counted from the files that its tables are exported to."""

from torch import nn

from cadc.embeddings.base.table_file import LENGTH, file_bytes
from cadc.embeddings.measured import tables_in

BESIDE_THE_BUDGET = ("factor_logit.", "view_base.")
"""Beginnings of the names of tables that a budget of rows does not count: those of a factorisation's own logit."""

ROW_BYTES = 9
"""Bytes of a row of the reservoir: user and item take four each, the label one."""


def bytes_held(model: nn.Module, budget: int, n_reservoir: int) -> dict[str, int]:
    """Return the bytes of a segment's tables and of its reservoir.

    Parameters
    ----------
    model : of the segment.
    budget : most bytes of the numbers of all rows, linear terms among them.
    n_reservoir : rows of the reservoir.

    Returns
    -------
    bytes : `bytes` of the files, `index_bytes` of them that say where numbers lie, `number_bytes` of the numbers that
        the budget counts, `budget_bytes`, `over_budget`, by how many bytes the numbers exceed the budget, and
        `reservoir_bytes`.
    """
    numbers = whole = index = 0
    for name, table in tables_in(model):
        file = file_bytes(table)
        whole, index = whole + len(file), index + table.index_bytes
        if not name.startswith(BESIDE_THE_BUDGET):
            header = LENGTH.size + LENGTH.unpack_from(file)[0]
            numbers += len(file) - header - table.index_bytes
    return {
        "bytes": whole,
        "index_bytes": index,
        "number_bytes": numbers,
        "budget_bytes": budget,
        "over_budget": max(0, numbers - budget),
        "reservoir_bytes": ROW_BYTES * n_reservoir,
    }
