"""Splits what is left of grids into parts of so many hours, which can be carried out at several places and times."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from cadc.execution.forecast import Forecast


@dataclass
class GridPart:
    """Arms that are carried out together.

    Parameters
    ----------
    arms : names by experiment.
    seconds : that they take, with the stages that runs of an experiment share.
    """

    arms: dict[str, list[str]] = field(default_factory=dict)
    seconds: float = 0.0


def split(forecasts: Mapping[str, Forecast], seconds: float) -> list[GridPart]:
    """Return parts that take at most so many seconds each, but for an arm that takes more by itself.

    An experiment that fits into a part stays together, and an arm always does: comparisons and strata need the scores
    of all seeds. Stages that runs of an experiment share count in each of its parts. Arms of unknown time are left out.

    Parameters
    ----------
    forecasts : by experiment.
    seconds : most of a part.
    """
    parts = [GridPart()]
    for experiment, forecast in forecasts.items():
        arms = {name: arm.seconds for name, arm in forecast.arms.items() if arm.left > arm.unknown}
        fits_whole = sum(arms.values()) + forecast.shared_seconds <= seconds
        for names in [list(arms)] if fits_whole else [[name] for name in arms]:
            own = sum(arms[name] for name in names)
            shared = 0.0 if experiment in parts[-1].arms else forecast.shared_seconds
            if parts[-1].arms and parts[-1].seconds + own + shared > seconds:
                parts.append(GridPart())
                shared = forecast.shared_seconds
            if names:
                parts[-1].arms.setdefault(experiment, []).extend(names)
                parts[-1].seconds += own + shared
    return [part for part in parts if part.arms]
