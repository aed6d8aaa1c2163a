"""Every point of a table against the reference that the experiment names, from the scores that the runs saved."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from cadc.choices import seeds
from cadc.errors import CadcError, DataError, one_line
from cadc.evaluation.statistics import compare, holm, measure, verdict
from cadc.experiment import Reference
from cadc.identity import digest, file_hash
from cadc.ledger.store import Ledger, Record
from cadc.paths import regular_file
from cadc.reporting.table import Point

FILE = "comparison.csv"

SAVED_AS = {"probability": "scores.parquet", "rank": "ranks.parquet"}
"""File of a run that holds what a metric reads."""

COLUMNS = [
    "arm",
    "rate",
    "metric",
    "margin",
    "reference",
    "reference_rate",
    "seeds",
    "unit",
    "n_units",
    "difference",
    "standard_error",
    "degrees_of_freedom",
    "low",
    "high",
    "p",
    "p_holm",
    "p_margin",
    "p_margin_holm",
    "verdict",
    "runs",
]
"""`p` is two-sided, of no difference; `p_margin` one-sided, of a disadvantage of the margin or more; `runs` a hash."""


def compare_points(
    reference: Reference, rows: Sequence[Point], ledger: Ledger | None, committed: Sequence[Path] = ()
) -> pd.DataFrame | None:
    """Return the comparison of every row of a table with the reference, or None where there can be none.

    It is computed from the scores in the ledger. Where these are gone, as on a clone that has records alone, it is read
    from a comparison of the same runs that was kept beside results. Why there is none is said on standard error.

    Parameters
    ----------
    reference : as the experiment names it.
    rows : of the table.
    ledger : where the runs' scores are looked for; None looks nowhere.
    committed : folders of results.

    Returns
    -------
    comparison : a line for each row, in their order, with `COLUMNS`. The reference's own line says `reference`; that of
        a row without counterpart is empty.

    Raises
    ------
    DataError : where runs that should be paired were tested on different rows, or a metric is undefined.
    CadcError : where a file of scores is not the one that its record names.
    """
    counterparts = [_counterpart(reference, row, rows) for row in rows]
    if not any(counterparts):
        _say_left_out(reference, "it is not in this table")
        return None
    matched = list(zip(rows, counterparts, strict=True))
    pairs = [_pairs(row, other) if other and other is not row else [] for row, other in matched]
    lines = [_known(reference, *line) for line in zip(rows, counterparts, pairs, strict=True)]
    file = SAVED_AS[measure(reference.metric).value]
    needed = {record["id"]: record for both in pairs for pair in both for record in pair}
    missing = [run_id for run_id in needed if ledger is None or not (ledger.path(run_id) / file).exists()]
    if missing or ledger is None:
        kept = _kept(lines, committed)
        if kept is None:
            place = ledger.folder if ledger else "a ledger"
            _say_left_out(reference, f"{file} of {len(missing)} of {len(needed)} runs is not in {place}")
        return kept
    for line, row, both in zip(lines, rows, pairs, strict=True):
        if both:
            line |= _compared(reference, row, both, ledger, file)
    return _typed(_judged(pd.DataFrame(lines, columns=COLUMNS), reference))


def _judged(frame: pd.DataFrame, reference: Reference) -> pd.DataFrame:
    """Return the comparison with the p values adjusted over the table, and its verdicts."""
    frame = frame.assign(p_holm=holm(frame["p"]), p_margin_holm=holm(frame["p_margin"]))
    sign = 1 if measure(reference.metric).higher_is_better else -1
    frame["verdict"] = [
        verdict(sign * line["difference"], line["p_holm"], line["p_margin_holm"], int(line["seeds"]), reference.margin)
        if pd.notna(line["p"])
        else line["verdict"]
        for line in frame.to_dict("records")
    ]
    return frame


def add_comparison(table: pd.DataFrame, comparison: pd.DataFrame, reference: Reference) -> pd.DataFrame:
    """Return the table with the difference, its interval, the adjusted p value and the verdict of every row."""
    name = f"{reference.metric}_difference"
    columns = {name: "difference", f"{name}_low": "low", f"{name}_high": "high", "p_holm": "p_holm"}
    wide = table.assign(**{new: comparison[old].round(6) for new, old in columns.items()})
    wide["verdict"] = comparison["verdict"].fillna("")
    wide.attrs["note"] = (
        f"Differences in {reference.metric} to {reference} with 95 % intervals over users and seeds; "
        f"Holm over the table; margin {reference.margin:g}."
    )
    return wide


def _counterpart(reference: Reference, row: Point, rows: Sequence[Point]) -> Point | None:
    """Return the row that this one is compared with, itself if it is the reference's."""
    found = [other for other in rows if other.arm == reference.arm]
    if reference.rate is not None:
        found = [other for other in found if other.columns["rate"] == reference.rate]
    elif row.arm == reference.arm:
        return row
    found = [other for other in found if other.columns["dataset"] == row.columns["dataset"]]
    for column in ("rate", "dim"):
        if len(found) > 1:
            found = [other for other in found if other.columns[column] == row.columns[column]]
    return found[0] if len(found) == 1 else None


def _pairs(row: Point, other: Point) -> list[tuple[Record, Record]]:
    """Return the runs of both that share their seeds; a model without training serves every seed of its split."""
    return [
        (mine, theirs)
        for mine in row.records
        for theirs in other.records
        if mine["config"]["data"]["split_seed"] == theirs["config"]["data"]["split_seed"]
        and (not (_is_trained(mine) and _is_trained(theirs)) or seeds(mine["config"]) == seeds(theirs["config"]))
    ]


def _is_trained(record: Record) -> bool:
    return "trainer" in record["uses"]


def _known(
    reference: Reference, row: Point, other: Point | None, pairs: Sequence[tuple[Record, Record]]
) -> dict[str, Any]:
    """Return what is known of a line before anything is computed."""
    ids = [[mine["id"], theirs["id"]] for mine, theirs in pairs]
    return {
        "arm": row.columns["arm"],
        "rate": row.columns["rate"],
        "metric": reference.metric,
        "margin": reference.margin,
        "reference": other.columns["arm"] if other else None,
        "reference_rate": other.columns["rate"] if other else None,
        "verdict": "reference" if other is row else None,
        "runs": digest([reference.metric, reference.margin, ids]),
    }


def _compared(
    reference: Reference, row: Point, pairs: Sequence[tuple[Record, Record]], ledger: Ledger, file: str
) -> dict[str, Any]:
    try:
        arm, other = ([_saved(record, ledger, file) for record in runs] for runs in zip(*pairs, strict=True))
        found = compare(arm, other, reference.metric, reference.margin)
    except DataError as error:
        raise DataError(f"{row.columns['arm']} cannot be compared with {reference}: {error}") from error
    return {
        "seeds": found.interval.n_seeds,
        "unit": found.unit,
        "n_units": found.n_units,
        "difference": found.interval.estimate,
        "standard_error": found.interval.standard_error,
        "degrees_of_freedom": found.interval.degrees_of_freedom,
        "low": found.interval.low,
        "high": found.interval.high,
        "p": found.p_difference,
        "p_margin": found.p_margin,
    }


def _saved(record: Record, ledger: Ledger, file: str) -> pd.DataFrame:
    path = ledger.path(record["id"]) / file
    # Records of the first version name no files.
    expected = record.get("files", {}).get(file)
    try:
        if expected is not None and file_hash(regular_file(path)) != expected:
            raise ValueError("its hash is not the one in the run's record")
        return pd.read_parquet(regular_file(path))
    except (OSError, ValueError) as error:
        reason = one_line(str(error))
        raise CadcError(f"{path} cannot be read ({reason}); delete the run's folder and run again.") from error


def _kept(lines: Sequence[dict[str, Any]], committed: Sequence[Path]) -> pd.DataFrame | None:
    """Return a comparison of the very same runs that was kept beside results."""
    for folder in committed:
        if (folder / FILE).exists():
            try:
                # A hash may look like a number.
                texts = {"runs": str, "verdict": str}
                frame = pd.read_csv(regular_file(folder / FILE), float_precision="round_trip", dtype=texts)
            except (OSError, ValueError) as error:
                reason = one_line(str(error))
                raise CadcError(f"{folder / FILE} is no comparison ({reason}); restore it or delete it.") from error
            if list(frame) == COLUMNS and list(frame["runs"]) == [line["runs"] for line in lines]:
                return _typed(frame)
    return None


def _typed(frame: pd.DataFrame) -> pd.DataFrame:
    """Have whole numbers stay whole where lines are empty, so that a file read and written again stays the same."""
    return frame.astype({"seeds": "Int64", "n_units": "Int64"} | {"rate": float, "reference_rate": float})


def _say_left_out(reference: Reference, reason: str) -> None:
    print(f"the comparison with {reference} is left out: {reason}", file=sys.stderr)
