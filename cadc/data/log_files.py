"""The files of a prepared log: opened by memory-mapping, and checked, so that damage is named and not read."""

import json
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor

from cadc.data.entity_features import EntityFeatures
from cadc.data.schema import EntitySide, Schema, entity_sides
from cadc.data.split.split import SPLITS
from cadc.data.transform.fitted import TRANSFORM, FittedTransform
from cadc.errors import Damaged, DataError

REAL_COLUMNS = ("label", "rating", "dense", "oracle")
ROW_COLUMNS = (*REAL_COLUMNS, "row", "time", "user", "item", "context_ids")
WIDE_COLUMNS = ("dense", "context_ids", "user_ids", "item_ids")
"""Columns of real numbers, with a value for each row, and of two dimensions; all others hold whole numbers."""
NEEDED_KEYS = ("name", "edition", "files", "content_hash", "prepare_s")


class LogFiles:
    """The files of one prepared log.

    Parameters
    ----------
    folder : folder of the prepared log, as `cadc.data.prepare` writes it.

    Raises
    ------
    Damaged : if `meta.json` is missing or damaged. Methods raise it with the name of the damaged file.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        try:
            self.meta: dict[str, Any] = json.loads((folder / "meta.json").read_text())
            self.schema = Schema.from_json(self.meta["schema"])
            counts = [self.meta["rows"][split] for split in SPLITS]
            sizes = [field.vocabulary_size for field in self.schema.fields]
            if not all(isinstance(count, int) and 0 < count < 2**62 for count in [*counts, *sizes]):
                raise ValueError("a number of rows or values is not a positive whole number")
            missing = [key for key in NEEDED_KEYS if key not in self.meta]
            if missing or set(self.meta["positives"]) != set(SPLITS):
                raise ValueError(f"it lacks {', '.join(missing) or 'positives'}")
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError, DataError) as error:
            raise Damaged(f"{folder} does not hold a prepared log ({error}); delete it to have it rebuilt.") from error

    def has(self, name: str) -> bool:
        """Tell whether the log has a column."""
        return (self.folder / f"{name}.npy").exists()

    def array(self, name: str, mode: Literal["r", "c"] = "r") -> NDArray[Any]:
        """Return a memory-mapped column, read-only (`r`) or copy-on-write (`c`).

        Type, length and number of dimensions are checked, and pickled objects are refused.
        """
        path = self.folder / f"{name}.npy"
        try:
            values: NDArray[Any] = np.load(path, mmap_mode=mode, allow_pickle=False)
        except Exception as error:  # NumPy raises many kinds of errors for a broken header
            raise self.damaged(path, str(error)) from error
        if values.dtype.kind not in ("f" if name in REAL_COLUMNS else "iu"):
            raise self.damaged(path, f"its numbers are of type {values.dtype}")
        if name in ROW_COLUMNS and len(values) != (n_rows := sum(self.meta["rows"].values())):
            raise self.damaged(path, f"found {len(values)} rows, expected {n_rows}")
        if values.ndim != (2 if name in WIDE_COLUMNS else 1):
            raise self.damaged(path, f"its shape is {values.shape}")
        return values

    def tensor(self, name: str) -> Tensor:
        """Return a memory-mapped column as a tensor."""
        # Copy-on-write, because torch warns of read-only memory; pages are still read only when touched.
        return torch.from_numpy(self.array(name, "c"))

    def require_within(self, name: str, values: NDArray[Any], most: int) -> None:
        """Raise `Damaged` if a value of a column is not between 0 and `most`."""
        if len(values) and not 0 <= values.min() <= values.max() <= most:
            raise self.damaged(self.folder / f"{name}.npy", f"a value is not between 0 and {most}")

    def require_ratings(self) -> None:
        """Raise a DataError if the log has labels without ratings."""
        if not self.has("rating"):
            raise DataError(
                f"the log {self.meta['name']} has labels, but no ratings; choose data with ratings (data.rating names "
                "their column in a table), or leave out what reads them."
            )

    def require_finite(self, name: str, values: NDArray[Any]) -> None:
        """Raise `Damaged` if a value of a column is infinite or not a number."""
        if len(values) and not np.isfinite([values.min(), values.max()]).all():
            raise self.damaged(self.folder / f"{name}.npy", "a value is not a finite number")

    @cached_property
    def transform(self) -> FittedTransform:
        """What maps raw dense values to the values of the column `dense`."""
        path = self.folder / TRANSFORM
        if not self.schema.dense:
            return FittedTransform((), ())
        try:
            return FittedTransform.from_text(path.read_text(), self.schema.dense)
        except (OSError, ValueError, TypeError, RecursionError) as error:
            raise self.damaged(path, str(error)) from error

    def n_entities(self, side: str) -> int:
        """Return the number of rows of a side's entity table, including row 0 for the unknown entity."""
        return len(self.array(f"{side}_ids"))

    def raw_values(self, name: str, column: str, length: int) -> NDArray[Any]:
        """Return a table of raw values, one for each id from 1 on; it must have `length` rows."""
        path = self.folder / f"{name}.parquet"
        try:
            values = pd.read_parquet(path)[column].to_numpy()
        except Exception as error:  # Arrow raises many kinds of errors for a broken file
            raise self.damaged(path, str(error)) from error
        if len(values) != length:
            raise self.damaged(path, f"found {len(values)} values, expected {length}")
        return values

    @cached_property
    def entities(self) -> dict[EntitySide, EntityFeatures]:
        """Side features of users and items, as far as the schema has them."""
        return {side: self._entities(side) for side in entity_sides(self.schema)}

    def _entities(self, side: EntitySide) -> EntityFeatures:
        names = {field.name: f"{side}_bag_{field.name}" for field in self.schema.of(side, bag=True)}
        bags = {field: (self.tensor(name), self.tensor(f"{name}_offsets")) for field, name in names.items()}
        features = EntityFeatures(self.tensor(f"{side}_ids"), bags)
        self._require_sound(side, features)
        return features

    def _require_sound(self, side: EntitySide, features: EntityFeatures) -> None:
        """Raise `Damaged` for an id outside its vocabulary, and for a bag outside its values."""
        fields = self.schema.of(side, bag=False)
        if features.ids.shape[1] != len(fields):
            raise self.damaged(
                self.folder / f"{side}_ids.npy", f"found {features.ids.shape[1]} columns, expected {len(fields)}"
            )
        columns = [(f"{side}_ids", field, ids) for field, ids in zip(fields, features.ids.unbind(1), strict=True)]
        for field in self.schema.of(side, bag=True):
            values, offsets = features.bags[field.name]
            name = f"{side}_bag_{field.name}"
            columns.append((name, field, values))
            is_whole = len(offsets) == len(features.ids) + 1 and offsets[0] == 0 and offsets[-1] == len(values)
            if not is_whole or (offsets.diff() < 0).any():
                raise self.damaged(self.folder / f"{name}_offsets.npy", "its bags do not follow each other")
        for name, field, ids in columns:
            if len(ids) and not 0 <= int(ids.min()) <= int(ids.max()) < field.vocabulary_size:
                raise self.damaged(
                    self.folder / f"{name}.npy", f"an id of {field.name} is not below {field.vocabulary_size}"
                )

    def damaged(self, path: Path, fault: str) -> Damaged:
        """Return the error for a damaged file or folder of this log."""
        said = (fault.splitlines() or ["no reason given"])[0].rpartition("': ")[2].rstrip(".")
        # NumPy advises to allow pickles if a file looks like one.
        said = "it is not an array of numbers" if "pickle" in said else said
        return Damaged(f"{path} is damaged ({said}); delete {self.folder} to have it rebuilt.")
