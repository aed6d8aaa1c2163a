"""What the arms of a table are held against: the keys `reference`, `references` and `choose` of `experiment.yaml`."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias

from cadc.configuration.casting import cast
from cadc.errors import UsageError, shown
from cadc.experiment.checks import require_arm, require_metric

Size: TypeAlias = Literal["embedding_bytes", "model_bytes"]


@dataclass(frozen=True)
class Reference:
    """What the arms of a table are compared with; named before anything is run.

    Parameters
    ----------
    arm : name of the reference arm.
    rate : sampling rate of the reference, if its arm has several; None compares each point with the reference at the
        same rate, or at its only rate.
    metric : the metric that is compared.
    margin : of non-inferiority, in the metric's unit.
    arms : arms that are compared; empty compares all. Holm's correction covers these comparisons.
    rates : sampling rates at which arms are compared; empty takes all. An arm without a rate is always compared.
    embedding : embedding scheme of the reference, if its arm has several; None compares each point with the reference
        that has the same scheme, or its only one.
    embeddings : embedding schemes whose points are compared; empty takes all.
    mean_size : mean size of the reference's rows, of streams; None compares each point with the reference of the same
        mean size, or its only one.
    mean_sizes : mean sizes at which streams are compared; empty takes all.
    """

    arm: str
    rate: float | None = None
    metric: str = "auc"
    margin: float = 0.002
    arms: tuple[str, ...] = ()
    rates: tuple[float, ...] = ()
    embedding: str | None = None
    embeddings: tuple[str, ...] = ()
    mean_size: float | None = None
    mean_sizes: tuple[float, ...] = ()

    def __str__(self) -> str:
        arm = self.arm if self.embedding is None else f"{self.arm} with {self.embedding}"
        arm = arm if self.rate is None else f"{arm} at rate {self.rate:g}"
        return arm if self.mean_size is None else f"{arm} at mean size {self.mean_size:g}"

    @property
    def family(self) -> str:
        """Name of what is compared; the comparisons of one family are tested together."""
        return f"{self.metric} to {self}"

    def concerns(
        self, arm: str, rate: float | None, embedding: str | None = None, mean_size: float | None = None
    ) -> bool:
        """Return whether a point of the table is compared."""
        is_named = (not self.arms or arm in self.arms) and (not self.embeddings or embedding in self.embeddings)
        is_sized = not self.mean_sizes or mean_size in self.mean_sizes
        return is_named and is_sized and (not self.rates or rate is None or rate in self.rates)


@dataclass(frozen=True)
class Choosing:
    """How the smallest pair of rows and bytes is chosen, see `cadc.reporting.selection`.

    Parameters
    ----------
    references : what a point is to be no worse than, one for each metric, all of one arm.
    size : column of the bytes that count: `embedding_bytes` of the tables, or `model_bytes` of all that serves.
    """

    references: tuple[Reference, ...]
    size: Size = "embedding_bytes"


OF_A_REFERENCE: dict[str, Any] = {
    "arm": str,
    "rate": float | None,
    "metric": str,
    "margin": float,
    "arms": tuple[str, ...],
    "rates": tuple[float, ...],
    "embedding": str | None,
    "embeddings": tuple[str, ...],
    "mean_size": float | None,
    "mean_sizes": tuple[float, ...],
}


def read_references(found: Mapping[str, Any], arms: Collection[str], path: Path) -> tuple[Reference, ...]:
    """Return the references that a file names.

    Parameters
    ----------
    found : its content; `reference`, `metric` and `margin` name one reference, `references` several.
    arms : names of all arms.
    path : of the file, for messages.

    Raises
    ------
    UsageError : for an unknown key, an invalid value, an arm that there is not, or two references of the same.
    """
    how = {key: found[key] for key in ("metric", "margin") if key in found}
    several = found.get("references")
    if several is not None:
        if "reference" in found or how:
            raise UsageError(
                f"{path} has references and also reference, metric or margin; move these into each of the references."
            )
        if not isinstance(several, list):
            raise UsageError(f"{path}: references is {shown(several)}; expected a list of {{arm: NAME, ...}}.")
        references = tuple(_reference(node, arms, f"{path}: references[{n}]") for n, node in enumerate(several))
        if len({reference.family for reference in references}) < len(references):
            raise UsageError(f"{path}: references has a duplicate of arm, rate, embedding and metric; remove one.")
        return references
    node = found.get("reference")
    if node is None:
        if how:
            raise UsageError(f"{path} sets {' and '.join(how)} but no reference; name one, or remove them.")
        return ()
    named = {"arm": node} if isinstance(node, str) else node
    if not isinstance(named, Mapping) or "arm" not in named or not set(named) <= {"arm", "rate"}:
        raise UsageError(f"{path}: reference is {shown(node)}; expected an arm, or {{arm: NAME, rate: NUMBER}}.")
    return (_reference({**named, **how}, arms, f"{path}: reference"),)


def _reference(node: Any, arms: Collection[str], where: str) -> Reference:
    """Return one reference from its keys and values."""
    if not isinstance(node, Mapping) or "arm" not in node or not set(node) <= set(OF_A_REFERENCE):
        known = ", ".join(OF_A_REFERENCE)
        raise UsageError(f"{where} is {shown(node)}; expected {{arm: NAME}}, and optionally others of {known}.")
    reference = Reference(**{key: cast(value, OF_A_REFERENCE[key], f"{where}.{key}") for key, value in node.items()})
    for arm in (reference.arm, *reference.arms):
        require_arm(arm, arms, where)
    if not reference.margin >= 0:
        raise UsageError(f"{where}: margin is {reference.margin:g}; expected 0 or more.")
    require_metric(reference.metric, where, comparable=True)
    return reference


def read_choosing(node: Any, arms: Collection[str], path: Path) -> Choosing:
    """Return how a point is chosen: by `metric` and `margin`, or by several, `margins: {METRIC: MARGIN}`.

    Parameters
    ----------
    node : the key `choose`: keys of a reference, `margins`, and `bytes` (`tables` or `model`).
    arms : names of all arms.
    path : of the file, for messages.

    Raises
    ------
    UsageError : for an unknown key, an invalid value, or a metric that runs do not record on validation.
    """
    where = f"{path}: choose"
    found = dict(node) if isinstance(node, Mapping) else {}
    margins = found.pop("margins", None)
    counted = cast(found.pop("bytes", "tables"), Literal["tables", "model"], f"{where}.bytes")
    if margins is None:
        nodes = [found or node]
    elif not isinstance(margins, Mapping) or not margins or {"metric", "margin"} & set(found):
        raise UsageError(f"{where}: margins is {shown(margins)}; expected {{metric: margin}}, and no metric or margin.")
    else:
        nodes = [{**found, "metric": metric, "margin": margin} for metric, margin in margins.items()]
    references = [_require_validation(_reference(one, arms, where), path) for one in nodes]
    return Choosing(tuple(references), "embedding_bytes" if counted == "tables" else "model_bytes")


def _require_validation(reference: Reference, path: Path) -> Reference:
    """Return a reference whose metric all runs record on validation, or raise a UsageError."""
    from cadc.evaluation.metrics.lookup import metric

    recorded = metric(reference.metric).table.each_epoch
    if reference.metric not in recorded:
        raise UsageError(
            f"{path}: choose.metric is {reference.metric}, which runs do not record on validation; expected one of "
            f"{', '.join(recorded)}."
        )
    return reference
