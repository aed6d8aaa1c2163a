"""Tables that carry the whole logit of a factorisation: its biases ride along as columns of their own."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from cadc.data.log import InteractionLog
from cadc.data.schema import Schema
from cadc.embeddings.initializers.mf import MFInitializer
from cadc.factorization.crossfit import CrossFitted
from cadc.factorization.factors import Factors


@dataclass(kw_only=True, eq=False)
class MFBiasInitializer(MFInitializer):
    """Users start from [u', b_u, 1] and items from [v', 1, b_i], so that their product is the whole logit of MF.

    Of factors of more fields the item (the last single-valued field where there is none) starts from [v, 1, b], the
    user (or the first other single-valued field) from [v, b, 1], and every other field, bags too, from [v, b, 0]. So
    the products of all fields with the item hold every bias once; products of two others differ from v_f·v_g by
    b_f·b_g. An empty bag looks up zeros, which is its vector and its bias. `scale_to` scales vectors, not biases.
    """

    reads_biases: ClassVar[bool] = True
    extra_columns: ClassVar[int] = 2

    def kept_columns(self, schema: Schema, factors: Factors | CrossFitted | None) -> Mapping[str, Sequence[int]]:
        """Return the column of the biases of each field; that of ones and zeros goes with the field's mean."""
        if factors is None:
            return {}
        anchor, _ = anchors(schema, factors)
        return {name: (-1,) if name == anchor else (-2,) for name in factors.fields}

    def layout(self, log: InteractionLog, factors: Factors) -> dict[str, Tensor]:
        """Return vectors, and two columns of biases and ones, float32, shape [vocabulary size, dim], by field."""
        anchor, opposite = anchors(log.schema, factors)
        tables = {}
        for name, vectors in factors.vectors.items():
            bias = factors.biases[name]
            one = torch.ones_like(bias)
            columns = [one, bias] if name == anchor else [bias, one if name == opposite else 0 * one]
            tables[name] = torch.cat([self.scaled(vectors), torch.stack(columns, 1)], 1)
        return tables


def anchors(schema: Schema, factors: Factors | CrossFitted) -> tuple[str, str | None]:
    """Return the field whose products hold the others' biases, and the one whose product with it holds its own."""
    single = [field.name for field in schema.single if field.name in factors.fields] or list(factors.fields)
    anchor = "item" if "item" in single else single[-1]
    others = [name for name in single if name != anchor]
    return anchor, "user" if "user" in others else next(iter(others), None)
