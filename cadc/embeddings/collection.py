"""All tables of a model: fields are stacked by how they are stored and whether they are trained."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace

import torch
from torch import Tensor, nn

from cadc.data.batch import Batch
from cadc.data.schema import SIDES, Field, Schema, Side
from cadc.embeddings.base.scheme import Scheme, TableSpec, budget_of
from cadc.embeddings.base.statistics import NOTHING_KNOWN, Statistics
from cadc.embeddings.base.table import EmbeddingTable
from cadc.embeddings.budget_split import tables_within
from cadc.embeddings.schemes.folds import FoldTables
from cadc.embeddings.schemes.full import Full
from cadc.embeddings.unknown import UnknownIds
from cadc.errors import UsageError


class EmbeddingCollection(nn.Module):
    """Looks up every field of a batch.

    Parameters
    ----------
    schema : the fields.
    scheme : stores the fields that are large enough; the others are stored in full.
    targets : the values that each field's table starts from, shape [vocabulary size, dim], by field name; of frozen
        fields also [K, vocabulary size, dim], a table for each fold of cross-fitting; None for a random start.
    frozen : names of the fields whose vectors are not trained.
    sides : whose fields are looked up; a batch holds the others too.
    unknown_ids : ids that are looked up as *unknown*, bool, shape [vocabulary size], by field name.
    id_dropout : share of the ids of the fields in `unknown_ids` that training takes for *unknown*.
    enriched : names of the fields whose targets are more than random values.
    statistics : of the training rows.
    std : standard deviation of random starts.
    generator : of random starts and of the scheme's own draws.
    kept : columns of a field's vectors that are biases and the like, see `TableSpec`.

    Raises
    ------
    UsageError : for a budget that the scheme cannot meet, or tables of folds that would be compressed.
    """

    def __init__(
        self,
        schema: Schema,
        scheme: Scheme,
        targets: Mapping[str, Tensor | None],
        frozen: Collection[str] = (),
        sides: Collection[Side] = SIDES,
        unknown_ids: Mapping[str, Tensor] | None = None,
        id_dropout: float = 0.0,
        enriched: Collection[str] = (),
        statistics: Statistics = NOTHING_KNOWN,
        std: float = 0.05,
        generator: torch.Generator | None = None,
        kept: Mapping[str, Sequence[int]] | None = None,
    ) -> None:
        super().__init__()
        single = [field.name for field in schema.single]
        own = [field for field in (*schema.single, *schema.bags) if field.side in sides]
        all_compressed = [field for field in schema.fields if scheme.is_compressed(field)]
        compressed = [field for field in own if field in all_compressed]
        generator = torch.Generator().manual_seed(0) if generator is None else generator
        tables: list[EmbeddingTable] = []
        self.columns: list[list[int]] = []
        self.bags: list[list[str]] = []
        self.field_names: list[str] = []
        self.dim = scheme.dim
        groups = list(_groups(own, compressed, targets, frozen))
        specs = {}
        for number, (fields, _, is_compressed) in enumerate(groups):
            if not is_compressed or _of_folds(fields, targets):
                continue
            with_mean = any(field.name in enriched for field in fields)
            budget = budget_of(scheme, fields, all_compressed)
            specs[number] = TableSpec(fields, budget, with_mean, statistics, generator, kept or {})
        if len(specs) > 1:
            specs = {number: replace(spec, generator=_child(generator)) for number, spec in specs.items()}
        together = budget_of(scheme, compressed, all_compressed) if compressed else None
        self.budget = together
        made = dict(zip(specs, tables_within(scheme, list(specs.values()), together), strict=True))
        for number, (fields, is_trained, is_compressed) in enumerate(groups):
            starts = [targets[field.name] for field in fields]
            of_folds = _of_folds(fields, targets)
            if of_folds:
                if is_compressed and not isinstance(scheme, Full):
                    raise UsageError(
                        "frozen tables of cross-fitting, one a fold, are stored in full; set embedding=full, or "
                        "factorization_rows=complement."
                    )
                table: EmbeddingTable = FoldTables(fields, of_folds)
            else:
                table = made[number] if number in made else Full(scheme.dim).table(TableSpec(fields))
                weights = [statistics.counts[field.name] + 1 for field in fields] if statistics.counts else None
                table.initialise_from(starts, weights, std, generator)
            table.requires_grad_(is_trained)
            tables.append(table)
            self.columns.append([single.index(field.name) for field in fields if not field.bag])
            self.bags.append([field.name for field in fields if field.bag])
            self.field_names += [field.name for field in fields]
        self.tables = nn.ModuleList(tables)
        self._tables = tuple(tables)
        self.compressed = tuple(field.name for field in compressed)
        self.is_compressing = scheme.is_compressing
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

    def compressed_tables(self) -> list[EmbeddingTable]:
        """Return the tables whose fields the scheme stores."""
        return [table for table in self._tables if set(table.names) <= set(self.compressed)]

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


def _child(generator: torch.Generator) -> torch.Generator:
    """Return a generator that the other one seeds."""
    return torch.Generator().manual_seed(int(torch.randint(2**62, (), generator=generator)))


def _of_folds(fields: Sequence[Field], targets: Mapping[str, Tensor | None]) -> list[Tensor]:
    """Return the targets that are a table for each fold of cross-fitting."""
    starts = [targets[field.name] for field in fields]
    return [start for start in starts if start is not None and start.ndim == 3]


def _groups(
    own: Sequence[Field],
    compressed: Sequence[Field],
    targets: Mapping[str, Tensor | None],
    frozen: Collection[str],
) -> Iterator[tuple[list[Field], bool, bool]]:
    """Yield the fields that share a table, whether it is trained, and whether it is compressed."""

    def is_of_folds(field: Field) -> bool:
        target = targets[field.name]
        return field.name in frozen and target is not None and target.ndim == 3

    trained = [field for field in own if field.name not in frozen]
    kept = [field for field in own if field.name in frozen and not is_of_folds(field)]
    by_fold = [field for field in own if is_of_folds(field)]
    for fields in (trained, kept, by_fold):
        for is_compressed in (True, False):
            group = [field for field in fields if (field in compressed) == is_compressed]
            if group:
                yield group, fields is trained, is_compressed
