"""Ensemble INR (arXiv 2110.04124): no rows are stored, but a small network for each cell of the table."""

from dataclasses import dataclass
from math import isqrt
from typing import Any, Literal

from cadc.embeddings.base.budget import largest_within
from cadc.embeddings.base.scheme import Compressed, TableSpec
from cadc.embeddings.schemes.cells import Columns
from cadc.embeddings.schemes.cells_table import CellsTable, Fitting, bytes_of, frequencies
from cadc.errors import UsageError, require_at_least, require_positive


@dataclass(kw_only=True, eq=False)
class EnsembleINR(Compressed):
    """A network for each cell of the table.

    Parameters
    ----------
    dim, ratio, budget, small : see `Compressed`.
    row_cells : cells of rows, at most; those of a small table are of one row at least.
    column_cells : cells of columns; they divide `dim`.
    columns : whether a network gives all columns of its cell (`outputs`), or takes the column as a second `coordinate`.
    depth : matrices of width × width of a network; the width follows from the budget.
    activation : `sine` or `relu`.
    omega : ω0 of sines, the frequencies of the first layer; None takes what `frequencies` says.
    order : in which rows are cut: by `frequency`, or for a dense target along its leading singular direction
        (`target`), which is then stored, two bytes a row and more above 65,536 rows.
    steps : of Adam, by which a dense target is projected.
    learning_rate : of these.
    psnr : dB that a projection should reach with the fewest operations, for which row cells, depth and width are
        searched within the budget; None takes them as they are.
    trials : projections of such a search.
    """

    table_class = CellsTable

    row_cells: int = 4
    column_cells: int = 1
    columns: Columns = "outputs"
    depth: int = 1
    activation: Literal["sine", "relu"] = "sine"
    omega: float | None = None
    order: Literal["frequency", "target"] = "frequency"
    steps: int = 500
    learning_rate: float = 0.003
    psnr: float | None = None
    trials: int = 20

    def __post_init__(self) -> None:
        """Check the options."""
        super().__post_init__()
        require_at_least(1, "embedding", row_cells=self.row_cells, column_cells=self.column_cells, trials=self.trials)
        require_at_least(0, "embedding", depth=self.depth, steps=self.steps)
        require_positive("embedding", learning_rate=self.learning_rate)
        if self.omega is not None:
            require_positive("embedding", omega=self.omega)
        if self.dim % self.column_cells:
            raise UsageError(
                f"embedding.column_cells is {self.column_cells}; it must divide embedding.dim, which is {self.dim}."
            )

    def table(self, spec: TableSpec) -> CellsTable:
        """Return the table with the widest networks."""
        cell_rows = -(-spec.n_rows // self.row_cells)
        is_sorted = self.order == "target" and spec.centred

        def plan_at(width: int) -> dict[str, Any]:
            return {
                "row_cells": -(-spec.n_rows // cell_rows),  # no more than hold rows
                "column_cells": self.column_cells,
                "width": width,
                "depth": self.depth,
                "columns": self.columns,
                "activation": self.activation,
                "omega": frequencies(self.omega, cell_rows, is_sorted),
                "is_sorted": is_sorted,
            }

        def bytes_at(width: int) -> int:
            return bytes_of(spec.fields, self.dim, plan_at(width), spec.centred)

        # Without a budget, about as many numbers as the full table has.
        highest = spec.n_rows * self.dim if spec.budget is not None else max(1, isqrt(cell_rows * self.dim))
        width = largest_within(spec.budget, bytes_at, 1, highest, "units of width")
        table = CellsTable(spec.fields, self.dim, **plan_at(width), centred=spec.centred)
        table.fitting = Fitting(self.steps, self.learning_rate, self.psnr, self.trials, spec.budget, self.omega)
        return table
