"""Experiments without a grid of runs: the key `analysis` names a class that computes a table and a figure."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cadc.configuration.casting import cast
from cadc.configuration.components import TARGET, Component
from cadc.configuration.override_text import to_values
from cadc.configuration.overrides import key_of
from cadc.errors import UsageError, shown
from cadc.experiment.claims import read_claims

if TYPE_CHECKING:
    import pandas as pd

KEY = "analysis"
OLDER = "study."
"""What overrides in older files start with."""
KEYS = ("title", "claim", "source", "claims", "fast", KEY)
"""Keys of the file of such an experiment."""


class Analysis(ABC):
    """Computes a table and a figure without a grid of runs."""

    @abstractmethod
    def run(self, folder: Path) -> "pd.DataFrame":
        """Compute, draw `figure.svg` and `figure.png` into a folder, and return the table.

        The attribute `note` of the table (`table.attrs["note"]`), if any, is printed below it.
        """


def read_analysis(found: Mapping[str, Any], where: str) -> dict[str, Any]:
    """Return the content of the file of such an experiment, by key, each value of its type.

    Parameters
    ----------
    found : the content of the file.
    where : the file, for messages.

    Raises
    ------
    UsageError : for an unknown key or an invalid value.
    """
    other = [key for key in found if key not in KEYS]
    if other:
        raise UsageError(
            f"{where} has the keys {', '.join(other)}, but is an analysis, which has no grid; "
            f"its keys are {', '.join(KEYS)}."
        )
    if not isinstance(found[KEY], Mapping) or TARGET not in found[KEY]:
        raise UsageError(f"{where}: {KEY} is {shown(found[KEY])}; expected {TARGET}, a class, and its options.")
    if found.get("title") is None:
        raise UsageError(f"{where} has no title; add the key title.")
    content: dict[str, Any] = {
        key: cast(found.get(key, ""), str, f"{where}: {key}") for key in ("title", "claim", "source")
    }
    fast = cast(found.get("fast") or (), tuple[str, ...], f"{where}: fast")
    fast = tuple(f"{KEY}.{own.removeprefix(OLDER)}" if own.startswith(OLDER) else own for own in fast)
    if found.get("claims") is not None:
        content["claims"] = read_claims(found["claims"], (), (), None, f"{where}: claims")
    return content | {KEY: found[KEY], "fast": fast, "common": (), "seeds": (), "arms": {}}


def build_analysis(node: Mapping[str, Any], overrides: Sequence[str], where: str) -> Analysis:
    """Return the analysis of an experiment, its options overridden by those such as `analysis.steps=10`.

    Raises
    ------
    UsageError : for a class that is not an analysis, an option that it does not have, or an override of another key.
    """
    wrong = [key for key in map(key_of, overrides) if not key.startswith(f"{KEY}.")]
    if wrong:
        raise UsageError(f"{where} is an analysis, which has no key {wrong[0]}; its overrides start with {KEY}.")
    options = options_with(node, overrides)
    return Component.read(options, KEY, Analysis).build()


def options_with(node: Mapping[str, Any], overrides: Sequence[str]) -> dict[str, Any]:
    """Return class and options of an analysis, with overrides such as `analysis.steps=10` applied."""
    return {**node, **{key.removeprefix(f"{KEY}."): value for key, value in to_values(overrides).items()}}
