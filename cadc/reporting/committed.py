"""Results as they are: an experiment and its runs, read from a folder of results alone."""

from collections.abc import Collection, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from cadc.errors import CadcError, UsageError, one_line, shown
from cadc.experiment import Choosing, Experiment, load_experiment, names
from cadc.experiment.columns import is_metric_column
from cadc.experiment.published import read_published
from cadc.experiment.references import read_choosing, read_references
from cadc.ledger.store import Record
from cadc.paths import regular_file
from cadc.reporting.lookup import committed_records
from cadc.reporting.provenance import PROVENANCE, read_provenance, runs_of
from cadc.reporting.records_file import records_path


def read_results(folder: Path) -> tuple[Experiment, list[tuple[str, Record]]]:
    """Return the experiment that a folder holds the results of, and arm and record of each of its runs.

    What was asked for is read from `provenance.json`. What it does not say, such as the kind of figure, is that of the
    experiment of this name, if there is one.

    Parameters
    ----------
    folder : with `provenance.json` and records.

    Raises
    ------
    CadcError : if a file is missing or damaged, or a run has no record.
    """
    path = folder / PROVENANCE
    found = read_provenance(folder)
    runs = runs_of(folder, found)
    try:
        experiment = _experiment(folder, found, list(runs))
    except UsageError as error:
        raise CadcError(f"{path} cannot be used: {error}") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise CadcError(
            f"{path} does not say what was asked for ({one_line(repr(error))}); restore it, or name the experiment "
            "instead of the folder."
        ) from error
    records = {record["id"]: record for record in committed_records(folder)}
    wanted = [(arm, run_id) for arm, ids in runs.items() for run_id in ids]
    if missing := [run_id for _, run_id in wanted if run_id not in records]:
        raise CadcError(
            f"{records_path(folder)} lacks {len(missing)} of {len(wanted)} runs that {PROVENANCE} names, the first: "
            f"{shown(missing[0])}; restore the file."
        )
    return experiment, [(arm, records[run_id]) for arm, run_id in wanted]


def _experiment(folder: Path, found: Mapping[str, Any], arms: Collection[str]) -> Experiment:
    name = str(found["experiment"])
    path = folder / PROVENANCE
    # A name may have been written by others; only one of ours is looked up.
    known = load_experiment(name) if name in names() else None
    if known is None or known.analysis is not None:
        known = Experiment(name, "", "", "", (), (), {}, (), metrics=_metrics(folder))
    return replace(
        known,
        title=str(found["title"]),
        claim=str(found["claim"]),
        source=str(found["source"]),
        arms=dict.fromkeys(arms, ()),
        references=read_references({"references": found.get("references", [])}, arms, path),
        published=read_published(found.get("published", []), arms, str(path)),
        choose=_choosing(found["choose"], arms, path) if "choose" in found else None,
    )


def _choosing(node: Mapping[str, Any], arms: Collection[str], path: Path) -> Choosing:
    """Return how a point is chosen; results of earlier versions name one reference."""
    if "references" not in node:
        return read_choosing(node, arms, path)
    return Choosing(read_references({"references": node["references"]}, arms, path), node["size"])


def _metrics(folder: Path) -> tuple[str, ...]:
    """Return the metrics of the table that is there; empty, for those of the task, if there is none."""
    path = folder / "table.csv"
    heads = pd.read_csv(regular_file(path), nrows=0) if path.exists() else pd.DataFrame()
    means = [str(head).removesuffix("_mean") for head in heads if f"{str(head).removesuffix('_mean')}_ci" in heads]
    return tuple(dict.fromkeys(name for name in means if is_metric_column(name)))
