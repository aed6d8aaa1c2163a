"""The split of data that says itself which part a row belongs to."""

from collections.abc import Sequence
from typing import Any

from cadc.configuration.compose import compose_config
from cadc.errors import UsageError


def choose_split(overrides: Sequence[str]) -> bool:
    """Tell whether overrides choose the split.

    >>> choose_split(["data=table", "data/split=random"]), choose_split(["data.split_seed=1"])
    (True, False)
    """
    return any(override.partition("=")[0].lstrip("+") == "data/split" for override in overrides)


def with_given_parts(overrides: Sequence[str]) -> dict[str, Any]:
    """Return the configuration of overrides with the split that keeps the parts which the data brings.

    Raises
    ------
    UsageError : for overrides that are wrong, or of another split.
    """
    try:
        return compose_config([*overrides, "data/split=given"])
    except UsageError as error:
        raise UsageError(
            f"{error} This data says which part a row belongs to, so data/split=given is the default; choose another "
            "for other keys, such as data/split=random."
        ) from error
