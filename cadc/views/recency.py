"""Recency view: whether a user lately liked more, or less, than the factorisation says."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import ClassVar

import torch
from torch import Tensor

from cadc.errors import UsageError, require_at_least
from cadc.views.base_logits import base_logits
from cadc.views.evidence import Evidence
from cadc.views.timed_rows import TimedRows
from cadc.views.view import RowsToScore, View


class RecencyView(View):
    """Means of what the factorisation left over in a user's rows just before a row.

    A residual is the label less the factorisation's probability. The numbers are the shrunken mean residual
    Σ e / (n + shrinkage) of the last k rows, for several k, and of all rows before; and log(1 + the number of rows
    before). Later rows are never read, nor rows of the same time, which may come from the same session.

    Parameters
    ----------
    windows : numbers k of rows.
    shrinkage : rows with residual 0 that are added to each mean.

    Raises
    ------
    UsageError : for a window below 1, or a negative shrinkage.
    """

    needs_factors: ClassVar[bool] = True
    reads_times: ClassVar[bool] = True

    def __init__(self, windows: Sequence[int] = (3, 10, 30), shrinkage: float = 3.0) -> None:
        require_at_least(0, "views.recency", shrinkage=shrinkage)
        if any(k < 1 for k in windows):
            raise UsageError(f"views.recency.windows is {list(windows)}; every window must be at least 1 row.")
        self.windows, self.shrinkage = tuple(windows), shrinkage

    def fit(self, evidence: Evidence) -> dict[str, Tensor]:
        """Return the rows of each user in order of time, with running sums of residuals, see `TimedRows`.

        Raises
        ------
        UsageError : if the factorisation returns scores that are not logits.
        """
        residuals = evidence.labels - base_logits(evidence, "recency").sigmoid()
        rows = TimedRows.of(evidence.users, evidence.times, residuals, evidence.n_users)
        return asdict(rows) | {"windows": torch.tensor(self.windows, dtype=torch.int64)}

    def columns(self, fitted: Mapping[str, Tensor]) -> tuple[str, ...]:
        """Return the names of the numbers, such as `last_3`, then `past` for all rows before, and `count`."""
        return (*(f"last_{k}" for k in fitted["windows"].tolist()), "past", "count")

    def numbers(self, fitted: Mapping[str, Tensor], rows: RowsToScore) -> Tensor:
        """Return the mean residuals and the log of the number of rows before, float32, shape [B, K].

        Raises
        ------
        UsageError : if the batch has no times.
        """
        if rows.batch.time is None:
            raise UsageError(
                "the view recency reads the time of each row, and these rows have none; add a column time."
            )
        timed = TimedRows(*(fitted[name] for name in ("first", "times", "start", "sums")))
        n_before = timed.count_before(rows.users, rows.batch.time)
        found = []
        for k in [*fitted["windows"].tolist(), None]:
            n = n_before if k is None else n_before.clamp(max=k)
            total = timed.sum_of_last(rows.users, n_before, k)
            found.append(total / (n + self.shrinkage).clamp(min=1))
        return torch.stack([*found, n_before.log1p()], 1)
