"""The logit of a factorisation as a module: frozen, saved with the model, equal in training and serving."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn.functional import embedding_bag

from cadc.data.bags import spread_to_values
from cadc.data.batch import Batch
from cadc.data.schema import Field, Schema
from cadc.factorization.crossfit import CrossFitted
from cadc.factorization.factors import Factors, Kind


class FactorLogit(nn.Module):
    """z = Σ_f b_f + Σ_{f<g} v_f·v_g + w·x over the factorised fields (Rendle 2010, eq. 1), never trained.

    A bag enters with the mean vector and mean bias of its values; an empty bag is zero. With cross-fitted factors, a
    training row (a batch with `fold`) gets the logit of the part that was fitted without that row, and every other row
    gets the mean of the parts' logits.

    Parameters
    ----------
    factors : of any fields of the log; cross-fitted or not.
    schema : of the log, which locates the fields in a batch.
    """

    dense: Tensor | None

    def __init__(self, factors: Factors | CrossFitted, schema: Schema) -> None:
        super().__init__()
        parts = parts_of(factors)
        # A value's bias is the last column of its vector, so that one look-up reads both.
        tables = {
            name: torch.stack(
                [torch.cat([part.vectors[name], part.biases[name][:, None]], 1).float() for part in parts]
            )
            for name in parts[0].fields
        }
        weights = [weight for part in parts if (weight := part.dense) is not None]
        self._set(tables, torch.stack(weights).float() if weights else None, schema, parts[0].kind)

    @classmethod
    def of_tables(cls, tables: Mapping[str, Tensor], dense: Tensor | None, schema: Schema) -> "FactorLogit":
        """Return the logit of tables that hold vectors and biases already.

        Parameters
        ----------
        tables : vectors with the bias in their last column, by field, float32, shape [parts, vocabulary size, k + 1].
        dense : weights of the dense columns, float32, shape [parts, D]; None where they are not read.
        schema : of the log.
        """
        found = cls.__new__(cls)
        nn.Module.__init__(found)
        found._set(tables, dense, schema, "logit")
        return found

    def _set(self, tables: Mapping[str, Tensor], dense: Tensor | None, schema: Schema, kind: Kind) -> None:
        self.n_parts, _, width = next(iter(tables.values())).shape
        self.dim, self.kind = width - 1, kind
        single = [field.name for field in schema.single]
        self.fields: list[Field] = [schema[name] for name in tables]
        self.columns = {field.name: single.index(field.name) for field in self.fields if not field.bag}
        for field in self.fields:
            self.register_buffer(_name(field), tables[field.name])
        self.register_buffer("dense", dense)

    def forward(self, batch: Batch) -> Tensor:
        """Return the logits of a batch, float32, shape [B]."""
        if self.n_parts > 1 and batch.fold is not None:
            return self._logits(batch, batch.fold)
        return torch.stack([self._logits(batch, part) for part in range(self.n_parts)]).mean(0)

    def user_side(self, batch: Batch) -> Tensor:
        """Return the user vectors whose product with `item_side` is the logit, shape [B, m]; context is part of them.

        Cross-fitted parts are concatenated, each with one more column for the items' biases. A training row is zero
        outside its own part; any other row has every part, divided by their number.
        """
        fields = [field for field in self.fields if field.side != "item"]
        if self.n_parts == 1:
            return self._sums(batch, fields, 0)[0]
        ones = torch.ones(len(batch), 1, device=batch.label.device)
        if batch.fold is None:
            sums = [torch.cat([self._sums(batch, fields, part)[0], ones], 1) for part in range(self.n_parts)]
            return torch.cat(sums, 1) / self.n_parts
        own = torch.cat([self._sums(batch, fields, batch.fold)[0], ones], 1)
        placed = own.new_zeros(len(batch), self.n_parts, self.dim + 1)
        placed[torch.arange(len(batch), device=own.device), batch.fold] = own
        return placed.flatten(1)

    def item_side(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Return vectors [n, m] and biases [n] of items.

        user_side · vectors + biases is the logit of the pair up to a term that is the same for all items of a user.
        """
        fields = [field for field in self.fields if field.side == "item"]
        sums = [self._sums(batch, fields, part) for part in range(self.n_parts)]
        if self.n_parts == 1:
            return sums[0]
        vectors = [torch.cat([vectors, biases.unsqueeze(1)], 1) for vectors, biases in sums]
        return torch.cat(vectors, 1), torch.zeros_like(batch.label)

    def pair_logits(self, users: Batch, items: Batch) -> Tensor:
        """Return the logits of all pairs of b users and n items, shape [b, n]; dense columns are left out.

        Parameters
        ----------
        users : a row for each user; context is part of it.
        items : a row for each item.
        """
        sides = [[field for field in self.fields if (field.side == "item") == own] for own in (False, True)]
        found = torch.zeros(len(users), len(items), device=users.label.device)
        for part in range(self.n_parts):
            (vectors, biases), (others, other_biases) = (
                self._sums(batch, fields, part) for batch, fields in zip((users, items), sides, strict=True)
            )
            found = found + vectors @ others.T + biases.unsqueeze(1) + other_biases
        return found / self.n_parts

    def factors(self) -> tuple[Factors, ...]:
        """Return a copy of the factors, in parts if they were cross-fitted; float32."""
        tables = {field.name: self.get_buffer(_name(field)) for field in self.fields}
        parts = []
        for part in range(self.n_parts):
            vectors = {name: table[part, :, :-1].clone() for name, table in tables.items()}
            biases = {name: table[part, :, -1].clone() for name, table in tables.items()}
            dense = None if self.dense is None else self.dense[part].clone()
            parts.append(Factors(vectors, biases, dense, self.kind))
        return tuple(parts)

    def _logits(self, batch: Batch, part: int | Tensor) -> Tensor:
        if len(self.fields) == 2:
            (first, first_bias), (second, second_bias) = (self._look_up(batch, field, part) for field in self.fields)
            logits = first_bias + second_bias + (first * second).sum(1)
        else:
            logits = self._sums(batch, self.fields, part)[1]
        if self.dense is None:
            return logits
        return logits + (batch.dense * self.dense[part]).sum(1)

    def _sums(self, batch: Batch, fields: list[Field], part: int | Tensor) -> tuple[Tensor, Tensor]:
        """Return Σ_f v_f, shape [B, k], and Σ_f b_f + Σ_{f<g} v_f·v_g, shape [B], over some fields."""
        total = torch.zeros(len(batch), self.dim, device=batch.label.device)
        squares, biases = torch.zeros_like(batch.label), torch.zeros_like(batch.label)
        for field in fields:
            vectors, bias = self._look_up(batch, field, part)
            total, squares, biases = total + vectors, squares + vectors.square().sum(1), biases + bias
        return total, biases + 0.5 * (total.square().sum(1) - squares)

    def _look_up(self, batch: Batch, field: Field, part: int | Tensor) -> tuple[Tensor, Tensor]:
        """Return a field's vectors [B, k] and biases [B] in one part, or in the part of each row (int64, shape [B])."""
        tables = self.get_buffer(_name(field))
        size = tables.shape[1]
        flat = tables.view(self.n_parts * size, self.dim + 1)
        if field.bag:
            bag = batch.bags[field.name]
            first = part * size if isinstance(part, int) else spread_to_values(part * size, bag)
            values = bag.values + first
            found = embedding_bag(values, flat, bag.offsets.to(values.dtype), mode="mean")
        else:
            found = flat.index_select(0, batch.ids[:, self.columns[field.name]] + part * size)
        return found[:, :-1], found[:, -1]


def parts_of(factors: Factors | CrossFitted) -> tuple[Factors, ...]:
    """Return the parts of cross-fitted factors; other factors are their own only part."""
    return factors.parts if isinstance(factors, CrossFitted) else (factors,)


def _name(field: Field) -> str:
    return f"factors_{field.name}"
