"""Experiments that are no grids of runs: a component that computes a table and a figure by itself."""

import json
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cadc.configuration.casting import cast
from cadc.configuration.class_lookup import load_class
from cadc.configuration.components import build, options_of
from cadc.configuration.override_text import values_of
from cadc.configuration.overrides import key_of
from cadc.errors import CadcError, UsageError, shown
from cadc.provenance.environment import source_version
from cadc.storage.atomic_files import put_in_place

if TYPE_CHECKING:
    import pandas as pd

    from cadc.experiment.grid import Experiment

KEY = "study"
OF_A_STUDY = ("title", "claim", "source", "fast", KEY)
"""What the file of such an experiment may say."""


class Study(ABC):
    """Computes something and shows it."""

    @abstractmethod
    def run(self, folder: Path) -> "pd.DataFrame":
        """Compute, draw `figure.svg` and `figure.png` into a folder, and return the table.

        The attribute `note` of the table, if it has one, is what stands below it.
        """


def read_study(found: Mapping[str, Any], where: str) -> dict[str, Any]:
    """Return what the file of a study says, by key, each of its type.

    Raises
    ------
    UsageError : for what is not understood.
    """
    other = [key for key in found if key not in OF_A_STUDY]
    if other:
        raise UsageError(f"{where} is a study, which has no {', '.join(other)}; it has {', '.join(OF_A_STUDY)}.")
    if not isinstance(found[KEY], Mapping) or "_target_" not in found[KEY]:
        raise UsageError(f"{where}: {KEY} is {shown(found[KEY])}; expected _target_, a class, and its options.")
    if found.get("title") is None:
        raise UsageError(f"{where} needs a title.")
    content = {key: cast(found.get(key, ""), str, f"{where}: {key}") for key in ("title", "claim", "source")}
    fast = cast(found.get("fast") or (), tuple[str, ...], f"{where}: fast")
    return content | {KEY: found[KEY], "fast": fast, "common": (), "seeds": (), "arms": {}}


def make_study(node: Mapping[str, Any], words: Sequence[str], where: str) -> Study:
    """Return the study that an experiment names, with words such as `study.steps=10` laid over its options.

    Raises
    ------
    UsageError : for a component that is no study, an option that it does not have, or a word of something else.
    """
    if not issubclass(load_class(node.get("_target_")), Study):
        raise UsageError(f"{where}: {KEY}._target_ is {node['_target_']!r}, which is no study.")
    wrong = [word for word in words if not key_of(word).startswith(f"{KEY}.")]
    if wrong:
        raise UsageError(f"{where} is a study, which knows no {key_of(wrong[0])}; its words begin with {KEY}.")
    given = {key.removeprefix(f"{KEY}."): value for key, value in values_of(words).items()}
    options_of({**node, **given}, KEY)
    study: Study = build({**node, **given}, KEY)
    return study


def run_study(experiment: "Experiment", words: Sequence[str], folder: Path, command: str) -> "pd.DataFrame":
    """Run the study of an experiment; write its table, figure and provenance into a folder, and return the table.

    Parameters
    ----------
    experiment : with a study.
    words : laid over its options.
    folder : of the results.
    command : that makes them again.

    Raises
    ------
    CadcError : where the folder cannot be written to.
    """
    from cadc.reporting.table import markdown

    node = experiment.study or {}
    study = make_study(node, words, experiment.name)
    made = []

    def write(aside: Path) -> None:
        table = study.run(aside)
        made.append(table)
        note = f"\n{table.attrs['note']}\n" if "note" in table.attrs else ""
        (aside / "table.csv").write_text(table.to_csv(index=False, lineterminator="\n"))
        (aside / "table.md").write_text(markdown(table) + note)
        provenance = {
            "experiment": experiment.name,
            "title": experiment.title,
            "claim": experiment.claim,
            "source": experiment.source,
            "command": command,
            "code": source_version(),
            "study": {**node, **values_of([word.removeprefix(f"{KEY}.") for word in words])},
            "runs": {},
        }
        (aside / "provenance.json").write_text(json.dumps(provenance, indent=1) + "\n")

    try:
        put_in_place(folder, write)
    except OSError as error:
        raise CadcError(
            f"results cannot be written to {folder} ({(error.strerror or str(error)).lower()}); make it writable or "
            "choose another with --output."
        ) from error
    return made[0]
