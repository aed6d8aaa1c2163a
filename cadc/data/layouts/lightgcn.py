"""LightGCN's files: a line for each user with the user's items, ids as numbers, and vectors in their order."""

from pathlib import Path
from typing import ClassVar

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from cadc.data.layouts.layout import Content, Layout, other_vectors, refuse_texts
from cadc.data.layouts.lines import joined, write_lines
from cadc.data.schema import ENTITY_FIELDS, EntitySide

FILES = {"train": "train.txt", "validation": "valid.txt", "test": "test.txt"}
READ = ("train", "test")
"""The parts that LightGCN's code reads."""
NOT_IN_LISTS = r"[\s\pZ\x00\x0b\x1c-\x1f\x{85}]|^\x{feff}"


class LightGCNFiles(Layout):
    """Files as LightGCN's code reads them (He et al. 2020).

    `train.txt`, `valid.txt` and `test.txt` have a line for each user with rows of the part: the user's number and those
    of the items, in the order of the rows. Users and items are numbered from 0 to n - 1; the largest number occurs in
    the training or test rows, by which that code counts them. `user_list.txt` and `item_list.txt` (`org_id`,
    `remap_id`) have all ids, `user_vectors.npy` and `item_vectors.npy` (float32) their vectors in the same order.
    """

    framework: ClassVar[str] = "LightGCN"
    has_labels: ClassVar[bool] = False

    def left_out(self, content: Content) -> list[str]:
        """Return times, fields, dense columns, and the vectors of fields that are not ids."""
        fields = [field.name for field in content.log.schema.fields if field.name not in ENTITY_FIELDS]
        times = ["times"] if content.log.has_column("time") else []
        return [
            *times,
            *(name for name in (*fields, *content.dense) if name not in content.without),
            *other_vectors(content),
        ]

    def write(self, content: Content, folder: Path) -> None:
        """Write the files, see `Layout.write`."""
        numbers = {}
        for side in content.sides:
            ids = content.ids[side]
            fault = f"holds a blank, which separates columns in {side}_list.txt; rename the {side}"
            refuse_texts(ids, NOT_IN_LISTS, f"{side} id", fault)
            order = self._order(content, side)
            numbers[side] = np.empty(len(order), np.int64)
            numbers[side][order] = np.arange(len(order))
            columns = [ids.take(pa.array(order)), pa.array(np.arange(len(order)))]
            write_lines(folder / f"{side}_list.txt", ["org_id", "remap_id"], [columns], " ")
            if side in content.vectors:
                vectors = content.vectors[side].numpy()[content.entity_ids(content.log.schema[side])]
                np.save(folder / f"{side}_vectors.npy", vectors[order])
        for part, name in FILES.items():
            rows = content.rows[part]
            user, item = (numbers[side][content.log.entity_rows(side, rows).numpy() - 1] for side in ENTITY_FIELDS)
            _write_part(folder / name, user, item)

    @staticmethod
    def _order(content: Content, side: EntitySide) -> NDArray[np.intp]:
        """Return the entities in the order of their numbers: those that are in no row that is read come first."""
        is_read = np.zeros(len(content.ids[side]), np.bool_)
        for part in READ:
            is_read[content.log.entity_rows(side, content.rows[part]).numpy() - 1] = True
        return np.argsort(is_read, kind="stable")


def _write_part(path: Path, user: NDArray[np.int64], item: NDArray[np.int64]) -> None:
    by_user = np.argsort(user, kind="stable")
    user = user[by_user]
    firsts = np.flatnonzero(np.diff(user, prepend=-1))
    items = joined(pa.array(item[by_user]), np.append(firsts, len(user)))
    write_lines(path, [], [[pa.array(user[firsts]), items]], " ")
