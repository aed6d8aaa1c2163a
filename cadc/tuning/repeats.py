"""The runs of one trial: the same options under consecutive seeds, whose mean is the trial's value."""

from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any

from cadc.configuration.compose import compose_config
from cadc.execution.jobs import Job, plan
from cadc.tuning.tuning import Tuning


def jobs_of(words: Sequence[str], repeats: int) -> list[Job]:
    """Return the runs of one trial: of the seed that the words say, and of those that follow it.

    Where another seed makes no other run, as of a control that draws nothing, there is only one.

    Parameters
    ----------
    words : that all of them have in common.
    repeats : how many they are.

    Raises
    ------
    CadcError : as `plan` does.
    """
    if repeats == 1:
        return plan([words])
    seed = compose_config(words)["seed"]
    others = [word for word in words if word.lstrip("+").partition("=")[0] != "seed"]
    jobs = plan([[*others, f"seed={seed + number}"] for number in range(repeats)])
    return list({job.run_id: job for job in jobs}.values())


def mean_values(tuning: Tuning, records: Sequence[Mapping[str, Any]]) -> list[float]:
    """Return the mean of each metric that is tuned.

    Raises
    ------
    CadcError : where a record has no such metric, or no number for it.
    """
    return [fmean(values) for values in zip(*map(tuning.values, records), strict=True)]
