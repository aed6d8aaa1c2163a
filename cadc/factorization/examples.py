"""Examples for a factorisation of two fields: the ids of both and the label of some rows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from cadc.data.log import InteractionLog
from cadc.data.schema import ENTITY_FIELDS, UNKNOWN
from cadc.errors import DataError, UsageError
from cadc.factorization.factors import Factors, Kind


@dataclass(frozen=True)
class Examples:
    """Pairs of ids and their labels.

    Parameters
    ----------
    ids : ids of the first and of the second field, int64, shape [n] each.
    labels : float32, shape [n].
    """

    ids: tuple[Tensor, Tensor]
    labels: Tensor

    def __len__(self) -> int:
        return len(self.labels)

    def positives(self) -> "Examples":
        """Return the examples with label 1."""
        kept = self.labels > 0
        return Examples((self.ids[0][kept], self.ids[1][kept]), self.labels[kept])

    def with_negatives(self, n_negatives: int, n_values: int, generator: torch.Generator) -> "Examples":
        """Return the examples followed by negatives: pairs of label 0 of their first ids and random second ids.

        Parameters
        ----------
        n_negatives : number of negatives for each example.
        n_values : number of values of the second field, *unknown* included; negatives are drawn uniformly from the
            known ones.
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
    UsageError : if there are not two different names.
    DataError : if the log lacks one of the fields.
    """
    names = ENTITY_FIELDS if fields is None else tuple(fields)
    if len(names) != 2 or names[0] == names[1]:
        raise UsageError(f"factorization.fields is [{', '.join(names)}]; name two different fields, or set it to null.")
    missing = [] if log is None else [name for name in names if name not in log.schema]
    if log is not None and missing:
        known = ", ".join(field.name for field in log.schema.fields) or "none"
        raise DataError(
            f"this log has no field {missing[0]} to factorise; it has {known}. Name two of them in "
            "factorization.fields, or set factorization=fm, which reads all fields."
        )
    return names[0], names[1]


def read_examples(log: InteractionLog, fields: Sequence[str], rows: Tensor) -> Examples:
    """Return the ids of two fields and the labels of some rows (int64, shape [n]).

    Raises
    ------
    DataError : if the log lacks a field, or a field is a bag.
    """
    for name in fields:
        if log.schema[name].bag:
            raise DataError(
                f"the field {name} is a bag; expected a single value in each row. Name other factorization.fields, or "
                "set factorization=fm."
            )
    first, second = (log.field_ids(name, rows).long() for name in fields)
    return Examples((first, second), log.labels(rows))


def require_both_labels(labels: Tensor, way_out: str) -> None:
    """Refuse rows that all have the same label, from which a factorisation of labels learns nothing.

    Parameters
    ----------
    labels : labels of the rows to factorise, shape [n].
    way_out : what the user may set if all labels are 1, for the message.

    Raises
    ------
    DataError : if all labels are the same.
    """
    if len(labels) and bool((labels == labels[0]).all()):
        label = int(labels[0])
        raise DataError(
            f"all {len(labels)} rows to factorise have label {label}, so a factorisation of labels learns nothing; "
            f"{way_out if label else 'choose data, or a data.threshold, with both labels'}."
        )


def reset_absent(factors: Factors, seen: Mapping[str, Tensor]) -> None:
    """Give values without rows, and *unknown*, the zero vector and the mean bias of the other values, in place.

    *Unknown* keeps its bias if there are rows with that value.

    Parameters
    ----------
    factors : factors to change.
    seen : by field, whether the fitted rows hold each value, *unknown* included, bool, shape [vocabulary size].
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
    fields : names of the two fields.
    fitted : ids of both fields that were fitted to rows, int64; all others count as absent, see `reset_absent`.
    vectors, biases : parameters of both fields, shapes [vocabulary size, k] and [vocabulary size].
    global_bias : bias of all rows.
    kind : kind of the factors.
    """
    factors = Factors(
        {name: value.detach().float().clone() for name, value in zip(fields, vectors, strict=True)},
        {name: value.detach().float().clone() for name, value in zip(fields, biases, strict=True)},
        kind=kind,
    )
    factors.biases[fields[1]] += global_bias
    reset_absent(
        factors,
        {name: is_present(ids, len(factors.biases[name])) for name, ids in zip(fields, fitted, strict=True)},
    )
    return factors


def is_present(ids: Tensor, n_values: int) -> Tensor:
    """Tell which of the values 0 … n - 1 are among some ids (int64), bool, shape [n_values]."""
    present = torch.zeros(n_values, dtype=torch.bool)
    present[ids] = True
    return present
