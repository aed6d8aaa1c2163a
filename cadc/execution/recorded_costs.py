"""Seconds that a run would take, from the records of those that are most like it."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import TypeAlias

from cadc.configuration.nested import part
from cadc.errors import UsageError
from cadc.execution.time_left import own_seconds
from cadc.ledger.identity import arm_signature, recorded_settings
from cadc.ledger.store import Record
from cadc.pipeline.settings import Settings

SHARED = ("prepare_s", "factorize_s")
"""Seconds of stages that runs share through the cache, where all records of a stage have those of its one making."""

LIKENESS = (
    "as other runs of their arms",
    "as runs of the same options and rate",
    "as runs of the same model and rate",
    "as the average run on the same data",
)
"""What the time of a run rests on, the closest first."""

Stages: TypeAlias = frozenset[tuple[str, float]]


@dataclass(frozen=True)
class Cost:
    """What a recorded run took.

    Parameters
    ----------
    place : where its record was found.
    cpu : processor that it names.
    seconds : without the stages that runs share.
    stages : that runs may share, told apart by their seconds.
    """

    place: str
    cpu: str
    seconds: float
    stages: Stages


class RecordedCosts:
    """Costs of recorded runs, by how much they are like a run.

    Parameters
    ----------
    records : each with the place where it was found.
    """

    def __init__(self, records: Iterable[tuple[Record, str]]) -> None:
        self._by_key: dict[object, list[Cost]] = {}
        for (record, place), settings in with_settings(records):
            if settings is None:
                continue
            cpu = str(part(record, "environment").get("cpu") or "a processor without a name")
            cost = Cost(place, cpu, own_seconds(record), _stages(record))
            for key in _keys(settings):
                self._by_key.setdefault(key, []).append(cost)

    def like(self, settings: Settings, first: Collection[str] = ()) -> tuple[list[Cost], str | None]:
        """Return the costs of the runs that are most like a run, and how much they are; none where nothing is known.

        Parameters
        ----------
        settings : of the run.
        first : places whose records count before those of others that are as much like it.
        """
        for key, basis in zip(_keys(settings), LIKENESS, strict=True):
            if costs := self._by_key.get(key):
                return [cost for cost in costs if cost.place in first] or costs, basis
        return [], None


def _keys(settings: Settings) -> list[object]:
    """Return what runs that take about as long agree in, the closest first."""
    choices = settings.config["choices"]
    rate = settings.sampler.option("rate") if settings.sampler else None
    options = [choices.get(group) for group in ("model", "embedding", "initializer", "trainer")]
    views = sorted(settings.views)
    data = str((settings.source.cls.__name__, sorted(settings.source.options.items())))
    return [arm_signature(settings), str((data, rate, options, views)), (data, choices.get("model"), rate), data]


def seconds_of_stages(costs: Iterable[Cost]) -> float:
    """Return the seconds of the stages that runs share, each once."""
    return sum(seconds for _, seconds in {stage for cost in costs for stage in cost.stages})


def seconds_of_sweep(records: Iterable[Record]) -> float:
    """Return the seconds of recorded runs one after the other, each stage that they share once."""
    kept = list(records)
    stages = {stage for record in kept for stage in _stages(record)}
    return sum(map(own_seconds, kept)) + sum(seconds for _, seconds in stages)


def _stages(record: Record) -> Stages:
    """Return the stages of a run that other runs may share, told apart by their seconds."""
    return frozenset((stage, float(part(record, "cost").get(stage) or 0.0)) for stage in SHARED)


def with_settings(records: Iterable[tuple[Record, str]]) -> list[tuple[tuple[Record, str], Settings | None]]:
    """Return each record and its place with its settings; None for a run of components that are no longer installed."""
    found: list[tuple[tuple[Record, str], Settings | None]] = []
    for record, place in records:
        try:
            found.append(((record, place), recorded_settings(record)))
        except UsageError:
            found.append(((record, place), None))
    return found
