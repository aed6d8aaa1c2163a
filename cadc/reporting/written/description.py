"""A log in words, as `cadc data describe` prints it: rows, users and items, coherence, cold starts, segments."""

from collections.abc import Iterator, Sequence

import numpy as np

from cadc.data.log import InteractionLog
from cadc.data.schema import entity_sides
from cadc.data.split.split import SPLITS
from cadc.data.streams import Stream
from cadc.data.streams.facts import segment_facts
from cadc.evaluation.user_coherence import MOST_PAIRS, user_coherence
from cadc.reporting.drawn.activity import PERCENTILES, activity, cold_share

MOST_RATINGS = 11
"""Different ratings whose shares are shown one by one."""
SHOWN_PERCENTILES = f"({', '.join(map(str, PERCENTILES))} %)"
SEGMENT_COLUMNS = (*SPLITS, "new users", "new items", "cold in test")
WIDTHS = tuple(max(len(name) + 2, 10) for name in SEGMENT_COLUMNS)


def description(log: InteractionLog, stream: Stream | None = None) -> Iterator[str]:
    """Yield the lines that describe a log.

    Parameters
    ----------
    log : the log.
    stream : its segments; None if it is not split into any.
    """
    yield from _rows(log)
    yield from _entities(log)
    if stream is not None:
        yield from _segments(stream)
    fields = (f"{field.name} {field.vocabulary_size}{' (bag)' if field.bag else ''}" for field in log.schema.fields)
    yield f"fields      {', '.join(fields)}"
    if log.schema.dense:
        columns = zip(log.schema.dense, log.transform.curves, strict=True)
        said = (f"{name} ({curve.kind})" if curve.kind else name for name, curve in columns)
        yield f"dense       {', '.join(said)}"
    yield from (f"remark      {remark}" for remark in log.meta.get("remarks", []))


def _rows(log: InteractionLog) -> Iterator[str]:
    rows, positives = log.meta["rows"], log.meta["positives"]
    total = sum(rows.values())
    yield f"{log.meta['name']} ({log.meta['edition']}), content {log.content_hash[:16]}"
    yield f"all         {total:>12,} rows, {100 * sum(positives.values()) / total:5.1f} % positive"
    for split in SPLITS:
        yield f"{split:11} {rows[split]:>12,} rows, {100 * positives[split] / rows[split]:5.1f} % positive"
    if log.has_column("rating"):
        yield f"ratings     {_ratings(log)}"
    if log.meta.get("split_remark"):
        yield f"split       {log.meta['split_remark']}"


def _ratings(log: InteractionLog) -> str:
    """Return the share of rows of each rating, or percentiles of many different ones."""
    rating = log.column("rating")
    values, counts = np.unique(rating, return_counts=True)
    if len(values) <= MOST_RATINGS:
        return ", ".join(f"{value:g}: {n / len(rating):.1%}" for value, n in zip(values, counts, strict=True))
    shown = ", ".join(f"{value:g}" for value in np.percentile(rating, PERCENTILES))
    return f"{len(values):,} different {SHOWN_PERCENTILES}: {shown}"


def _entities(log: InteractionLog) -> Iterator[str]:
    sides = list(entity_sides(log.schema))
    listed = {side: len(log.entity_keys(side)) for side in sides}
    for side in sides:
        rows = activity(log, side)
        shown = ", ".join(f"{value:,}" for value in np.percentile(rows, PERCENTILES).astype(int))
        yield f"{side + 's':11} {listed[side]:>12,}, {len(rows):,} with rows"
        yield f"  activity  rows of each {side} {SHOWN_PERCENTILES}: {shown}"
        for split in ("validation", "test"):
            of_rows, of_entities = cold_share(log, side, split)
            yield (
                f"  cold      without training rows: {100 * of_entities:.2f} % of the {side}s of the {split} part, "
                f"in {100 * of_rows:.2f} % of its rows"
            )
        if side == "user" and len(sides) == 2:
            yield from _coherence(log)
    if len(sides) == 2:
        users, items = (log.column(side).astype(np.int64) for side in ("user", "item"))
        n_pairs = len(np.unique(users * log.n_entities("item") + items))
        yield f"density     {n_pairs / (listed['user'] * listed['item']):>12.4%}"
        if len(users) > n_pairs:
            yield f"repeated    {len(users) - n_pairs:>12,} rows of a user and item that an earlier row has"


def _coherence(log: InteractionLog) -> Iterator[str]:
    """Yield how surprising the training items of users are, alone and given one another."""
    if (found := user_coherence(log)) is None:
        yield f"  coherence not measured, since users have more than {MOST_PAIRS:,} pairs of training items together"
        return
    for values, what in (
        (found.surprise, "mean surprise of each user's training items"),
        (found.conditional, "mean surprise of these given one another"),
    ):
        if (known := values[np.isfinite(values)]).size:
            shown = ", ".join(f"{value:.2f}" for value in np.percentile(known, PERCENTILES))
            yield f"  coherence {what} {SHOWN_PERCENTILES}: {shown} nats"


def _segments(stream: Stream) -> Iterator[str]:
    """Yield the rows of each segment, the users and items that it brings, and how many of its test rows are cold."""
    yield f"segments    {_aligned(SEGMENT_COLUMNS)}"
    for number, own in enumerate(segment_facts(stream), 1):
        cold = "" if np.isnan(own.cold_share) else f"{100 * own.cold_share:.1f} %"
        cells = [*(f"{n:,}" for n in (*own.rows.values(), *own.new.values())), cold]
        why = f"  left out, since {own.left_out}" if own.left_out else ""
        yield f"  {number:<10}{_aligned(cells)}{why}".rstrip()


def _aligned(cells: Sequence[str]) -> str:
    return "".join(f"{cell:>{width}}" for cell, width in zip(cells, WIDTHS, strict=True))
