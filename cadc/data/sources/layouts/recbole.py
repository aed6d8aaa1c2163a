"""The layout of RecBole: a file of interactions and files of features of users and items."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from cadc.data.column_block import Block
from cadc.data.labels.ratings import rated
from cadc.data.raw import Chunk, EntityTable, RawLog
from cadc.data.schema import ENTITY_FIELDS, EntitySide, Field, Schema, Side
from cadc.data.sources.layouts.atomic_files import AtomicEntities, AtomicFile
from cadc.data.sources.layouts.part_files import PartFiles, part_column
from cadc.data.times import TimeColumn
from cadc.errors import DataError, UsageError, require_at_least

USUAL = {"label": "label", "rating": "rating", "time": "timestamp"}
"""Columns that RecBole names so unless told otherwise; a file may lack them."""


class RecBole(PartFiles):
    """A data set in RecBole's atomic files (Zhao et al. 2021).

    `NAME.inter` holds the interactions; `NAME.user` and `NAME.item`, if they are beside it, hold features, which are
    joined by id. Interactions may be cut into parts already: `NAME.part1.inter` to `part3`, or `NAME.train.inter`,
    `valid` and `test`. Where there are such parts, `NAME.inter` is not read. Columns of type token become fields,
    token_seq of users and items become bags, and float become dense columns; other sequences are left out.

    Parameters
    ----------
    path : the folder, such as `dataset/ml-100k`, or an `.inter` file.
    name, train, validation, test : see `PartFiles`.
    user, item : columns of ids.
    label : column of 0 and 1.
    rating, threshold : with a threshold, a rating from there on is a positive label and the column `label` is not read.
        If the files have neither label nor rating, all rows are positive.
    time : column of seconds; None, or the usual name where the file has none, leaves rows without times.
    leave_out : names of columns that are not read.
    min_count : a value of a context field with fewer training rows counts as unknown.
    """

    extra_columns: ClassVar[tuple[str, ...]] = ("rating",)
    option: ClassVar[str] = "recbole"
    patterns: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "train": ("*.train.inter", "*.part1.inter"),
        "validation": ("*.valid.inter", "*.validation.inter", "*.part2.inter"),
        "test": ("*.test.inter", "*.part3.inter"),
        "": ("*.inter",),
    }

    def __init__(
        self,
        path: str | None = None,
        name: str = "recbole",
        train: str | None = None,
        validation: str | None = None,
        test: str | None = None,
        user: str = "user_id",
        item: str = "item_id",
        label: str | None = "label",
        rating: str | None = "rating",
        threshold: float | None = None,
        time: str | None = "timestamp",
        leave_out: Sequence[str] = (),
        min_count: int = 1,
    ) -> None:
        super().__init__(path, name, train, validation, test)
        self.user, self.item, self.label, self.rating, self.time = user, item, label, rating, time
        self.threshold, self.leave_out, self.min_count = threshold, leave_out, min_count
        require_at_least(1, "data", min_count=min_count)
        if threshold is not None and rating is None:
            raise UsageError("data.threshold is set and data.rating is not; name the column of ratings.")

    def own_names(self) -> dict[str, str]:
        """Return the names of the columns of ids and times."""
        return {"user": self.user, "item": self.item} | ({"time": self.time} if self.time else {})

    def _features(self) -> dict[EntitySide, Path | None]:
        """Return the file of features of users and of items, where there is one."""
        inter = next(iter(self.files().values()))
        # NAME of NAME.inter and of NAME.part1.inter.
        names = [inter.stem, Path(inter.stem).stem]
        return {
            side: next((file for name in names if (file := inter.with_name(f"{name}.{side}")).exists()), None)
            for side in ENTITY_FIELDS
        }

    def files_beside(self) -> list[Path]:
        """Return the files of features."""
        return [file for file in self._features().values() if file]

    def read(self) -> RawLog:
        """Check the options against the columns of the files, and return the log, whose rows are read on demand."""
        files = {part: AtomicFile(path) for part, path in self.files().items()}
        first = next(iter(files.values()))
        for file in files.values():
            if file.types != first.types:
                raise DataError(
                    f"{file.path} has the columns {_columns(file)}, and {first.path.name} has {_columns(first)}; all "
                    "parts must have the same."
                )
        first.require(self.user, "token", "user")
        first.require(self.item, "token", "item")
        columns = self._given(first)
        taken = {self.user, self.item, *columns.values(), *USUAL.values(), *self.leave_out}
        context, dense = (first.of_type(kind, taken) for kind in ("token", "float"))
        first.require_names([*context, *dense])
        sides = {
            side: AtomicEntities(side, name, path, self.leave_out)
            for (side, path), name in zip(self._features().items(), (self.user, self.item), strict=True)
        }
        fields = [field for side in sides.values() for field in side.schema_fields()]
        schema = Schema(
            (*fields, *(Field(name, "context") for name in context)),
            (*dense, *(name for side in sides.values() for name in side.dense)),
        )
        entities: dict[Side, EntityTable] = {side: EntityTable(np.empty(0, object)) for side in sides}
        remarks = list(self._remarks(first, columns, sides, taken))
        chunks = self._chunks(files, columns, context, dense, sides, entities)
        return RawLog(schema, entities, chunks, self.min_count, remarks)

    def _given(self, file: AtomicFile) -> dict[str, str]:
        """Return the columns of label or rating, and of time, that the file has and the options ask for."""
        asked = {"rating": self.rating} if self.threshold is not None else {"label": self.label}
        found = {}
        for key, name in (asked | {"time": self.time}).items():
            # Only what has its usual name may be missing.
            is_needed = name != USUAL[key] or key == "rating"
            if name is not None and (is_needed or name in file.types):
                file.require(name, file.types.get(name, "float") if key == "label" else "float", key)
                found[key] = name
        if self.threshold is None and "label" not in found and self.rating in file.types:
            raise UsageError(
                f"{file.path} has ratings and no labels; set data.threshold to the lowest {self.rating} that is a "
                "positive label, or data.rating=null if all rows are positive."
            )
        return found

    def _remarks(
        self,
        file: AtomicFile,
        columns: Mapping[str, str],
        sides: Mapping[EntitySide, AtomicEntities],
        taken: set[str],
    ) -> Iterator[str]:
        if not {"label", "rating"} & {*columns}:
            yield f"{file.path.name} has neither labels nor ratings that count, so all rows are positive"
        left_out = [*file.of_type("token_seq", taken), *file.of_type("float_seq", taken)]
        left_out += [name for side in sides.values() for name in side.sequences_of_numbers]
        if left_out:
            yield f"the columns {', '.join(left_out)} hold sequences, which a row cannot have here; they are not read"

    def _chunks(
        self,
        files: Mapping[str, AtomicFile],
        columns: Mapping[str, str],
        context: Sequence[str],
        dense: Sequence[str],
        sides: Mapping[EntitySide, AtomicEntities],
        entities: dict[Side, EntityTable],
    ) -> Iterator[Chunk]:
        for own in sides.values():
            own.read()
        times = TimeColumn(columns["time"]) if "time" in columns else None
        for part, file in files.items():
            n_rows = 0
            for block in file.blocks([self.user, self.item, *columns.values(), *context, *dense]):
                n_rows += block.n_rows
                time, ticks_per_second = times.read(block) if times else (None, 1)
                rows: dict[Side, NDArray[np.int32]] = {side: own.positions(block) for side, own in sides.items()}
                numbers = [block.numbers(name, np.float64)[:, None] for name in dense]
                numbers += [own.dense_of(block, rows[side]) for side, own in sides.items()]
                all_numbers = np.concatenate(numbers, 1)
                label, rating = self._labels(block, columns)
                yield Chunk(
                    label=label,
                    rating=rating,
                    entities=rows,
                    context={name: block.texts(name) for name in context},
                    dense=all_numbers if all_numbers.shape[1] else None,
                    time=time,
                    ticks_per_second=ticks_per_second,
                    part=part_column(part, block.n_rows),
                )
            if not n_rows:
                raise DataError(f"{file.path} holds no rows behind its first line; expected interactions.")
        for side, own in sides.items():
            entities[side] = own.table()

    def _labels(
        self, block: Block, columns: Mapping[str, str]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32] | None]:
        """Return labels, and the ratings that they are made of."""
        if "label" in columns:
            return block.labels(columns["label"]), None
        if "rating" in columns:
            assert self.threshold is not None
            return rated(block, columns["rating"], self.threshold)
        return np.ones(block.n_rows, np.float32), None


def _columns(file: AtomicFile) -> str:
    return ", ".join(f"{name}:{kind}" for name, kind in file.types.items())
