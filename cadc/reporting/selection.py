"""The point with the fewest rows and bytes that is as good as a reference: chosen on validation, then tested once."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from cadc.evaluation.prefixes import VALIDATION
from cadc.experiment import Choosing, Reference
from cadc.ledger.store import Ledger, Record
from cadc.reporting.columns import higher_is_better, is_empty, label, value_of
from cadc.reporting.comparisons.columns import interval_of
from cadc.reporting.comparisons.comparison import compare_points
from cadc.reporting.model_bytes import ModelBytes
from cadc.reporting.pairs import counterpart, pairs
from cadc.reporting.pareto import is_non_inferior, pareto_front, smallest
from cadc.reporting.points import Point, names_of

FILE = "choice.csv"
"""The comparison of the chosen point on the test part."""


@dataclass(frozen=True)
class Choice:
    """The choice among the points of a table, made on validation.

    Parameters
    ----------
    front : whether each point is on the Pareto front of quality (of each metric), network rows and bytes.
    chosen : by data set, the indices of the chosen point and of the reference.
    size : bytes of each point, as they count here; NaN where they are not known.
    """

    front: list[bool]
    chosen: dict[str, tuple[int, int]]
    size: list[float]


def choose(how: Choosing, rows: Sequence[Point]) -> Choice:
    """Choose, on validation alone, the point with the fewest rows and bytes that is not inferior to a reference.

    A point is not inferior if, for each metric, the lower 95 % bound of its mean advantage over the reference, paired
    by seeds, is above -margin. Of these, the point with the smallest product of network rows and bytes is chosen.

    Parameters
    ----------
    how : the references, with metrics and margins, which are read on validation, and which bytes count.
    rows : points of the table.
    """
    quality = [[_advantage(point, reference) for point in rows] for reference in how.references]
    kept, size = [_mean(point, "rows_kept") for point in rows], _sizes(how, rows)
    datasets = [point.columns["dataset"] for point in rows]
    front, chosen = [False] * len(rows), {}
    for dataset in dict.fromkeys(datasets):
        own = [index for index, name in enumerate(datasets) if name == dataset]
        values = [[*(of[index] for of in quality), kept[index], size[index]] for index in own]
        better = [*(True for _ in quality), False, False]
        for index, is_on in zip(own, pareto_front(values, better), strict=True):
            front[index] = bool(is_on)
        candidates = []
        for index in own:
            other = counterpart(how.references[0], rows[index], rows)
            if other is None or is_empty(kept[index]) or is_empty(size[index]):
                continue
            if other is rows[index] or _is_as_good(how.references, rows[index], other):
                candidates.append((index, rows.index(other)))
        if candidates:
            places = [index for index, _ in candidates]
            best = smallest([kept[at] for at in places], [size[at] for at in places], [quality[0][at] for at in places])
            chosen[dataset] = candidates[best]
    return Choice(front, chosen, size)


def _is_as_good(references: Sequence[Reference], row: Point, other: Point) -> bool:
    """Return whether a point is not inferior to another in any of the metrics."""
    both = pairs(row, other)
    return bool(both) and all(
        is_non_inferior([_sign(one) * (_value(mine, one) - _value(theirs, one)) for mine, theirs in both], one.margin)
        for one in references
    )


def _sizes(how: Choosing, rows: Sequence[Point]) -> list[float]:
    if how.size == "embedding_bytes":
        return [_mean(point, how.size) for point in rows]
    bytes_of = ModelBytes(record for point in rows for record in point.results)
    found = [[size for record in point.results if (size := bytes_of(record)) is not None] for point in rows]
    return [sum(sizes) / len(sizes) if sizes else float("nan") for sizes in found]


def _sign(reference: Reference) -> int:
    return 1 if higher_is_better(_column(reference)) else -1


def _column(reference: Reference) -> str:
    return f"{VALIDATION}{reference.metric.removeprefix(VALIDATION)}"


def _value(record: Record, reference: Reference) -> float:
    return float(value_of(record, _column(reference)))


def _advantage(point: Point, reference: Reference) -> float:
    """Return the mean of a metric, negative if lower is better."""
    return _sign(reference) * _mean(point, _column(reference))


def compare_choice(
    how: Choosing, choice: Choice, rows: Sequence[Point], ledger: Ledger | None, committed: Sequence[Path] = ()
) -> pd.DataFrame | None:
    """Return the comparison of each chosen point with the reference on the test part, see `compare_points`.

    It is the only comparison of each metric, so p values are not adjusted for other points of the table. None if the
    reference itself was chosen, or nothing can be compared.
    """
    wanted = _compared(choice, rows)
    return compare_points(how.references, wanted, ledger, committed, FILE) if wanted else None


def chosen_points(how: Choosing, rows: Sequence[Point]) -> list[Point]:
    """Return the points that `compare_choice` compares: those that are chosen, and their references."""
    return _compared(choose(how, rows), rows)


def _compared(choice: Choice, rows: Sequence[Point]) -> list[Point]:
    return [rows[place] for both in choice.chosen.values() if both[0] != both[1] for place in both]


def add_choice(
    table: pd.DataFrame, how: Choosing, choice: Choice, rows: Sequence[Point], tested: pd.DataFrame | None
) -> pd.DataFrame:
    """Return the table with the columns `front` and `chosen`, and a note on the chosen point and its test.

    Where the bytes of whole models count, they are the column `model_bytes`.

    Parameters
    ----------
    table : as `build_table` returns it for these rows.
    how, choice, tested : see `choose` and `compare_choice`.
    """
    sizes = {how.size: pd.Series(choice.size, table.index).round().astype("Int64")} if how.size == "model_bytes" else {}
    wide = table.assign(**sizes, front=choice.front, chosen=False)
    names = names_of(rows)
    notes = [wide.attrs["note"]] if "note" in wide.attrs else []
    to = " and ".join(f"{label(one.metric)} to {one}, margin {one.margin:g}" for one in how.references)
    what = "bytes" if how.size == "embedding_bytes" else "bytes of the whole model"
    for dataset, (place, of_reference) in choice.chosen.items():
        wide.loc[wide.index[place], "chosen"] = True
        rows_left = float(table["rows_kept"].iloc[place]) / float(table["rows_kept"].iloc[of_reference])
        bytes_left = choice.size[place] / choice.size[of_reference]
        rate = rows[place].columns["rate"]
        point = names[place] if rate is None else f"{names[place]} at rate {rate:g}"
        test = "it is the reference itself" if place == of_reference else _tested(tested, dataset)
        notes.append(
            f"Chosen on validation of {dataset} ({to}): "
            f"{point}, {100 * rows_left:.3g} % of the rows and 1/{1 / bytes_left:.3g} of the {what}; {test}."
        )
    if not choice.chosen:
        notes.append(f"Nothing is chosen: no point is paired with {how.references[0]}.")
    unknown = [
        is_empty(size) and not is_empty(kept) for size, kept in zip(choice.size, table["rows_kept"], strict=True)
    ]
    if how.size == "model_bytes" and any(unknown):
        notes.append(f"{sum(unknown)} rows, whose records do not tell their {what}, cannot be chosen.")
    wide.attrs["note"] = "\n".join(notes)
    return wide


def _tested(tested: pd.DataFrame | None, dataset: str) -> str:
    own = tested[(tested["dataset"] == dataset) & tested["p"].notna()] if tested is not None else None
    if own is None or own.empty:
        return "the scores to test it with are gone"
    several = len(own) > 1
    found = [
        f"{label(line['metric']) + ' ' if several else ''}{line['difference']:+.4f} "
        f"{interval_of(line)}, {line['verdict']}"
        for line in own.to_dict("records")
    ]
    return f"tested once: {'; '.join(found)}"


def _mean(point: Point, name: str) -> float:
    values = [value for record in point.results if not is_empty(value := value_of(record, name))]
    return sum(values) / len(values) if values else float("nan")
