"""`cadc.sweep`: all combinations of several values, as a data frame."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from cadc.api.carry_out import carry_out_all, ledger_of, split_overrides
from cadc.api.listing import table_of
from cadc.configuration.overrides import expand, parse_overrides
from cadc.errors import UsageError
from cadc.execution.jobs import Job, plan
from cadc.ledger.status import look_up


def sweep(*overrides: str, retry_failed: bool = False, runs: str | Path | None = None) -> pd.DataFrame:
    """Carry out every combination of comma-separated values, and return a row a run.

    Runs that are finished are not repeated. A run that fails does not end the others: its row has the status `failed`
    and the reason. Ctrl-C ends the sweep; the same call goes on from there.

    Parameters
    ----------
    overrides : such as `"sampler.rate=0.01,0.1"` and `"seed=range(5)"`; `"hydra/launcher=joblib"` hands the runs to
        a launcher.
    retry_failed : whether runs that failed before are tried again, from their beginning.
    runs : folder of the ledger; `$CADC_RUNS`, else `runs`, where none is given.

    Returns
    -------
    table : `id`, `status`, `finished_at`, a column for each swept key, the metrics (`test/auc`, …), `seconds`,
        `bytes` of the embedding tables, and `reason` where a run has no result. A key that a run does not use, such as
        the sampling rate of a model without training, is missing, and runs that differ in such keys alone are one.

    Raises
    ------
    UsageError : for a wrong override, before anything is run.

    >>> swept = cadc.sweep("data=synthetic", "sampler.rate=0.01,0.1", "seed=0,1")  # doctest: +SKIP
    >>> swept.groupby("sampler.rate")["test/auc"].mean()  # doctest: +SKIP
    """
    of_runs, launcher = split_overrides(overrides)
    combinations = expand(of_runs)
    if not combinations:
        raise UsageError("the sweep is empty: a key has no value.")
    jobs: dict[str, Job] = {}
    for job in plan(combinations):
        jobs.setdefault(job.run_id, job)
    ledger = ledger_of(runs)
    try:
        carry_out_all(list(jobs.values()), ledger, retry_failed, launcher)
    except Exception:
        # A sweep of a single run raises what a larger one notes.
        if len(jobs) > 1 or ledger.recorded(next(iter(jobs))) != "failed":
            raise
    entries = [look_up(ledger, run_id) for run_id in jobs]
    return table_of([entry for entry in entries if entry], _swept(of_runs))


def _swept(overrides: Sequence[str]) -> list[str]:
    """Return the keys to which overrides give several values."""
    parsed = parse_overrides(overrides)
    return list(dict.fromkeys(str(override.key_or_group) for override in parsed if override.is_sweep_override()))
