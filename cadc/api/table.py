"""`cadc.table`: means and intervals of any runs of the ledger, a row an arm."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from cadc.api.carry_out import ledger_of
from cadc.experiment.columns import check_column, check_metric
from cadc.ledger.listing import select
from cadc.ledger.status import entries_of
from cadc.reporting.sweeps.runs_table import records_of, runs_table


def table(
    *filters: str, metrics: Sequence[str] = (), columns: Sequence[str] = (), runs: str | Path | None = None
) -> pd.DataFrame:
    """Return the table of runs that `cadc table` prints: arms are what differs between the runs.

    Parameters
    ----------
    filters : as `cadc.runs` takes them, such as `"data=ml-1m"` or `"sampler.rate=0.1,1"`.
    metrics : such as `auc`; those of the task, where none are given.
    columns : further columns, such as `train_s` or `sample.effective_size`.
    runs : folder of the ledger; `$CADC_RUNS`, else `runs`, where none is given.

    Returns
    -------
    table : what identifies an arm, its number of `seeds`, of each metric `NAME_mean`, `NAME_std` (n - 1) and `NAME_ci`,
        half the width of the 95 % t interval, and the costs `rows_kept`, `total_s_mean`, `embedding_bytes`. Where runs
        have no result, the column `missing` says why. `table.attrs["note"]` says what the seconds were taken on.

    Raises
    ------
    UsageError : for a filter, metric or column that does not exist, and where no run is left.

    >>> cadc.table("data=synthetic", "seed=0,1,2")  # doctest: +SKIP
    """
    for name in metrics:
        check_metric(name)
    for name in columns:
        check_column(name)
    ledger = ledger_of(runs)
    return runs_table(records_of(select(list(entries_of(ledger)), filters)), ledger, metrics, columns)
