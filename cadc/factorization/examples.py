"""Examples for a factorisation of two fields: the ids of both and the label of some rows."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from cadc.data.grouping import PART_ROWS
from cadc.data.log import InteractionLog
from cadc.data.schema import ENTITY_FIELDS, UNKNOWN
from cadc.errors import DataError, UsageError
from cadc.factorization.factors import Factors, Kind


@dataclass(frozen=True)
class Examples:
    """Pairs of ids and their labels.

    Parameters
    ----------
    ids : ids of the first and of the second field, int32 or int64, shape [n] each.
    labels : float32, shape [n].
    """

    ids: tuple[Tensor, Tensor]
    labels: Tensor

    def __len__(self) -> int:
        return len(self.labels)

    def parts(self) -> "Iterator[Examples]":
        """Yield the examples in parts of at most `PART_ROWS`, in their order."""
        for first, second, labels in zip(*(own.split(PART_ROWS) for own in (*self.ids, self.labels)), strict=True):
            yield Examples((first, second), labels)

    def all(self) -> "Examples":
        """Return all examples at once."""
        return self

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
        return Examples((first, torch.cat([self.ids[1], drawn.to(first.dtype)])), labels)


class ExampleParts(Protocol):
    """Examples that are read part by part, as those of a log that is larger than the memory."""

    def __len__(self) -> int:
        """Number of examples."""

    def parts(self) -> Iterator[Examples]:
        """Yield all examples in parts of at most `PART_ROWS`, in the same order each time."""

    def all(self) -> Examples:
        """Return all examples at once."""


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
    require_single(log, fields)
    first, second = (log.field_ids(name, rows).long() for name in fields)
    return Examples((first, second), log.labels(rows))


def survey(examples: ExampleParts, sizes: Sequence[int]) -> tuple[list[Tensor], int]:
    """Return which values of both fields occur, bool, shape [n_values] each, and the number of examples with label 1.

    Parameters
    ----------
    examples : read once, part by part.
    sizes : number of values of both fields.
    """
    present, n_positive = [torch.zeros(size, dtype=torch.bool) for size in sizes], 0
    for part in examples.parts():
        for own, ids in zip(present, part.ids, strict=True):
            own[ids] = True
        n_positive += int((part.labels > 0).sum())
    return present, n_positive


def require_single(log: InteractionLog, fields: Sequence[str]) -> None:
    """Raise a DataError for a field that the log lacks, or that is a bag."""
    for name in fields:
        if log.schema[name].bag:
            raise DataError(
                f"the field {name} is a bag; expected a single value in each row. Name other factorization.fields, or "
                "set factorization=fm."
            )


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
    require_two_labels(len(labels), int((labels > 0).sum()), way_out)


def require_two_labels(n_rows: int, n_positive: int, way_out: str) -> None:
    """Refuse rows that all have the same label, see `require_both_labels`.

    Parameters
    ----------
    n_rows, n_positive : number of rows to factorise, and of those with label 1.
    way_out : see `require_both_labels`.

    Raises
    ------
    DataError : if all labels are the same.
    """
    if n_rows and n_positive in (0, n_rows):
        raise DataError(
            f"all {n_rows} rows to factorise have label {int(n_positive > 0)}, so a factorisation of labels learns "
            f"nothing; {way_out if n_positive else 'choose data, or a data.threshold, with both labels'}."
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
