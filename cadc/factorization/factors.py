"""Factors, the result of a factorisation: a vector and a bias for every value of some fields."""

import json
from collections.abc import Mapping
from copy import copy
from pathlib import Path
from typing import Literal, get_args

import torch
from safetensors import safe_open
from safetensors.torch import save
from torch import Tensor

from cadc.data.batch import Bag
from cadc.data.batches import EVALUATION_BATCH
from cadc.data.log import InteractionLog
from cadc.errors import UsageError

Kind = Literal["logit", "score"]
"""Whether the sum of products and biases is a logit of label 1 (`logit`), or only orders the rows (`score`)."""


class Factors:
    """Vectors and biases of fields.

    The logit of a row is Σ_f b_f + Σ_{f<g} v_f·v_g + dense·x; a global bias is a part of the item biases.

    Parameters
    ----------
    vectors : vectors of each field by name, float32, shape [vocabulary size, k]; row 0, *unknown*, is zero.
    biases : biases of each field by name, float32, shape [vocabulary size]; row 0 is the mean of the others unless
        training rows hold the value *unknown*.
    dense : weights of the dense columns, float32, shape [D]; None if the factorisation does not read them.
    kind : `logit` if `logits` returns logits of label 1, `score` if it returns numbers that only order the rows.

    Raises
    ------
    UsageError : if the kind is neither.

    Examples
    --------
    >>> vectors = {"user": torch.zeros(3, 2), "item": torch.zeros(5, 2)}
    >>> factors = Factors(vectors, {"user": torch.zeros(3), "item": torch.zeros(5)})
    >>> factors.fields, factors.dim
    (('user', 'item'), 2)
    """

    def __init__(
        self,
        vectors: Mapping[str, Tensor],
        biases: Mapping[str, Tensor],
        dense: Tensor | None = None,
        kind: Kind = "logit",
    ) -> None:
        if kind not in get_args(Kind):
            raise UsageError(f"the kind of factors is {kind!r}; choose one of {', '.join(get_args(Kind))}.")
        self.vectors = dict(vectors)
        self.biases = dict(biases)
        self.dense = dense
        self.kind: Kind = kind

    @property
    def fields(self) -> tuple[str, ...]:
        """Names of the factorised fields."""
        return tuple(self.vectors)

    @property
    def dim(self) -> int:
        """Length k of the vectors, without biases."""
        return next(iter(self.vectors.values())).shape[1]

    def with_vectors(self, vectors: Mapping[str, Tensor]) -> "Factors":
        """Return a copy with other vectors, by field name, shape [vocabulary size, k] each."""
        changed = copy(self)
        changed.vectors = dict(vectors)
        return changed

    def rows(self, name: str, rows: slice) -> "Factors":
        """Return factors that hold some rows of one field, and none of the others."""
        kept = {own: rows if own == name else slice(0) for own in self.fields}
        return Factors(
            {own: self.vectors[own][kept[own]] for own in self.fields},
            {own: self.biases[own][kept[own]] for own in self.fields},
            self.dense,
            self.kind,
        )

    def logits(self, log: InteractionLog, rows: Tensor) -> Tensor:
        """Return the logits, or scores, of some rows of a log, float32, shape [n].

        A bag has the mean vector and the mean bias of its values; those of an empty bag are zero.

        Parameters
        ----------
        log : the log that was factorised.
        rows : row numbers, int32 or int64, shape [n].
        """
        return torch.cat([self._logits(log, part) for part in rows.split(EVALUATION_BATCH)] or [torch.zeros(0)])

    def _logits(self, log: InteractionLog, rows: Tensor) -> Tensor:
        bags = [field for field in self.fields if log.schema[field].bag]
        # `gather` joins all features and is slow; most factorisations need two columns only.
        batch = log.gather(rows) if bags or self.dense is not None else None
        vectors, biases = [], []
        for field in self.fields:
            if batch is not None and field in bags:
                vectors.append(bag_means(self.vectors[field], batch.bags[field]))
                biases.append(bag_means(self.biases[field][:, None], batch.bags[field])[:, 0])
            else:
                ids = log.field_ids(field, rows)
                vectors.append(self.vectors[field].index_select(0, ids))
                biases.append(self.biases[field].index_select(0, ids))
        logits = pairwise_logits(vectors, biases)
        return logits if batch is None or self.dense is None else logits + batch.dense @ self.dense

    def save(self, path: Path) -> None:
        """Write the factors to a safetensors file."""
        tensors = {f"vectors.{name}": value.contiguous() for name, value in self.vectors.items()}
        tensors |= {f"biases.{name}": value.contiguous() for name, value in self.biases.items()}
        if self.dense is not None:
            tensors["dense"] = self.dense.contiguous()
        # One entry, because safetensors writes several in any order.
        facts = json.dumps({"kind": self.kind, "fields": self.fields})
        # Not by safetensors' own writer, whose error on a full disk is not an OSError.
        path.write_bytes(save(tensors, {"factors": facts}))

    @classmethod
    def load(cls, path: Path) -> "Factors":
        """Read factors that `save` wrote."""
        with safe_open(path, "pt") as file:
            facts = json.loads(file.metadata()["factors"])
            fields = facts["fields"]
            vectors = {name: file.get_tensor(f"vectors.{name}") for name in fields}
            biases = {name: file.get_tensor(f"biases.{name}") for name in fields}
            dense = file.get_tensor("dense") if "dense" in file.keys() else None  # noqa: SIM118
        return cls(vectors, biases, dense, facts["kind"])


def are_finite(values: Tensor) -> bool:
    """Tell whether all numbers are finite, part by part: no copy of what lies on the disk comes to lie in memory.

    Parameters
    ----------
    values : of a floating type, shape [n, …].
    """
    return all(bool(part.isfinite().all()) for part in values.split(EVALUATION_BATCH))


def bag_means(table: Tensor, bag: Bag) -> Tensor:
    """Return the mean vector of each bag, shape [B, k]; that of an empty bag is zero.

    Parameters
    ----------
    table : a vector for each value, shape [vocabulary size, k].
    bag : bags of B rows.
    """
    if not table.shape[1]:
        return table.new_zeros(len(bag.offsets), 0)
    return torch.nn.functional.embedding_bag(bag.values, table, bag.offsets, mode="mean")


def pairwise_logits(vectors: list[Tensor], biases: list[Tensor]) -> Tensor:
    """Return Σ_f b_f + Σ_{f<g} v_f·v_g: MF for two fields, FM for more (Rendle 2010, eq. 1), shape [B].

    Parameters
    ----------
    vectors : vectors of B rows for each field, shape [B, k] each.
    biases : biases of B rows for each field, shape [B] each.

    Examples
    --------
    >>> pairwise_logits([torch.ones(1, 2), torch.ones(1, 2)], [torch.ones(1), torch.zeros(1)]).tolist()
    [3.0]
    """
    total = torch.stack(biases).sum(0)
    if len(vectors) == 2:
        return total + (vectors[0] * vectors[1]).sum(1)
    stacked = torch.stack(vectors, 1)
    return total + 0.5 * (stacked.sum(1).square() - stacked.square().sum(1)).sum(1)
