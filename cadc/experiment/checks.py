"""Names in `experiment.yaml` that must exist: of an arm, and of a metric."""

from collections.abc import Collection

from cadc.configuration import suggestions
from cadc.errors import UsageError, shown


def nearest(name: str, known: Collection[str]) -> str:
    """Return the end of a message: the known names that are most like an unknown one, or else all of them.

    >>> nearest("fll", ["full", "few"])
    'did you mean full?'
    >>> nearest("xyz", ["full", "few"])
    'choose one of full, few.'
    """
    near = suggestions.nearest(name, known)
    return f"did you mean {' or '.join(near)}?" if near else f"choose one of {', '.join(known)}."


def require_arm(name: str, arms: Collection[str], where: str) -> None:
    """Raise a UsageError unless a name is that of an arm.

    Parameters
    ----------
    name, arms : the name, and those that there are.
    where : file and key, for the message.
    """
    if name not in arms:
        raise UsageError(f"{where}: {shown(name)} is not an arm; {nearest(name, arms)}")


def require_metric(name: str, where: str, comparable: bool = False) -> None:
    """Raise a UsageError unless a name is that of a metric, which says what it is near to.

    Parameters
    ----------
    name, where : the name; file and key, for the message.
    comparable : whether two arms are to be compared by it.
    """
    # Metrics are slow to import, and few commands need them.
    from cadc.evaluation.metrics.lookup import comparable_metric, metric
    from cadc.evaluation.prefixes import SEGMENTS

    try:
        (comparable_metric if comparable else metric)(name.removeprefix(SEGMENTS))
    except UsageError as error:
        raise UsageError(f"{where}: {error}") from error
