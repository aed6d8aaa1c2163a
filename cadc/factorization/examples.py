"""What a factorisation of two fields reads: the ids of both, and the label, of some rows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from cadc.data.log import InteractionLog
from cadc.data.schema import OWN_FIELDS, UNKNOWN
from cadc.errors import DataError, UsageError
from cadc.factorization.factors import Factors, Kind


@dataclass(frozen=True)
class Examples:
    """Pairs of ids and their labels.

    Parameters
    ----------
    ids : of the first and of the second field, int64, shape [n] each.
    labels : float32, shape [n].
    """

    ids: tuple[Tensor, Tensor]
    labels: Tensor

    def __len__(self) -> int:
        return len(self.labels)

    def positives(self) -> "Examples":
        """Return those with label 1."""
        kept = self.labels > 0
        return Examples((self.ids[0][kept], self.ids[1][kept]), self.labels[kept])

    def with_negatives(self, n_negatives: int, n_values: int, generator: torch.Generator) -> "Examples":
        """Return these and, for each, some with its first id and a uniformly drawn known second one, labelled 0.

        Parameters
        ----------
        n_negatives : for each example.
        n_values : of the second field, *unknown* included.
        generator : draws the ids.
        """
        first = self.ids[0].repeat(1 + n_negatives)
        drawn = torch.randint(UNKNOWN + 1, max(n_values, 2), (n_negatives * len(self),), generator=generator)
        labels = torch.cat([self.labels, self.labels.new_zeros(len(drawn))])
        return Examples((first, torch.cat([self.ids[1], drawn])), labels)


def require_pair(fields: Sequence[str] | None, log: InteractionLog | None = None) -> tuple[str, str]:
    """Return the names of the two fields to factorise.

    Raises
    ------
    UsageError : for other than two different names.
    DataError : where the log lacks one of the fields.
    """
    names = OWN_FIELDS if fields is None else tuple(fields)
    if len(names) != 2 or names[0] == names[1]:
        raise UsageError(f"factorization.fields is [{', '.join(names)}]; it names two different fields, or is null.")
    missing = [] if log is None else [name for name in names if name not in log.schema]
    if log is not None and missing:
        known = ", ".join(field.name for field in log.schema.fields) or "none"
        raise DataError(
            f"this log has no field {missing[0]} to factorise; it has {known}: name two of them in "
            "factorization.fields, or take factorization=fm, which reads all fields."
        )
    return names[0], names[1]


def read_examples(log: InteractionLog, fields: Sequence[str], rows: Tensor) -> Examples:
    """Return ids and labels of some rows (int64, shape [n]).

    Raises
    ------
    DataError : where the log lacks a field, or it is a bag.
    """
    for name in fields:
        if log.schema[name].bag:
            raise DataError(
                f"{name} holds several values a row, so it is no side of a matrix; name other factorization.fields, or "
                "take factorization=fm."
            )
    first, second = (log.field_ids(name, rows).long() for name in fields)
    return Examples((first, second), log.labels(rows))


def require_both_labels(labels: Tensor, way_out: str) -> None:
    """Refuse rows of one label, which a factorisation of labels leaves at its random start.

    Parameters
    ----------
    labels : of the rows to factorise, shape [n].
    way_out : what to set where all of them are 1.

    Raises
    ------
    DataError : where all are the same.
    """
    if len(labels) and bool((labels == labels[0]).all()):
        label = int(labels[0])
        raise DataError(
            f"all {len(labels)} rows to factorise have label {label}, from which a factorisation of labels learns "
            f"nothing; {way_out if label else 'take a log, or a data.threshold, with both labels'}."
        )


def settle(factors: Factors, seen: Mapping[str, Tensor]) -> None:
    """Give values without rows, and *unknown*, the zero vector; and the mean bias of the others, in place.

    The bias of *unknown* stays where rows have that value.

    Parameters
    ----------
    factors : whose float32 vectors and biases are changed.
    seen : by field, whether each value, *unknown* included, is in a row that was fitted, bool, shape [vocabulary size].
    """
    for name, is_seen in seen.items():
        known = is_seen.clone()
        known[UNKNOWN] = False
        factors.vectors[name][~known] = 0
        factors.biases[name][~is_seen] = factors.biases[name][known].mean() if known.any() else 0.0


def pair_factors(
    fields: Sequence[str],
    fitted: Sequence[Tensor],
    vectors: Sequence[Tensor],
    biases: Sequence[Tensor],
    global_bias: float = 0.0,
    kind: Kind = "logit",
) -> Factors:
    """Return the factors of two fields; the global bias goes into the biases of the second one.

    Parameters
    ----------
    fields : names of the two.
    fitted : ids of both that rows hold and that were fitted, int64; nothing is known of the others.
    vectors, biases : of both, shapes [vocabulary size, k] and [vocabulary size].
    global_bias : of all rows.
    kind : of the factors.
    """
    factors = Factors(
        {name: value.detach().float().clone() for name, value in zip(fields, vectors, strict=True)},
        {name: value.detach().float().clone() for name, value in zip(fields, biases, strict=True)},
        kind=kind,
    )
    factors.biases[fields[1]] += global_bias
    settle(
        factors,
        {name: is_present(ids, len(factors.biases[name])) for name, ids in zip(fields, fitted, strict=True)},
    )
    return factors


def is_present(ids: Tensor, n_values: int) -> Tensor:
    """Return whether each of `n_values` values is among these ids, bool, shape [n_values]."""
    present = torch.zeros(n_values, dtype=torch.bool)
    present[ids] = True
    return present
