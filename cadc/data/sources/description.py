"""Descriptions of tables: YAML files that set options of `data=table`."""

from collections.abc import Collection
from pathlib import Path
from typing import Any

from cadc.configuration.safe_yaml import load_yaml
from cadc.errors import DataError, UsageError


def read_description(path: Path, known: Collection[str]) -> dict[str, Any]:
    """Return the options that a YAML file sets.

    Parameters
    ----------
    path : the file.
    known : options that it may set.

    Raises
    ------
    DataError : if the file cannot be read, does not hold keys and values, or has a key that is not an option.
    """
    try:
        found = load_yaml(path)
    except UsageError as error:
        raise DataError(str(error)) from error
    if not isinstance(found, dict) or not all(isinstance(key, str) for key in found):
        raise DataError(f"{path} must hold lines such as `user: customer_id`, each with an option and its value.")
    for key in found:
        if key not in known:
            raise DataError(f"{path} has the key {key!r}, which is not an option of a table; {_nearest(key, known)}")
    return found


def _nearest(key: str, known: Collection[str]) -> str:
    from difflib import get_close_matches

    near = get_close_matches(key, list(known), n=3)
    return f"did you mean {' or '.join(near)}?" if near else f"it has {', '.join(known)}."
