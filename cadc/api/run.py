"""`cadc.run`: carry out one configuration, or find it in the ledger."""

from pathlib import Path

from cadc.api.carry_out import carry_out_all, ledger_of, split_overrides
from cadc.api.finished import Run
from cadc.execution.jobs import plan


def run(*overrides: str, retry_failed: bool = False, runs: str | Path | None = None) -> Run:
    """Train and evaluate one configuration; a run that is finished already is returned from the ledger.

    It is the run of `cadc train OVERRIDES`: same id, same numbers. Progress goes to standard error. After Ctrl-C, the
    same call goes on from the last checkpoint.

    Parameters
    ----------
    overrides : such as `"data=ml-1m"`, `"sampler.rate=0.1"`, or `"@best.yaml"`, a file of them.
    retry_failed : whether a run that failed before is tried again, from its beginning.
    runs : folder of the ledger; `$CADC_RUNS`, else `runs`, where none is given.

    Raises
    ------
    UsageError : for an override that names no option, or has a wrong value.
    CadcError : for data that cannot be read, and where the run fails, or failed before.

    >>> cadc.run("data=synthetic", "model=bias").metrics  # doctest: +SKIP
    {'test/auc': 0.6626..., 'test/logloss': 0.6359..., ...}
    """
    of_run, launcher = split_overrides(overrides)
    (job,) = plan([of_run])
    ledger = ledger_of(runs)
    carry_out_all([job], ledger, retry_failed, launcher)
    return Run(job.run_id, ledger.folder)
