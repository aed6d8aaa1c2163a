"""Repeats of a trial: the same options under consecutive seeds; the mean is the trial's value."""

from collections.abc import Sequence
from statistics import fmean

from cadc.configuration.compose import compose_config
from cadc.execution.jobs import Job, plan
from cadc.ledger.store import Ledger, Record
from cadc.reporting.metric_values import MetricValues
from cadc.reporting.saved import SavedRows
from cadc.tuning.tuning import Tuning


def trial_jobs(overrides: Sequence[str], repeats: int) -> list[Job]:
    """Return the runs of one trial: with the seed of the overrides, and with the seeds that follow it.

    If the seed does not change the run, as for a control that draws nothing, there is only one.

    Parameters
    ----------
    overrides : common to all runs.
    repeats : number of runs.

    Raises
    ------
    CadcError : as `plan` does.
    """
    if repeats == 1:
        return plan([overrides])
    seed = compose_config(overrides)["seed"]
    others = [text for text in overrides if text.lstrip("+").partition("=")[0] != "seed"]
    jobs = plan([[*others, f"seed={seed + number}"] for number in range(repeats)])
    return list({job.run_id: job for job in jobs}.values())


def mean_values(tuning: Tuning, records: Sequence[Record], ledger: Ledger) -> list[float]:
    """Return the mean of each metric that is tuned.

    Parameters
    ----------
    tuning : names the metrics.
    records : records of the runs of a trial.
    ledger : ledger of the runs; a metric of validation that records lack is computed from their saved rows.

    Raises
    ------
    CadcError : if a record lacks a metric, or has no number for it.
    """
    values_of = MetricValues(SavedRows(ledger))
    values = []
    for record in records:
        computed = {name: value for name in tuning.metrics if (value := values_of(record, name)) is not None}
        values.append(tuning.values({**record, "metrics": computed | record["metrics"]}))
    return [fmean(of_runs) for of_runs in zip(*values, strict=True)]
