"""What a table says about its claims, in sentences: verdicts on all metrics together, and what speaks against a row."""

from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import replace
from statistics import fmean
from typing import Any

import pandas as pd

from cadc.experiment import Reference
from cadc.reporting.columns import higher_is_better, is_empty, label, value_of
from cadc.reporting.model_bytes import ModelBytes
from cadc.reporting.pairs import counterpart, pairs
from cadc.reporting.points import Point, at_rate, names_of

FILE = "verdicts.md"

ORDER = ("better", "as good", "equal", "divided", "worse", "undecided", "one seed")

MORE_BYTES = 1.1
"""Share of a reference's bytes above which a row is said to serve more."""


def without_margin(verdict: object) -> str:
    """Return a verdict without its margin.

    >>> without_margin("as good (0.002)")
    'as good'
    """
    return str(verdict).partition(" (")[0]


def together(verdicts: Sequence[str]) -> str:
    """Return the verdict on several metrics together: that of the worst, `divided` where one is better and one worse.

    What is equal by one metric and better by another is as good.

    >>> together(["better", "as good (0.002)"]), together(["better", "worse"]), together(["as good (0)", "undecided"])
    ('as good', 'divided', 'undecided')
    """
    plain = {without_margin(verdict) for verdict in verdicts}
    if {"better", "worse"} <= plain:
        return "divided"
    if "equal" in plain and len(plain) > 1:
        plain = plain - {"equal"} | {"as good"}
    from_worst = ("worse", "one seed", "undecided", "as good", "better", "equal")
    return next(verdict for verdict in from_worst if verdict in plain)


def verdict_lines(
    references: Sequence[Reference], rows: Sequence[Point], table: pd.DataFrame, comparison: pd.DataFrame | None
) -> list[str]:
    """Return sentences about the rows of a table.

    For each data set and reference: which rows are better, as good, worse or undecided by all metrics together, with
    the differences. Then: references that a model without a network beats, rows that serve more bytes than a reference,
    and rows whose seeds were run with different code.

    Parameters
    ----------
    references : of the experiment.
    rows, table : points and table of the same order.
    comparison : as `compare_points` returns it, for each reference a line for each row.
    """
    names = [at_rate(name, point.columns["rate"]) for name, point in zip(names_of(rows), rows, strict=True)]
    return [
        *(_verdicts(references, rows, names, comparison) if comparison is not None else ()),
        *_beaten(references, rows, names, table.attrs["metrics"]),
        *_larger(references, rows, names),
        *_mixed(rows, names),
    ]


def _verdicts(
    references: Sequence[Reference], rows: Sequence[Point], names: Sequence[str], comparison: pd.DataFrame
) -> Iterator[str]:
    families = {family: part.to_dict("records") for family, part in comparison.groupby("family", sort=False)}
    by_arm: dict[str, list[Reference]] = {}
    for reference in references:
        if reference.family in families:
            by_arm.setdefault(str(reference), []).append(reference)
    for dataset in dict.fromkeys(point.columns["dataset"] for point in rows):
        for own in by_arm.values():
            # A reference may concern some rows by fewer metrics than others.
            found: dict[tuple[str, ...], dict[str, list[str]]] = {}
            for place, point in enumerate(rows):
                lines = [families[reference.family][place] for reference in own]
                judged = [line for line in lines if not is_empty(line["p"])]
                if point.columns["dataset"] == dataset and judged:
                    cell = f"{names[place]} ({', '.join(_difference(line) for line in judged)})"
                    cells = found.setdefault(tuple(line["metric"] for line in judged), {})
                    cells.setdefault(together([line["verdict"] for line in judged]), []).append(cell)
            against = at_rate(str(replace(own[0], rate=None)), own[0].rate)
            for metrics, cells in sorted(found.items(), key=lambda item: -len(item[0])):
                parts = [f"{verdict}: {'; '.join(cells[verdict])}" for verdict in ORDER if verdict in cells]
                yield f"{dataset}, against {against} by {' and '.join(map(label, metrics))}: {'. '.join(parts)}."


def _difference(line: Mapping[Hashable, Any]) -> str:
    return f"{label(line['metric'])} {line['difference']:+.4f}"


def _beaten(
    references: Sequence[Reference], rows: Sequence[Point], names: Sequence[str], metrics: Sequence[str]
) -> Iterator[str]:
    """Yield a sentence for each reference, a network on all rows, that models without one beat on the same seeds."""
    for reference in _different(references):
        beaten: dict[int, list[str]] = {}
        for place, point in enumerate(rows):
            other = counterpart(reference, point, rows)
            if other is None or has_network(point) or not _is_full(other) or point.columns["model"] == "oracle":
                continue
            gains = [(metric, _gain(metric, point, other)) for metric in metrics]
            if better := [f"{label(metric)} by {gain:.4f}" for metric, gain in gains if gain > 0]:
                beaten.setdefault(rows.index(other), []).append(f"{names[place]} ({', '.join(better)})")
        for of_reference, by in beaten.items():
            dataset = rows[of_reference].columns["dataset"]
            yield f"{dataset}: models without a network beat {names[of_reference]}, on average: {'; '.join(by)}."


def _gain(metric: str, point: Point, other: Point) -> float:
    """Return the mean advantage of a row over another on the same splits; NaN where a run lacks the metric."""
    sign = 1 if higher_is_better(metric) else -1
    values = [(value_of(mine, metric), value_of(theirs, metric)) for mine, theirs in pairs(point, other)]
    gains = [sign * (mine - theirs) for mine, theirs in values if not is_empty(mine) and not is_empty(theirs)]
    return fmean(gains) if gains else float("nan")


def _larger(references: Sequence[Reference], rows: Sequence[Point], names: Sequence[str]) -> Iterator[str]:
    """Yield a sentence for each reference, a network on all rows, that some rows serve more bytes than."""
    arms, bytes_of = names_of(rows), ModelBytes(record for point in rows for record in point.results)
    sizes, what = [next(map(bytes_of, point.results), None) for point in rows], "bytes of the whole model"
    if any(size is None for size in sizes):
        what = "bytes of tables"
        sizes = [next((record["bytes"].get("embedding") for record in point.results), None) for point in rows]
    for reference in _different(references):
        more: dict[int, dict[str, float]] = {}
        for place, point in enumerate(rows):
            other = counterpart(reference, point, rows)
            # A compressed table has fewer bytes than most: that is its point.
            if other is None or not _is_full(other) or other.columns["embedding"] != "full":
                continue
            size, least = sizes[place], sizes[rows.index(other)]
            if size and least and size > MORE_BYTES * least:
                of_arm = more.setdefault(rows.index(other), {})
                of_arm[arms[place]] = max(size / least, of_arm.get(arms[place], 0))
        for of_reference, by in more.items():
            dataset = rows[of_reference].columns["dataset"]
            found = "; ".join(f"{arm} ({by[arm]:.1f} times)" for arm in sorted(by, key=lambda own: by[own]))
            yield f"{dataset}: more {what} are served than by {names[of_reference]}: {found}."


def _different(references: Sequence[Reference]) -> list[Reference]:
    """Return the points that references name, each compared with all arms."""
    return list(dict.fromkeys(Reference(one.arm, one.rate, embedding=one.embedding) for one in references))


def has_network(point: Point) -> bool:
    """Return whether the runs of a row train a network."""
    return "trainer" in point.records[0]["uses"]


def _is_full(point: Point) -> bool:
    """Return whether a row has a network that trains on all rows, which others are to replace."""
    rows = point.records[0]["rows"]
    return has_network(point) and rows.get("kept") == rows.get("full")


def _mixed(rows: Sequence[Point], names: Sequence[str]) -> Iterator[str]:
    """Yield a sentence if seeds of one row were run with different code."""
    codes = [{record["code"]["hash"] for record in point.records if "code" in record} for point in rows]
    mixed = [
        f"{point.columns['dataset']}: {name}"
        for point, name, own in zip(rows, names, codes, strict=True)
        if len(own) > 1
    ]
    if mixed:
        shown = "; ".join(mixed[:5]) + (f" and {len(mixed) - 5} more" if len(mixed) > 5 else "")
        yield (
            f"The seeds of {len(mixed)} of {len(rows)} rows were run with different code, so that their spread may be "
            f"that of the code, too: {shown}. The experiment, started again, runs them with the present code."
        )
