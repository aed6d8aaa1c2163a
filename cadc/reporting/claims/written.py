"""Claims and what the results say of them, as a page in Markdown, as CSV, and as lines for a terminal."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from cadc import escape
from cadc.evaluation.statistics import interval_text
from cadc.experiment.claims import Measured
from cadc.reporting.claims.evidence import NOT_RUN, VERDICTS, Evidence
from cadc.reporting.claims.tested import Tested
from cadc.reporting.columns import label, shown
from cadc.reporting.points import at_rate
from cadc.reporting.written.markdown import markdown_rows
from cadc.storage.csv_tables import csv_text
from cadc.storage.output_files import put_in_place
from cadc.terminal.aligned import Column, aligned
from cadc.terminal.counted import counted

PAGE, TABLE = "claims.md", "claims.csv"

ID = 8
"""First digits of a run's id, by which `cadc ledger show` finds it."""

MOST_IDS = 60
"""Runs of a claim that the page names; the others are in the CSV."""

HEADS = ("data", "row", "against", "measure", "seeds", "figure", "interval", "share", "outcome", "verdict")


def write_claims(tested: Sequence[Tested], folder: Path, command: str) -> None:
    """Write `claims.md` and `claims.csv` into a folder.

    Parameters
    ----------
    tested : all claims.
    folder : of results; the page links to the folders in it.
    command : that makes them.

    Raises
    ------
    UsageError : if the folder cannot be written.
    """

    def build(aside: Path) -> None:
        (aside / PAGE).write_text(markdown(tested, folder, command), encoding="utf-8")
        (aside / TABLE).write_text(csv_text(frame(tested)), encoding="utf-8")

    put_in_place(folder, build)


def frame(tested: Sequence[Tested]) -> pd.DataFrame:
    """Return a line for each figure of each claim."""
    lines = []
    for place, one in enumerate(tested, 1):
        for own in one.evidence:
            share = own.share or (None, None, None)
            lines.append(
                {
                    "number": place,
                    "experiment": one.experiment,
                    "claim": one.claim.text,
                    "by": one.claim.by,
                    "expected": _expected(one),
                    "verdict_on_claim": one.verdict,
                    "verdict": own.verdict,
                    "why": own.why,
                    "dataset": own.dataset,
                    "arm": own.arm,
                    "rate": own.rate,
                    "against": own.against,
                    "quantity": own.quantity,
                    "margin": own.margin,
                    "seeds": own.seeds,
                    "value": own.value,
                    "low": own.low,
                    "high": own.high,
                    "bound": own.bound,
                    "share": share[0],
                    "share_low": share[1],
                    "share_high": share[2],
                    "outcome": own.outcome,
                    "commits": one.commits,
                    "runs_of_claim": len(one.runs),
                    "runs_of_present_code": len(one.present),
                    "runs": " ".join(dict.fromkeys(record["id"] for record in own.runs)),
                }
            )
    table = pd.DataFrame(lines)
    return table.astype({"seeds": "Int64"}) if len(table) else table


def markdown(tested: Sequence[Tested], folder: Path, command: str) -> str:
    """Return the page of all claims: a list with their verdicts, then the figures of each."""
    heads = ("", "claim", "by", "verdict", "runs of the present code", "experiment")
    rows = [
        (place, one.claim.text, one.claim.by, one.verdict, _present(one), one.experiment)
        for place, one in enumerate(tested, 1)
    ]
    parts = [
        "# Claims, and what the results say",
        f"`{command}` makes this page from `experiments/*/experiment.yaml` and the results beside it.",
        f"**{summary(tested)}**",
        "A claim holds where every figure that tests it holds; it is undecided where an interval leaves both open, or "
        "where there is one seed only. Runs of the present code are those whose code, as far as it can change their "
        "result, is that of the commit that this page was made with.",
        markdown_rows(heads, rows).rstrip(),
        *(_part(place, one, folder) for place, one in enumerate(tested, 1)),
    ]
    return "\n\n".join(parts) + "\n"


def lines(tested: Sequence[Tested], width: int | None) -> tuple[list[str], bool]:
    """Return a line for each claim, as a terminal shows them, and whether anything was left out or cut.

    Parameters
    ----------
    tested : all claims.
    width : of the terminal; None for lines of any length.
    """
    columns = [
        Column("verdict", [one.verdict for one in tested], weight=5),
        Column("claim", [one.claim.text for one in tested], weight=4, least=30),
        Column("by", [one.claim.by for one in tested], weight=2, least=12),
        Column("runs", [str(len(one.runs) or "") for one in tested], is_number=True, weight=0),
        Column("present", [str(len(one.present)) if one.runs else "" for one in tested], is_number=True, weight=1),
        Column("experiment", [one.experiment for one in tested], weight=3),
    ]
    return aligned(columns, width)


def summary(tested: Sequence[Tested]) -> str:
    """Return how many claims there are of each verdict, and how many runs behind them are of the present code."""
    found = Counter(one.verdict for one in tested)
    verdicts = ", ".join(f"{verdict} {found[verdict]}" for verdict in VERDICTS if found[verdict])
    runs, present = (set().union(*sets) for sets in ((one.runs for one in tested), (one.present for one in tested)))
    of_code = f"; {len(present)} of {len(runs)} runs behind them are of the present code" if runs else ""
    return f"{counted(len(tested), 'claim')}: {verdicts}{of_code}."


def _part(place: int, one: Tested, folder: Path) -> str:
    """Return the figures of one claim under its text."""
    files = ("comparison.md", "choice.md", "table.md")
    links = [f"[{name}]({one.experiment}/{name})" for name in files if (folder / one.experiment / name).is_file()]
    said = [f"**{one.verdict}**", "own claim" if one.is_own else f"by {escape.markdown(one.claim.by)}", _expected(one)]
    said += [f"experiment `{one.experiment}`" + (f" ({', '.join(links)})" if links else "")]
    said += [f"code {one.commits}"] if one.commits else []
    said += [f"{_present(one)} runs of the present code"] if one.runs else []
    found = [f"## {place}. {escape.markdown(one.claim.text)}", "; ".join(said) + "."]
    if figures := [own for own in one.evidence if own.verdict != NOT_RUN]:
        found.append(markdown_rows(HEADS, map(_cells, figures)).rstrip())
    found += [f"Not run: {escape.markdown(own.why)}." for own in one.evidence if own.verdict == NOT_RUN]
    if one.runs:
        ids = [run[:ID] for run in one.runs]
        more = f" and {len(ids) - MOST_IDS} more, which {TABLE} names" if len(ids) > MOST_IDS else ""
        found.append(f"Runs: {' '.join(ids[:MOST_IDS])}{more}.")
    return "\n\n".join(found)


def _cells(own: Evidence) -> list[str]:
    """Return the cells of a figure, as `HEADS` names them."""
    is_difference = own.bound is None
    interval = share = ""
    if own.low is not None and own.high is not None:
        bounds = (0.0, -(own.margin or 0.0), own.margin or 0.0) if is_difference else ()
        interval = (
            interval_text(own.low, own.high, bounds)
            if is_difference
            else f"[{shown(own.quantity, own.low)}, {shown(own.quantity, own.high)}]"
        )
    if own.share is not None:
        share = "{:.1f} % [{:.1f}, {:.1f}]".format(*(100 * end for end in own.share))
    return [
        own.dataset,
        at_rate(own.arm, own.rate),
        own.against,
        label(own.quantity) if is_difference else own.quantity,
        "" if own.seeds is None else str(own.seeds),
        shown("_difference" if is_difference else own.quantity, own.value),
        interval,
        share,
        own.outcome,
        own.verdict,
    ]


def _expected(one: Tested) -> str:
    """Return what a claim expects, in words."""
    test = one.claim.test
    if isinstance(test, Measured):
        return f"expected {'at most' if test.is_most else 'at least'} the bound"
    return f"expected {test.expected or f'at least {100 * (test.share or 0):g} % of the metric'}"


def _present(one: Tested) -> str:
    return f"{len(one.present)} of {len(one.runs)}" if one.runs else ""
