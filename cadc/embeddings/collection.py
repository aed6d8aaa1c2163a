"""All tables of a model: fields are stacked by how they are stored and whether they are trained."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from cadc.data.batch import Bag, Batch
from cadc.data.schema import SIDES, Field, Schema, Side
from cadc.embeddings.base.scheme import Scheme, TableSpec, budget_of
from cadc.embeddings.base.table import EmbeddingTable
from cadc.embeddings.budget_split import tables_within
from cadc.embeddings.initialization import InitialValues, Start
from cadc.embeddings.schemes.folds import FoldTables
from cadc.embeddings.schemes.full import Full
from cadc.embeddings.unknown import UnknownIds
from cadc.errors import UsageError
from cadc.randomness import child_generator


class EmbeddingCollection(nn.Module):
    """Looks up every field of a batch.

    Parameters
    ----------
    schema : the fields.
    scheme : stores the fields that are large enough; the others are stored in full.
    start : what the tables start from, and which of them are trained.
    sides : whose fields are looked up; a batch holds the others too.
    generator : of random starts and of the scheme's own draws; None takes one of seed 0.
    names : of the fields that the model reads, where these are not all of the schema; they share its budget.

    Raises
    ------
    UsageError : for a budget that the scheme cannot meet, or tables of folds that would be compressed.
    """

    def __init__(
        self,
        schema: Schema,
        scheme: Scheme,
        start: InitialValues,
        sides: Collection[Side] = SIDES,
        generator: torch.Generator | None = None,
        names: Collection[str] | None = None,
    ) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(0) if generator is None else generator
        of_model = [field for field in (*schema.single, *schema.bags) if names is None or field.name in names]
        own = [field for field in of_model if field.side in sides]
        all_compressed = [field for field in of_model if scheme.is_compressed(field)]
        compressed = [field for field in own if field in all_compressed]
        groups = list(_groups(own, compressed, start))
        self.dim, self.ranks = scheme.dim, scheme.ranks
        self.is_compressing = scheme.is_compressing
        self.compressed = tuple(field.name for field in compressed)
        self.budget = budget_of(scheme, compressed, all_compressed) if compressed else None
        self._tables = tuple(_tables(groups, scheme, start, all_compressed, self.budget, generator))
        self.tables = nn.ModuleList(self._tables)
        single = [field.name for field in schema.single]
        self.columns = [[single.index(field.name) for field in group.fields if not field.bag] for group in groups]
        self.bags = [[field.name for field in group.fields if field.bag] for group in groups]
        self.field_names = [field.name for group in groups for field in group.fields]
        masks = {name: mask for name, mask in start.unknown_ids.items() if name in self.field_names}
        self.unknown = UnknownIds(schema, masks, start.id_dropout) if masks else None

    def forward(self, batch: Batch) -> Tensor:
        """Return the vectors of all fields, in the order of `field_names`, shape [B, F, dim]."""
        if self.unknown is not None:
            batch = self.unknown(batch)
        parts = []
        for table, columns, bags in zip(self._tables, self.columns, self.bags, strict=True):
            ids = batch.ids if len(columns) == batch.ids.shape[1] else batch.ids[:, columns]
            parts.append(table.of_batch(ids, {name: batch.bags[name] for name in bags}, batch.fold))
        return parts[0] if len(parts) == 1 else torch.cat(parts, 1)

    def of_values(self, name: str, ids: Tensor) -> Tensor:
        """Return the vectors of some values of one field, without a penalty and without id dropout, shape [n, dim].

        Parameters
        ----------
        name : of the field.
        ids : of its values, int32 or int64, shape [n].
        """
        table = self._table_of(name)
        vectors = table.vectors(self._row_of(name, ids).long() + table.first_row[name])
        return vectors if table.centre is None else vectors + table.centre[table.names.index(name)]

    def pooled(self, name: str, bag: Bag, fold: Tensor | None = None) -> Tensor:
        """Return mean vectors of values of one field, without a penalty and without id dropout, shape [B, dim].

        Parameters
        ----------
        name : of the field, which may be single-valued.
        bag : B rows of its values; an empty one gives zeros.
        fold : fold of cross-fitting of each row, int64, shape [B].
        """
        return self._table_of(name).pooled(name, replace(bag, values=self._row_of(name, bag.values)), fold)

    def _table_of(self, name: str) -> EmbeddingTable:
        return next(table for table in self._tables if name in table.names)

    def _row_of(self, name: str, ids: Tensor) -> Tensor:
        """Return the ids of a field that are looked up for some of its ids, shape of the ids."""
        if self.unknown is None or name not in self.unknown.names:
            return ids
        return self.unknown.rows_of_ids()[name][ids.long()]

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


@dataclass(frozen=True)
class _Group:
    """Fields that share a table."""

    fields: Sequence[Field]
    targets: Sequence[Start | None]
    is_trained: bool
    is_compressed: bool

    @property
    def folds(self) -> list[Tensor]:
        """The targets that are a table for each fold of cross-fitting: those of all fields, or none."""
        return [target for target in self.targets if isinstance(target, Tensor) and target.ndim == 3]


def _groups(own: Sequence[Field], compressed: Collection[Field], start: InitialValues) -> Iterator[_Group]:
    """Yield the fields that share a table: trained ones, then frozen ones, then those of folds."""

    def is_of_folds(field: Field) -> bool:
        target = start.targets[field.name]
        return field.name in start.frozen and target is not None and target.ndim == 3

    trained = [field for field in own if field.name not in start.frozen]
    frozen = [field for field in own if field.name in start.frozen and not is_of_folds(field)]
    by_fold = [field for field in own if is_of_folds(field)]
    for fields in (trained, frozen, by_fold):
        for is_compressed in (True, False):
            group = [field for field in fields if (field in compressed) == is_compressed]
            if group:
                yield _Group(group, [start.targets[field.name] for field in group], fields is trained, is_compressed)


def _tables(
    groups: Sequence[_Group],
    scheme: Scheme,
    start: InitialValues,
    all_compressed: Sequence[Field],
    budget: int | None,
    generator: torch.Generator,
) -> Iterator[EmbeddingTable]:
    """Yield the table of each group with its initial values."""
    compressed = [group for group in groups if group.is_compressed and not group.folds]
    specs = [
        TableSpec(
            group.fields,
            budget_of(scheme, group.fields, all_compressed),
            any(field.name in start.enriched for field in group.fields),
            start.statistics,
            generator,
            start.kept,
        )
        for group in compressed
    ]
    if len(specs) > 1:
        specs = [replace(spec, generator=child_generator(generator)) for spec in specs]
    empty = iter(tables_within(scheme, specs, budget))
    counts = start.statistics.counts
    for group in groups:
        if group.folds:
            if group.is_compressed and not isinstance(scheme, Full):
                raise UsageError(
                    "the tables of cross-fitting, one a fold, are stored in full, and embedding is a scheme that "
                    "compresses them; set embedding=full, or factorization_rows=complement."
                )
            table: EmbeddingTable = FoldTables(group.fields, group.folds)
        else:
            table = next(empty) if group.is_compressed else Full(dim=scheme.dim).table(TableSpec(group.fields))
            weights = [counts[field.name] + 1 for field in group.fields] if counts else None
            table.initialise_from(group.targets, weights, start.std, generator)
        yield table.requires_grad_(group.is_trained)
