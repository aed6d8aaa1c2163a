"""Tables that start from vectors in a file, keyed by raw ids: those of `cadc export`, or another framework's."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
import torch
from torch import Tensor

from cadc.data.known_values import KnownValues
from cadc.data.log import InteractionLog
from cadc.data.schema import UNKNOWN, Schema
from cadc.embeddings.initializers.enriched import EnrichedInitializer
from cadc.embeddings.vectors import KeyedVectors, contents_hash, names_of_fields, read_vectors, shown_id
from cadc.errors import DataError, UsageError
from cadc.factorization.crossfit import CrossFitted
from cadc.factorization.factors import Factors
from cadc.paths import user_path
from cadc.terminal.progress import say

FEWEST = 0.01
"""Share of a file's ids that must be ids of the log; below it, the file is that of another log."""


@dataclass(kw_only=True, eq=False)
class TableInitializer(EnrichedInitializer):
    """Some tables start from the vectors of a file; ids without one start as other fields do.

    Parameters
    ----------
    std, freeze, unseen, id_dropout, scale_to : see `EnrichedInitializer`.
    path : folder that `cadc export` wrote, or one Parquet file for a field; see `cadc.embeddings.vectors`.
    sha256 : hash of its content. Composing a configuration fills it in, so that a run's id depends on the vectors and
        not on their path.
    fields : fields whose tables start from it; empty takes all that a folder holds.
    id_column : of a Parquet file, holds raw ids.
    covers_cold : whether users and items that never occur in training get rows of their own.
    """

    without_effect: ClassVar[tuple[str, ...]] = ("path",)

    path: str | None = None
    sha256: str | None = None
    fields: tuple[str, ...] = ()
    id_column: str = "value"
    covers_cold: bool = False

    def __post_init__(self) -> None:
        """Check the options."""
        super().__post_init__()
        if self.path is None:
            raise UsageError("initializer.path is not set: name a folder that `cadc export` wrote, or a Parquet file.")

    @classmethod
    def pinned(cls, options: Mapping[str, Any]) -> dict[str, Any]:
        """Return the options of a configuration with the hash of the content that they name."""
        if options.get("path") is None or options.get("sha256") is not None:
            return dict(options)
        return {**options, "sha256": contents_hash(user_path(str(options["path"])))}

    def enriched_fields(self, schema: Schema, factors: Factors | CrossFitted | None) -> Collection[str]:
        """Return the names of the fields whose vectors are imported.

        Raises
        ------
        UsageError : for one that the log does not have.
        """
        names = self.fields or names_of_fields(self._place)
        strange = [name for name in names if name not in schema]
        if strange:
            raise UsageError(
                f"{self.path} is used for the field {strange[0]}, which this log does not have; set "
                f"initializer.fields to some of {', '.join(field.name for field in schema.fields)}."
            )
        return names

    def enriched(
        self, log: InteractionLog, dim: int, factors: Factors | CrossFitted | None, start: Mapping[str, Tensor]
    ) -> dict[str, Tensor]:
        """Return the starting values of the imported fields, float32, shape [vocabulary size, dim].

        Raises
        ------
        DataError : for a file that has changed or cannot be read, numbers that are not finite, or ids that are
            duplicated or hardly ever occur in the log.
        UsageError : for vectors of another length than the table's.
        """
        path = self._place
        if self.sha256 is not None and (found := contents_hash(path)) != self.sha256:
            raise DataError(f"{path} has changed: its SHA-256 is {found}, and initializer.sha256 is {self.sha256}.")
        tables = {}
        for name in self.enriched_fields(log.schema, factors):
            vectors = read_vectors(path, name, self.id_column)
            if vectors.dim != dim:
                raise UsageError(
                    f"{vectors.path} holds vectors of {vectors.dim} columns for {name}, and embedding.dim is {dim}: "
                    f"set embedding.dim={vectors.dim}."
                )
            tables[name] = self._filled(log, name, vectors, start[name])
        return tables

    @property
    def _place(self) -> Path:
        assert self.path is not None
        return user_path(self.path)

    def _filled(self, log: InteractionLog, name: str, vectors: KeyedVectors, start: Tensor) -> Tensor:
        own = log.vocabulary(name)
        ids = torch.from_numpy(KnownValues(own).ids(pa.array(vectors.ids, pa.string()))).long()
        is_known = ids != UNKNOWN
        _require_different(vectors, ids)
        share = float(is_known.double().mean())
        if share < FEWEST:
            raise DataError(
                f"{vectors.path}: {int(is_known.sum())} of {len(ids)} ids are values of {name} in this log, so it is "
                f"not of this log; ids look like {shown_id(vectors.ids[0])} there and {shown_id(own[0])} here."
            )
        reached = int(is_known.sum()) / len(own)
        said = f"{share:.1%} of {len(ids):,} ids are values of {name}; {reached:.1%} of its values have a vector"
        say(f"{vectors.path}: {said}")
        table = start.clone()
        unknown = torch.zeros(vectors.dim) if vectors.unknown is None else vectors.unknown
        scaled = self.scaled(torch.cat([unknown[None], vectors.values]))
        table[ids[is_known]] = scaled[1:][is_known]
        if vectors.unknown is not None:
            table[UNKNOWN] = scaled[UNKNOWN]
        return table


def _require_different(vectors: KeyedVectors, ids: Tensor) -> None:
    """Raise a DataError if two ids of a file are spellings of one value, such as 1 and 1.0."""
    order = np.argsort(ids.numpy(), kind="stable")
    same = np.flatnonzero((np.diff(ids.numpy()[order]) == 0) & (ids.numpy()[order][1:] != UNKNOWN))
    if len(same):
        first, second = (shown_id(vectors.ids[at]) for at in order[same[0] : same[0] + 2])
        raise DataError(f"{vectors.path}: the ids {first} and {second} mean the same value here; keep one vector.")
