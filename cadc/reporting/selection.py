"""The point with the fewest rows and bytes that is as good as a reference: chosen on validation, then tested once."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from cadc.evaluation.prefixes import VALIDATION
from cadc.experiment import Reference
from cadc.ledger.store import Ledger
from cadc.reporting.columns import higher_is_better, is_empty, label, value_of
from cadc.reporting.comparison import compare_points
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
    front : whether each point is on the Pareto front of quality, network rows and bytes.
    chosen : by data set, the indices of the chosen point and of the reference.
    """

    front: list[bool]
    chosen: dict[str, tuple[int, int]]


def choose(reference: Reference, rows: Sequence[Point]) -> Choice:
    """Choose, on validation alone, the point with the fewest rows and bytes that is not inferior to a reference.

    A point is not inferior if the lower 95 % bound of its mean difference to the reference, paired by seeds, is above
    -margin. Of these, the point with the smallest product of network rows and bytes is chosen.

    Parameters
    ----------
    reference : the reference, with metric and margin; the metric is read on validation.
    rows : points of the table.
    """
    metric = f"{VALIDATION}{reference.metric.removeprefix(VALIDATION)}"
    sign = 1 if higher_is_better(metric) else -1
    quality, kept, size = ([_mean(point, name) for point in rows] for name in (metric, "rows_kept", "embedding_bytes"))
    datasets = [point.columns["dataset"] for point in rows]
    front, chosen = [False] * len(rows), {}
    for dataset in dict.fromkeys(datasets):
        own = [index for index, name in enumerate(datasets) if name == dataset]
        values = [[sign * quality[index], kept[index], size[index]] for index in own]
        for index, is_on in zip(own, pareto_front(values, [True, False, False]), strict=True):
            front[index] = bool(is_on)
        candidates = []
        for index in own:
            other = counterpart(reference, rows[index], rows)
            if other is None or is_empty(kept[index]) or is_empty(size[index]):
                continue
            both = [] if other is rows[index] else pairs(rows[index], other)
            differences = [sign * (value_of(mine, metric) - value_of(theirs, metric)) for mine, theirs in both]
            if other is rows[index] or (differences and is_non_inferior(differences, reference.margin)):
                candidates.append((index, rows.index(other)))
        if candidates:
            places = [index for index, _ in candidates]
            best = smallest(
                [kept[at] for at in places], [size[at] for at in places], [sign * quality[at] for at in places]
            )
            chosen[dataset] = candidates[best]
    return Choice(front, chosen)


def compare_choice(
    reference: Reference, choice: Choice, rows: Sequence[Point], ledger: Ledger | None, committed: Sequence[Path] = ()
) -> pd.DataFrame | None:
    """Return the comparison of each chosen point with the reference on the test part, see `compare_points`.

    It is the only comparison, so p values are not adjusted for other points of the table. None if the reference itself
    was chosen, or nothing can be compared.
    """
    wanted = [rows[place] for both in choice.chosen.values() if both[0] != both[1] for place in both]
    return compare_points([reference], wanted, ledger, committed, FILE) if wanted else None


def add_choice(
    table: pd.DataFrame, reference: Reference, choice: Choice, rows: Sequence[Point], tested: pd.DataFrame | None
) -> pd.DataFrame:
    """Return the table with the columns `front` and `chosen`, and a note on the chosen point and its test.

    Parameters
    ----------
    table : as `build_table` returns it for these rows.
    reference, choice, tested : see `choose` and `compare_choice`.
    """
    wide = table.assign(front=choice.front, chosen=False)
    names = names_of(rows)
    notes = [wide.attrs["note"]] if "note" in wide.attrs else []
    for dataset, (place, of_reference) in choice.chosen.items():
        wide.loc[wide.index[place], "chosen"] = True
        rows_left, bytes_left = (
            float(table[name].iloc[place]) / float(table[name].iloc[of_reference])
            for name in ("rows_kept", "embedding_bytes")
        )
        rate = rows[place].columns["rate"]
        point = names[place] if rate is None else f"{names[place]} at rate {rate:g}"
        test = "it is the reference itself" if place == of_reference else _tested(tested, dataset)
        how = f"{label(reference.metric)} to {reference}, margin {reference.margin:g}"
        notes.append(
            f"Chosen on validation of {dataset} ({how}): "
            f"{point}, {100 * rows_left:.3g} % of the rows and 1/{1 / bytes_left:.3g} of the bytes; {test}."
        )
    if not choice.chosen:
        notes.append(f"Nothing is chosen: no point is paired with {reference}.")
    wide.attrs["note"] = "\n".join(notes)
    return wide


def _tested(tested: pd.DataFrame | None, dataset: str) -> str:
    own = tested[(tested["dataset"] == dataset) & tested["p"].notna()] if tested is not None else None
    if own is None or own.empty:
        return "the scores to test it with are gone"
    line = own.iloc[0]
    return f"tested once: {line['difference']:+.4f} [{line['low']:+.4f}, {line['high']:+.4f}], {line['verdict']}"


def _mean(point: Point, name: str) -> float:
    values = [value for record in point.results if not is_empty(value := value_of(record, name))]
    return sum(values) / len(values) if values else float("nan")
