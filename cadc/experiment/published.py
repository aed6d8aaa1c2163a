"""Figures that others published, which a table holds beside its own: the key `published` of `experiment.yaml`."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from cadc.configuration.casting import cast
from cadc.errors import UsageError, shown
from cadc.experiment.checks import require_arm, require_metric


@dataclass(frozen=True)
class Published:
    """A figure of a publication.

    Parameters
    ----------
    data : name of the data set.
    metric : of the test part, such as `auc` or `recall@20`.
    value : as published.
    source : the publication.
    arm : the arm that it is held against; None for a method that the experiment does not run.
    method : its name in the publication; None takes the name of the arm.
    """

    data: str
    metric: str
    value: float
    source: str
    arm: str | None = None
    method: str | None = None

    @property
    def name(self) -> str:
        """The method, under the name that it has in the publication."""
        return self.method or str(self.arm)


TYPES: dict[str, Any] = {
    "data": str,
    "metric": str,
    "value": float,
    "source": str,
    "arm": str | None,
    "method": str | None,
}
NEEDED = ("data", "metric", "value", "source")


def read_published(node: Any, arms: Collection[str], where: str) -> tuple[Published, ...]:
    """Return the content of the key `published`.

    Parameters
    ----------
    node : a list of the keys of `Published`.
    arms : names of all arms.
    where : file and key, for messages.

    Raises
    ------
    UsageError : for an unknown or missing key, an invalid value, an arm that there is not, or two figures of the same.
    """
    if not isinstance(node, list):
        raise UsageError(f"{where} is {shown(node)}; expected a list of {{data: NAME, arm: NAME, metric: …}}.")
    found = tuple(_one(own, arms, f"{where}[{number}]") for number, own in enumerate(node))
    keys = [(own.data, own.name, own.metric) for own in found]
    for place, key in enumerate(keys):
        if key in keys[:place]:
            raise UsageError(f"{where}[{place}]: {', '.join(key)} has two figures; remove one of them.")
    return found


def _one(node: Any, arms: Collection[str], where: str) -> Published:
    if not isinstance(node, Mapping) or not set(NEEDED) <= set(node) <= set(TYPES):
        raise UsageError(f"{where} is {shown(node)}; expected {', '.join(NEEDED)}, and arm or method, or both.")
    found = Published(**{key: cast(value, TYPES[key], f"{where}.{key}") for key, value in node.items()})
    if found.arm is None and found.method is None:
        raise UsageError(f"{where} names neither arm nor method; say which method was published.")
    if found.arm is not None:
        require_arm(found.arm, arms, where)
    require_metric(found.metric, where)
    return found
