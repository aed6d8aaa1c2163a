"""Repeats of a trial: the same options under consecutive seeds; the mean is the trial's value."""

from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any

from cadc.configuration.compose import compose_config
from cadc.execution.jobs import Job, plan
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


def mean_values(tuning: Tuning, records: Sequence[Mapping[str, Any]]) -> list[float]:
    """Return the mean of each metric that is tuned.

    Raises
    ------
    CadcError : if a record lacks a metric, or has no number for it.
    """
    return [fmean(values) for values in zip(*map(tuning.values, records), strict=True)]
