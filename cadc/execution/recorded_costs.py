"""Seconds that a run would take, from the records of those that are most like it."""

from collections.abc import Iterable, Sequence
from statistics import fmean

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


class RecordedCosts:
    """Seconds of recorded runs, by how much they are like a run.

    Parameters
    ----------
    records : each with the place where it was found.
    """

    def __init__(self, records: Sequence[tuple[Record, str]]) -> None:
        self.seconds: dict[object, list[float]] = {}
        self.shared: dict[object, set[tuple[str, float]]] = {}
        self.origins: dict[object, set[tuple[str, str]]] = {}
        self.used: set[object] = set()
        for (record, place), (_, settings) in zip(records, with_settings(records), strict=True):
            if settings is None:
                continue
            cpu = str(part(record, "environment").get("cpu") or "a processor without a name")
            for key in _keys(settings):
                self.seconds.setdefault(key, []).append(own_seconds(record))
                self.shared.setdefault(key, set()).update(_stages(record))
                self.origins.setdefault(key, set()).add((place, cpu))

    def expected(self, settings: Settings) -> tuple[float | None, str]:
        """Return the seconds that a run would take without the stages that it shares, and what they rest on."""
        for key, basis in zip(_keys(settings), LIKENESS, strict=True):
            if key in self.seconds:
                self.used.add(key)
                return fmean(self.seconds[key]), basis
        return None, "unknown"

    @property
    def shared_seconds(self) -> float:
        """Seconds of the stages that the runs share."""
        return sum(seconds for _, seconds in {stage for key in self.used for stage in self.shared[key]})

    @property
    def places(self) -> set[str]:
        """Folders of the records that were used."""
        return {place for key in self.used for place, _ in self.origins[key]}

    @property
    def machines(self) -> set[str]:
        """Processors of the records that were used."""
        return {cpu for key in self.used for _, cpu in self.origins[key]}


def _keys(settings: Settings) -> list[object]:
    """Return what runs that take about as long agree in, the closest first."""
    choices = settings.config["choices"]
    rate = settings.sampler.option("rate") if settings.sampler else None
    options = [choices.get(group) for group in ("model", "embedding", "initializer", "trainer")]
    views = sorted(settings.views)
    data = str((settings.source.cls.__name__, sorted(settings.source.options.items())))
    return [arm_signature(settings), str((data, rate, options, views)), (data, choices.get("model"), rate), data]


def seconds_of_sweep(records: Iterable[Record]) -> float:
    """Return the seconds of recorded runs one after the other, each stage that they share once."""
    kept = list(records)
    stages = {stage for record in kept for stage in _stages(record)}
    return sum(map(own_seconds, kept)) + sum(seconds for _, seconds in stages)


def _stages(record: Record) -> set[tuple[str, float]]:
    """Return the stages of a run that other runs may share, told apart by their seconds."""
    return {(stage, float(part(record, "cost").get(stage) or 0.0)) for stage in SHARED}


def with_settings(records: Iterable[tuple[Record, str]]) -> list[tuple[Record, Settings | None]]:
    """Return each record with its settings; None for a run of components that are no longer installed."""
    found: list[tuple[Record, Settings | None]] = []
    for record, _ in records:
        try:
            found.append((record, recorded_settings(record)))
        except UsageError:
            found.append((record, None))
    return found
