"""What came of repeating runs, as lines of text."""

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from cadc.ledger.run_columns import unique_length
from cadc.ledger.safe_text import harmless
from cadc.rerun.agreement import Agreement
from cadc.rerun.repeat import AGREES, BIT_EQUAL, FAILS_ALIKE, SKIPPED, WRONG, Repeated
from cadc.terminal.aligned import Column
from cadc.terminal.counted import counted


def columns(done: Sequence[Repeated]) -> list[Column]:
    """Return a table of repeated runs, a row each."""
    length = unique_length([own.recorded.run_id for own in done])

    def column(
        head: str, cells: Iterable[str], is_number: bool = False, weight: int = 0, least: int | None = None
    ) -> Column:
        return Column(head, list(cells), is_number, weight, least)

    apart = [own.agreement for own in done]
    return [
        column("run", (harmless(own.recorded.run_id, 80)[:length] for own in done), weight=100),
        column("arm", (own.recorded.name for own in done), weight=70, least=12),
        column("difference", ("" if own is None else amount(own.largest) for own in apart), True, 90),
        column("of", ("" if own is None else own.metric for own in apart), weight=60),
        column("digits", ("" if own is None else digits_text(own.digits) for own in apart), True, 80),
        column("scores", ("" if own is None else own.scores for own in apart), weight=50),
        column("weights", ("" if own is None else own.weights for own in apart), weight=40),
        column("verdict", (own.verdict for own in done), weight=95),
        column("remark", (harmless(own.remark, 300) for own in done), weight=65, least=12),
    ]


def amount(difference: float) -> str:
    """Return a difference as text.

    >>> amount(0.0), amount(3.21e-8), amount(math.inf)
    ('0', '3.2e-08', 'missing')
    """
    if difference == 0:
        return "0"
    return "missing" if math.isinf(difference) else f"{difference:.1e}"


def digits_text(digits: float) -> str:
    """Return a number of digits as text.

    >>> digits_text(7), digits_text(math.inf)
    ('7', 'all')
    """
    return "all" if math.isinf(digits) else f"{digits:.0f}"


def line(own: Repeated, seconds: float, number: str) -> str:
    """Return the line about one run, as it ends."""
    start = f"{number} {own.recorded.run_id} {own.recorded.name}"
    if own.agreement is None:
        return f"{start}: {own.verdict}{f': {own.remark}' if own.remark else ''}"
    to = "" if own.verdict == BIT_EQUAL else f" to {digits_text(own.agreement.digits)} digits"
    at = f" ({own.agreement.metric} by {amount(own.agreement.largest)})" if own.agreement.metric else ""
    return f"{start}: {own.verdict}{to if own.verdict == AGREES else ''}{at}, {seconds:.1f} s"


def reasons(done: Sequence[Repeated]) -> Iterator[str]:
    """Yield why runs may differ from their records, each reason once, with the number of runs that it holds for."""
    found = Counter(reason for own in done for reason in dict.fromkeys(own.reasons))
    n_compared = sum(own.verdict != SKIPPED for own in done)
    if found:
        yield "why they may differ:"
    for reason, n in found.most_common():
        yield f"  {reason}" + (f" ({n} of {n_compared} runs)" if n_compared > 1 else "")


def summary(done: Sequence[Repeated]) -> str:
    """Return one line about all runs."""
    compared = [own for own in done if own.verdict != SKIPPED]
    n_equal = sum(own.verdict == BIT_EQUAL for own in compared)
    n_within = sum(own.verdict == AGREES for own in compared)
    n_alike = sum(own.verdict == FAILS_ALIKE for own in compared)
    n_wrong = sum(own.verdict in WRONG for own in compared)
    tolerances = sorted({own.tolerance for own in compared})
    parts = [
        f"{n_equal} bit-equal",
        *([f"{n_within} within the tolerance"] if n_within else []),
        *([f"{n_alike} failed as recorded"] if n_alike else []),
        *([f"{n_wrong} not as recorded"] if n_wrong else []),
        *([f"{len(done) - len(compared)} skipped"] if len(done) > len(compared) else []),
    ]
    within = " or ".join(f"{value:g}" for value in tolerances)
    return f"{counted(len(compared), 'run')} repeated: {', '.join(parts)}" + (
        f" (tolerance {within})" if within else ""
    )


def noted(done: Sequence[Repeated]) -> dict[str, Any]:
    """Return what came of repeating runs as JSON holds it."""
    return {
        "runs": [
            {
                "run": own.recorded.run_id,
                "arm": own.recorded.name,
                "again": own.run_id,
                "verdict": own.verdict,
                "remark": own.remark,
                "tolerance": own.tolerance,
                "reasons": own.reasons,
                **({} if own.agreement is None else _noted(own.agreement)),
            }
            for own in done
        ]
    }


def _noted(found: Agreement) -> dict[str, Any]:
    # JSON has no infinity.
    largest = found.largest if math.isfinite(found.largest) else None
    return {"difference": largest, "metric": found.metric, "scores": found.scores, "weights": found.weights}
