"""The layout of LightGCN's code: a line for each user, with the user's items behind it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from cadc.data.columns import read_columns
from cadc.data.files.formats import Format
from cadc.data.files.token_lines import TokenLines, read_token_lines
from cadc.data.raw import Chunk, EntityTable, RawLog
from cadc.data.schema import ENTITY_FIELDS, EntitySide, Field, Schema, Side
from cadc.data.sources.entities_from_rows import EntitiesFromRows
from cadc.data.sources.layouts.part_files import PartFiles, part_column
from cadc.data.text import positions, whole_numbers
from cadc.errors import DataError

NUMBER = "whole numbers: a user, then the user's items"


class LightGCN(PartFiles):
    """Positive interactions in the layout of LightGCN's and NGCF's code (He et al. 2020, Wang et al. 2019).

    Each line of `train.txt` and `test.txt` holds a user and the user's items as whole numbers, separated by blanks.
    Every pair is a row with the label 1. A line may have no items; lines of a user in one file add up.

    Parameters
    ----------
    path : folder of the files; validation rows may stand in `valid.txt`.
    name, train, validation, test : see `PartFiles`.
    original_ids : whether `user_list.txt` and `item_list.txt` (columns `org_id` and `remap_id`) turn the numbers into
        the ids that they stand for.
    """

    option: ClassVar[str] = "lightgcn"
    patterns: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "train": ("train.txt",),
        "validation": ("valid.txt", "val.txt", "validation.txt"),
        "test": ("test.txt",),
    }

    def __init__(
        self,
        path: str | None = None,
        name: str = "lightgcn",
        train: str | None = None,
        validation: str | None = None,
        test: str | None = None,
        original_ids: bool = False,
    ) -> None:
        super().__init__(path, name, train, validation, test)
        self.original_ids = original_ids

    def files_beside(self) -> list[Path]:
        """Return the lists of ids, if they are read."""
        folder = next(iter(self.files().values())).parent
        return [folder / f"{side}_list.txt" for side in ENTITY_FIELDS] if self.original_ids else []

    def read(self) -> RawLog:
        """Return the log, whose rows are read on demand."""
        files = self.files()
        lists = dict(zip(ENTITY_FIELDS, self.files_beside(), strict=False))
        names = {side: _IdList(path) for side, path in lists.items()}
        entities: dict[Side, EntityTable] = {side: EntityTable(np.empty(0, np.int64)) for side in ENTITY_FIELDS}
        remarks: list[str] = []
        schema = Schema(tuple(Field(side, side) for side in ENTITY_FIELDS))
        return RawLog(schema, entities, self._chunks(files, names, entities, remarks), remarks=remarks)

    @staticmethod
    def _chunks(
        files: Mapping[str, Path],
        names: Mapping[EntitySide, "_IdList"],
        entities: dict[Side, EntityTable],
        remarks: list[str],
    ) -> Iterator[Chunk]:
        sides = {side: EntitiesFromRows(side) for side in ENTITY_FIELDS}
        for part, path in files.items():
            found = _Found()
            for lines in read_token_lines(path):
                user, item = found.pairs_of(lines)
                if not len(item):
                    continue
                ids = {"user": user, "item": item}
                rows = {
                    side: own.positions(names[side].original(ids[side], path) if names else ids[side])
                    for side, own in sides.items()
                }
                found.pairs.append(rows["user"].astype(np.int64) << 32 | rows["item"])
                yield Chunk(
                    label=np.ones(len(item), np.float32),
                    entities={side: rows[side] for side in ENTITY_FIELDS},
                    part=part_column(part, len(item)),
                )
            if not found.pairs:
                raise DataError(f"{path} holds no rows; expected lines of {NUMBER}.")
            remarks += found.remarks(path.name)
        for side, own in sides.items():
            entities[side] = own.table()


@dataclass
class _Found:
    """What the lines of a file hold beside rows."""

    n_blank: int = 0
    n_trailing: int = 0
    users: list[NDArray[np.int64]] = field(default_factory=list)
    n_empty: int = 0
    pairs: list[NDArray[np.int64]] = field(default_factory=list)

    def pairs_of(self, lines: TokenLines) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the user and the item of each pair, int64, shape [m] each."""
        numbers = lines.whole_numbers(NUMBER, lines.starts, lines.ends)
        is_item = np.ones(len(numbers), np.bool_)
        is_item[lines.firsts] = False
        users = numbers[lines.firsts]
        self.users.append(users)
        self.n_blank += lines.n_blank
        self.n_trailing += lines.n_trailing
        self.n_empty += int(np.count_nonzero(lines.counts == 1))
        return np.repeat(users, lines.counts - 1), numbers[is_item]

    def remarks(self, name: str) -> Iterator[str]:
        users, pairs = np.concatenate(self.users), np.concatenate(self.pairs)
        for n_found, what in (
            (self.n_blank, "blank lines, which do not count"),
            (self.n_trailing, "lines that end in blanks, which do not count"),
            (self.n_empty, "users without items, who give no row"),
            (len(users) - len(np.unique(users)), "further lines of a user, which add up"),
            (len(pairs) - len(np.unique(pairs)), "rows that repeat a user and item of an earlier row, which are kept"),
        ):
            if n_found:
                yield f"{name} has {what}: {n_found:,}"


class _IdList:
    """A list of original ids and the numbers that stand for them."""

    def __init__(self, path: Path) -> None:
        self.path = path
        columns: dict[str, list[str]] = {"org_id": [], "remap_id": []}
        for block in read_columns(path, list(columns), quoting="none", file_format=Format(" ")):
            for name, values in columns.items():
                values += block.texts(name, required=True).to_pylist()
        self._ids = np.array(columns["org_id"], object)
        if len(self._ids) == 0:
            raise DataError(f"{path} holds no ids; expected lines of org_id and remap_id.")
        if len(set(columns["org_id"])) < len(self._ids):
            raise DataError(f"{path} has a duplicated org_id; expected one line for each id.")
        self._numbers = whole_numbers(columns["remap_id"], path, "remap_id")

    def original(self, numbers: NDArray[np.int64], path: Path) -> NDArray[Any]:
        """Return the ids of numbers in a file."""
        return self._ids[positions(numbers, self._numbers, "remap_id", path, self.path)]
