"""Runs the analysis of an experiment and writes its table, figure and provenance."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from cadc.errors import CadcError, reason
from cadc.experiment import Experiment
from cadc.experiment.analysis import KEY, build_analysis, options_with
from cadc.provenance.environment import environment
from cadc.reporting.provenance import provenance_of, write_provenance
from cadc.reporting.timing import timed_on
from cadc.reporting.written.markdown import markdown_frame
from cadc.storage.csv_tables import csv_text
from cadc.storage.output_files import put_in_place

if TYPE_CHECKING:
    import pandas as pd


def run_analysis(experiment: Experiment, overrides: Sequence[str], folder: Path, command: str) -> "pd.DataFrame":
    """Run the analysis of an experiment, write its results into a folder, and return the table.

    Parameters
    ----------
    experiment : one with an analysis.
    overrides : of its options, such as `analysis.steps=10`.
    folder : for the results.
    command : that reproduces them, for the provenance.

    Raises
    ------
    UsageError : for an override that does not apply.
    CadcError : if the folder cannot be written.
    """
    node = experiment.analysis or {}
    analysis = build_analysis(node, overrides, experiment.name)
    tables = []

    def write(aside: Path) -> None:
        table = analysis.run(aside)
        if any(str(name).endswith("_s") for name in table):
            notes = [*filter(None, [table.attrs.get("note")]), f"Seconds were taken on {timed_on(environment())}."]
            table.attrs["note"] = "\n".join(notes)
        tables.append(table)
        note = f"\n{table.attrs['note']}\n" if "note" in table.attrs else ""
        (aside / "table.csv").write_text(csv_text(table), encoding="utf-8")
        (aside / "table.md").write_text(markdown_frame(table) + note, encoding="utf-8")
        provenance = provenance_of(experiment, command) | {KEY: options_with(node, overrides), "runs": {}}
        write_provenance(provenance, aside)

    try:
        put_in_place(folder, write)
    except OSError as error:
        why = reason(error)
        raise CadcError(
            f"results cannot be written to {folder} ({why}); make it writable, or choose another with --output."
        ) from error
    return tables[0]
