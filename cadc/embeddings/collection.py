"""All tables of a model: fields are stacked, the trained ones and the frozen ones apart."""

from collections.abc import Callable, Collection, Mapping, Sequence

import torch
from torch import Tensor, nn

from cadc.data.log import Batch
from cadc.data.schema import SIDES, Field, Schema, Side
from cadc.embeddings.full import FullTable

MakeTable = Callable[[Sequence[Field]], FullTable]


class EmbeddingCollection(nn.Module):
    """Looks up every field of a batch.

    Parameters
    ----------
    schema : the fields.
    make_table : makes an empty table for some fields, for example `FullTable`.
    targets : the values that each field's table starts from, shape [vocabulary size, dim], by field name.
    frozen : names of the fields whose vectors are not trained.
    sides : whose fields are looked up; a batch holds the others too.
    """

    def __init__(
        self,
        schema: Schema,
        make_table: MakeTable,
        targets: Mapping[str, Tensor],
        frozen: Collection[str] = (),
        sides: Collection[Side] = SIDES,
    ) -> None:
        super().__init__()
        single = [field.name for field in schema.single]
        tables: list[FullTable] = []
        self.columns: list[list[int]] = []
        self.bags: list[list[str]] = []
        self.field_names: list[str] = []
        for is_frozen in (False, True):
            own = [field for field in (*schema.single, *schema.bags) if field.side in sides]
            fields = [field for field in own if (field.name in frozen) == is_frozen]
            if not fields:
                continue
            table = make_table(fields)
            table.initialise_from([targets[field.name] for field in fields])
            table.requires_grad_(not is_frozen)
            tables.append(table)
            self.columns.append([single.index(field.name) for field in fields if not field.bag])
            self.bags.append([field.name for field in fields if field.bag])
            self.field_names += [field.name for field in fields]
        self.tables = nn.ModuleList(tables)
        self._tables = tuple(tables)
        self.dim = next(iter(targets.values())).shape[1]

    def forward(self, batch: Batch) -> Tensor:
        """Return the vectors of all fields, in the order of `field_names`, shape [B, F, dim]."""
        parts = []
        for table, columns, bags in zip(self._tables, self.columns, self.bags, strict=True):
            if columns:
                parts.append(table(batch.ids if len(columns) == batch.ids.shape[1] else batch.ids[:, columns]))
            parts += [table.pooled(name, batch.bags[name]).unsqueeze(1) for name in bags]
        return torch.cat(parts, 1)

    def dense_tables(self, schema: Schema) -> dict[str, Tensor]:
        """Return each field's table as it is looked up, shape [vocabulary size, dim], by field name."""
        found: dict[str, Tensor] = {}
        for table in self._tables:
            dense = table.reconstruct()
            sizes = [schema[name].vocabulary_size for name in table.names]
            found |= dict(zip(table.names, dense.split(sizes), strict=True))
        return {name: value.clone() for name, value in found.items()}
