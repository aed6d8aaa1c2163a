"""The result of a factorisation: a vector and a bias for every value of some fields."""

from collections.abc import Mapping
from copy import copy
from pathlib import Path

import torch
from safetensors.torch import load_file, save
from torch import Tensor

from cadc.data.log import InteractionLog


class Factors:
    """Vectors and biases of fields; the global bias is inside the item bias.

    Parameters
    ----------
    vectors : by field name, float32, shape [vocabulary size, k]; row 0 (*unknown*) is zero.
    biases : by field name, float32, shape [vocabulary size]; row 0 is the mean of the others.
    """

    def __init__(self, vectors: Mapping[str, Tensor], biases: Mapping[str, Tensor]) -> None:
        self.vectors = dict(vectors)
        self.biases = dict(biases)

    @property
    def fields(self) -> tuple[str, ...]:
        """Names of the factorised fields."""
        return tuple(self.vectors)

    @property
    def dim(self) -> int:
        """Length k of the vectors, biases not counted."""
        return next(iter(self.vectors.values())).shape[1]

    def with_vectors(self, vectors: Mapping[str, Tensor]) -> "Factors":
        """Return factors that differ from these in their vectors alone."""
        changed = copy(self)
        changed.vectors = dict(vectors)
        return changed

    def logits(self, log: InteractionLog, rows: Tensor) -> Tensor:
        """Return the factorisation's own logit of log rows: all pairwise products plus all biases, float32."""
        ids = {field: log.field_ids(field, rows) for field in self.fields}
        return pairwise_logits(
            [self.vectors[field][ids[field]] for field in self.fields],
            [self.biases[field][ids[field]] for field in self.fields],
        )

    def save(self, path: Path) -> None:
        """Write to a safetensors file."""
        tensors = {f"vectors.{name}": value.contiguous() for name, value in self.vectors.items()}
        tensors |= {f"biases.{name}": value.contiguous() for name, value in self.biases.items()}
        # Not by safetensors' own writer, whose error on a full disk is no OSError.
        path.write_bytes(save(tensors))

    @classmethod
    def load(cls, path: Path) -> "Factors":
        """Read what `save` wrote."""
        tensors = load_file(path)
        parts: dict[str, dict[str, Tensor]] = {"vectors": {}, "biases": {}}
        for name, value in sorted(tensors.items()):
            kind, _, field = name.partition(".")
            parts[kind][field] = value
        return cls(**parts)


def pairwise_logits(vectors: list[Tensor], biases: list[Tensor]) -> Tensor:
    """Return Σ_f b_f + Σ_{f<g} v_f·v_g, the score of MF for two fields and of FM for more (Rendle 2010, eq. 1).

    Parameters
    ----------
    vectors : for each field, shape [B, k].
    biases : for each field, shape [B].
    """
    total = torch.stack(biases).sum(0)
    if len(vectors) == 2:
        return total + (vectors[0] * vectors[1]).sum(1)
    stacked = torch.stack(vectors, 1)
    return total + 0.5 * (stacked.sum(1).square() - stacked.square().sum(1)).sum(1)
