"""What an experiment tests: the key `claims` of `experiment.yaml`, each claim with the comparison that decides it."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from cadc.configuration.casting import cast
from cadc.errors import UsageError, shown
from cadc.experiment.checks import require_arm
from cadc.experiment.references import Choosing, Reference

Expected: TypeAlias = Literal["better", "as good", "worse"]
Value: TypeAlias = str | float | bool
Rows: TypeAlias = Mapping[str, tuple[Value, ...]]
"""Rows of a table: for some of its columns, the values that are meant."""


@dataclass(frozen=True)
class Compared:
    """A test by the experiment's comparison: points of arms, each held against a reference.

    Parameters
    ----------
    references : that the points are compared with, one for each metric.
    expected : what the claim says of each point: it is `better`, `as good` within the margin, or `worse`; None where it
        speaks of a share.
    share : of the reference's metric that each point reaches at least, for ranks; None where `expected` is set.
    arms : of the points; none where `is_chosen`.
    data, rates, embeddings, ratios, dims, models, mean_sizes : narrow the points; empty takes all.
    is_chosen : whether the point is the one that validation chose, see `Choosing`.
    """

    references: tuple[Reference, ...]
    expected: Expected | None
    share: float | None = None
    arms: tuple[str, ...] = ()
    data: tuple[str, ...] = ()
    rates: tuple[float, ...] = ()
    embeddings: tuple[str, ...] = ()
    ratios: tuple[float, ...] = ()
    dims: tuple[int, ...] = ()
    models: tuple[str, ...] = ()
    mean_sizes: tuple[float, ...] = ()
    is_chosen: bool = False

    @property
    def narrowed(self) -> dict[str, tuple[Any, ...]]:
        """The values that points have, by column of the table."""
        by_column = {
            "dataset": self.data,
            "rate": self.rates,
            "embedding": self.embeddings,
            "ratio": self.ratios,
            "dim": self.dims,
            "model": self.models,
            "mean_size": self.mean_sizes,
        }
        return {column: values for column, values in by_column.items() if values}


@dataclass(frozen=True)
class Measured:
    """A test by a column of the table: its value in some rows, held against a bound.

    Parameters
    ----------
    column : of `table.csv`.
    rows : which rows.
    is_most : whether the bound is the most that the value may be, else the least.
    bound : a number, the name of another column of the same row, or the row whose value counts.
    times : factor of the bound.
    """

    column: str
    rows: Rows
    is_most: bool
    bound: float | str | Rows
    times: float = 1.0


@dataclass(frozen=True)
class Claim:
    """A claim and its test.

    Parameters
    ----------
    text : what is claimed, in a sentence.
    by : who claims it, with the number of the paper; `own` for this project.
    test : what decides it.
    """

    text: str
    by: str
    test: Compared | Measured


NARROWING: dict[str, Any] = {
    "data": tuple[str, ...],
    "rates": tuple[float, ...],
    "embeddings": tuple[str, ...],
    "ratios": tuple[float, ...],
    "dims": tuple[int, ...],
    "models": tuple[str, ...],
    "mean_sizes": tuple[float, ...],
}
OF_COMPARED = ("arms", "to", "chosen", "metrics", "expected", "share", *NARROWING)
OF_MEASURED = ("column", "rows", "at_most", "at_least", "times")
OF_REFERENCE: dict[str, Any] = {"arm": str, "rate": float, "embedding": str, "mean_size": float}
FORMS = (
    "text and by, then either arms or chosen: true, to, and one of expected and share, or column, rows and one of "
    "at_most and at_least"
)


def read_claims(
    node: Any, arms: Collection[str], references: Sequence[Reference], choose: Choosing | None, where: str
) -> tuple[Claim, ...]:
    """Return the content of the key `claims`.

    Parameters
    ----------
    node : a list of claims.
    arms, references, choose : of the same file.
    where : file and key, for messages.

    Raises
    ------
    UsageError : for an unknown or missing key, an invalid value, or a comparison that the file does not ask for.
    """
    if not isinstance(node, list):
        raise UsageError(f"{where} is {shown(node)}; expected a list of {{text: …, by: …, …}}.")
    found = tuple(_claim(one, arms, references, choose, f"{where}[{place}]") for place, one in enumerate(node))
    texts = [claim.text for claim in found]
    for place, text in enumerate(texts):
        if text in texts[:place]:
            raise UsageError(f"{where}[{place}] repeats the text {shown(text)}; remove one of the two claims.")
    return found


def _claim(
    node: Any, arms: Collection[str], references: Sequence[Reference], choose: Choosing | None, where: str
) -> Claim:
    if not isinstance(node, Mapping) or not {"text", "by"} <= set(node):
        raise UsageError(f"{where} is {shown(node)}; expected {FORMS}.")
    known = {"text", "by", *(OF_MEASURED if "column" in node else OF_COMPARED)}
    if unknown := [shown(key) for key in node if key not in known]:
        raise UsageError(f"{where} has the unknown keys {', '.join(unknown)}; expected {FORMS}.")
    text, by = (cast(node[key], str, f"{where}.{key}") for key in ("text", "by"))
    if "column" in node:
        return Claim(text, by, _measured(node, where))
    return Claim(text, by, _compared(node, arms, references, choose, where))


def _compared(
    node: Mapping[str, Any],
    arms: Collection[str],
    references: Sequence[Reference],
    choose: Choosing | None,
    where: str,
) -> Compared:
    if ("expected" in node) == ("share" in node):
        raise UsageError(f"{where} needs one of expected and share; expected {FORMS}.")
    expected = cast(node["expected"], Expected, f"{where}.expected") if "expected" in node else None
    share = cast(node["share"], float, f"{where}.share") if "share" in node else None
    narrowed: dict[str, Any] = {
        key: cast(node[key], kind, f"{where}.{key}") for key, kind in NARROWING.items() if key in node
    }
    metrics = cast(node.get("metrics", ()), tuple[str, ...], f"{where}.metrics")
    if cast(node.get("chosen", False), bool, f"{where}.chosen"):
        if choose is None or {"arms", "to"} & set(node):
            why = "the file has no key choose" if choose is None else "the point and its reference follow from choose"
            raise UsageError(f"{where} has chosen: true, but {why}; remove the key, or arms and to.")
        return Compared(_with_metrics(choose.references, metrics, where), expected, share, is_chosen=True, **narrowed)
    if missing := [key for key in ("arms", "to") if not node.get(key)]:
        raise UsageError(f"{where} has no {' and no '.join(missing)}; expected {FORMS}.")
    own = cast(node["arms"], tuple[str, ...], f"{where}.arms")
    for arm in own:
        require_arm(arm, arms, f"{where}.arms")
    to = {"arm": node["to"]} if isinstance(node["to"], str) else node["to"]
    if not isinstance(to, Mapping) or "arm" not in to or not set(to) <= set(OF_REFERENCE):
        raise UsageError(f"{where}.to is {shown(node['to'])}; expected an arm, or {{arm: NAME, rate: NUMBER}}.")
    named = {key: cast(value, OF_REFERENCE[key], f"{where}.to.{key}") for key, value in to.items()}
    meant = _meant(named, references)
    for arm in own:
        if not any(not one.arms or arm in one.arms for one in meant):
            raise UsageError(
                f"{where}: no reference compares {shown(arm)} with {shown(named['arm'])}; add one to references, or "
                "correct the names."
            )
    return Compared(_with_metrics(meant, metrics, where), expected, share, own, **narrowed)


def _meant(named: Mapping[str, Any], references: Sequence[Reference]) -> list[Reference]:
    """Return the references that a claim names: those that name no more than it does, else all that agree with it."""
    found = []
    for one in references:
        its = {"arm": one.arm, "rate": one.rate, "embedding": one.embedding, "mean_size": one.mean_size}
        if named.items() <= its.items():
            found.append((one, all(value is None or key in named for key, value in its.items())))
    exact = [one for one, is_exact in found if is_exact]
    return exact or [one for one, _ in found]


def _with_metrics(references: Sequence[Reference], metrics: Sequence[str], where: str) -> tuple[Reference, ...]:
    """Return the references by some metrics; by all where none is named."""
    there = [reference.metric for reference in references]
    if unknown := [shown(name) for name in metrics if name not in there]:
        raise UsageError(
            f"{where}.metrics has {', '.join(unknown)}, by which nothing is compared; choose among {', '.join(there)}."
        )
    return tuple(reference for reference in references if not metrics or reference.metric in metrics)


def _measured(node: Mapping[str, Any], where: str) -> Measured:
    bounds = [key for key in ("at_most", "at_least") if key in node]
    if len(bounds) != 1:
        raise UsageError(f"{where} has {' and '.join(bounds) or 'no bound'}; expected one of at_most and at_least.")
    bound = node[bounds[0]]
    if isinstance(bound, Mapping):
        bound = _rows(bound, f"{where}.{bounds[0]}")
    else:
        bound = cast(bound, float | str, f"{where}.{bounds[0]}")
    return Measured(
        cast(node["column"], str, f"{where}.column"),
        _rows(node.get("rows", {}), f"{where}.rows"),
        bounds[0] == "at_most",
        bound,
        cast(node.get("times", 1.0), float, f"{where}.times"),
    )


def _rows(node: Any, where: str) -> Rows:
    """Return which rows are meant: a value, or several, for each of some columns."""
    if not isinstance(node, Mapping):
        raise UsageError(f"{where} is {shown(node)}; expected {{column: value}}, such as {{arm: NAME, rate: 0.1}}.")
    lists = {str(key): value if isinstance(value, list) else [value] for key, value in node.items()}
    return {key: tuple(cast(one, bool | float | str, f"{where}.{key}") for one in own) for key, own in lists.items()}
