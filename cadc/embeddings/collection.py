"""All tables of a model: fields are stacked, the trained ones and the frozen ones apart."""

from collections.abc import Callable, Collection, Mapping, Sequence

import torch
from torch import Tensor, nn

from cadc.data.batch import Batch
from cadc.data.schema import SIDES, Field, Schema, Side
from cadc.embeddings.folds import FoldTables
from cadc.embeddings.full import FullTable
from cadc.embeddings.unknown import UnknownIds

MakeTable = Callable[[Sequence[Field]], FullTable]


class EmbeddingCollection(nn.Module):
    """Looks up every field of a batch.

    Parameters
    ----------
    schema : the fields.
    make_table : makes an empty table for some fields, for example `FullTable`.
    targets : the values that each field's table starts from, shape [vocabulary size, dim], by field name; of frozen
        fields also [K, vocabulary size, dim], a table for each fold of cross-fitting.
    frozen : names of the fields whose vectors are not trained.
    sides : whose fields are looked up; a batch holds the others too.
    unknown_ids : ids that are looked up as *unknown*, bool, shape [vocabulary size], by field name.
    id_dropout : share of the ids of the fields in `unknown_ids` that training takes for *unknown*.
    """

    def __init__(
        self,
        schema: Schema,
        make_table: MakeTable,
        targets: Mapping[str, Tensor],
        frozen: Collection[str] = (),
        sides: Collection[Side] = SIDES,
        unknown_ids: Mapping[str, Tensor] | None = None,
        id_dropout: float = 0.0,
    ) -> None:
        super().__init__()
        single = [field.name for field in schema.single]
        own = [field for field in (*schema.single, *schema.bags) if field.side in sides]
        trained = [field for field in own if field.name not in frozen]
        kept = [field for field in own if field.name in frozen and targets[field.name].ndim == 2]
        by_fold = [field for field in own if field.name in frozen and targets[field.name].ndim == 3]
        tables: list[FullTable] = []
        self.columns: list[list[int]] = []
        self.bags: list[list[str]] = []
        self.field_names: list[str] = []
        for fields in (trained, kept, by_fold):
            if not fields:
                continue
            starts = [targets[field.name] for field in fields]
            if fields is by_fold:
                table: FullTable = FoldTables(fields, starts)
            else:
                table = make_table(fields)
                table.initialise_from(starts)
            table.requires_grad_(fields is trained)
            tables.append(table)
            self.columns.append([single.index(field.name) for field in fields if not field.bag])
            self.bags.append([field.name for field in fields if field.bag])
            self.field_names += [field.name for field in fields]
        self.tables = nn.ModuleList(tables)
        self._tables = tuple(tables)
        self.dim = next(iter(targets.values())).shape[-1]
        names = {field.name for field in own}
        masks = {name: mask for name, mask in (unknown_ids or {}).items() if name in names}
        self.unknown = UnknownIds(schema, masks, id_dropout) if masks else None

    def forward(self, batch: Batch) -> Tensor:
        """Return the vectors of all fields, in the order of `field_names`, shape [B, F, dim]."""
        if self.unknown is not None:
            batch = self.unknown(batch)
        parts = []
        for table, columns, bags in zip(self._tables, self.columns, self.bags, strict=True):
            ids = batch.ids if len(columns) == batch.ids.shape[1] else batch.ids[:, columns]
            if isinstance(table, FoldTables) and batch.fold is not None:
                found = [table.of_rows(ids, batch.fold)] if columns else []
                pooled = [table.pooled_of_rows(name, batch.bags[name], batch.fold) for name in bags]
            else:
                found = [table(ids)] if columns else []
                pooled = [table.pooled(name, batch.bags[name]) for name in bags]
            parts += [*found, *(vectors.unsqueeze(1) for vectors in pooled)]
        return torch.cat(parts, 1)

    def dense_tables(self, schema: Schema) -> dict[str, Tensor]:
        """Return each field's table as it is looked up, shape [vocabulary size, dim], by field name."""
        found: dict[str, Tensor] = {}
        for table in self._tables:
            dense = table.reconstruct()
            sizes = [schema[name].vocabulary_size for name in table.names]
            found |= dict(zip(table.names, dense.split(sizes), strict=True))
        if self.unknown is not None:
            found |= {name: found[name][rows.long()] for name, rows in self.unknown.rows_of_ids().items()}
        return {name: value.clone() for name, value in found.items()}
