"""RecBole's atomic files: interactions in three parts, features of users and items, and vectors."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from cadc.data.layouts.layout import Content, Layout, leave_out, other_vectors, refuse_texts
from cadc.data.layouts.lines import joined, write_lines
from cadc.data.schema import EntitySide

ID = {"user": "user_id", "item": "item_id"}
ALIAS = {"user": "uid", "item": "iid"}
PARTS = {"train": "train", "validation": "valid", "test": "test"}
RESERVED = ("user_id", "item_id", "label", "rating", "timestamp", "uid", "iid", "user_emb", "item_emb")
"""Names of columns that mean something to RecBole, or to these files."""
BLOCK_VECTORS = 1 << 14
"""Vectors that are written at once."""
NOT_IN_COLUMNS = r'[\x00\t\n\r]|^["\x{feff}]'
NOT_IN_SEQUENCES = r'[\s\pZ\x00\x0b\x1c-\x1f\x{85}]|^"'
MISSING_TO_PANDAS = r"^([-+]?(nan|NaN)|#N/A|#N/A N/A|#NA|-?1\.#(IND|QNAN)|<NA>|N/A|NA|NULL|None|n/a|null)$"


class RecBoleFiles(Layout):
    """A folder of RecBole's atomic files (Zhao et al. 2021), named after the folder itself.

    `NAME.train.inter`, `NAME.valid.inter` and `NAME.test.inter` have the columns `user_id`, `item_id`, `label`,
    `timestamp`, context fields and dense columns. `NAME.user` and `NAME.item` have fields and bags. `NAME.useremb`
    (`uid`, `user_emb`) and `NAME.itememb` (`iid`, `item_emb`) have vectors. `NAME.yaml` tells RecBole to read all this.
    """

    framework: ClassVar[str] = "RecBole"
    reserved: ClassVar[tuple[str, ...]] = RESERVED

    def left_out(self, content: Content) -> list[str]:
        """Return the vectors of fields that are not ids."""
        return other_vectors(content)

    def write(self, content: Content, folder: Path) -> None:
        """Write the files, see `Layout.write`."""
        self.require_names(content)
        for side, ids in content.ids.items():
            refuse_texts(ids, NOT_IN_COLUMNS, f"{side} id", f"{BREAKS}; rename the {side}")
            hint = f"is a missing value to pandas, by which RecBole reads files; rename the {side}"
            refuse_texts(ids, MISSING_TO_PANDAS, f"{side} id", hint)
        self._interactions(content, folder)
        loaded: dict[str, list[str]] = {}
        for side in content.sides:
            self._features(content, side, folder, loaded)
            self._vectors(content, side, folder, loaded)
        (folder / f"{content.name}.yaml").write_text(self._settings(content, loaded))

    def _interactions(self, content: Content, folder: Path) -> None:
        context = content.fields("context")
        for field in context:
            _refuse_in_columns(content.values(field), field.name)
        header = [f"{ID[side]}:token" for side in content.sides] + ["label:float"]
        header += ["timestamp:float"] if content.log.has_column("time") else []
        header += [f"{field.name}:token" for field in context] + [f"{name}:float" for name in content.dense]
        for part, suffix in PARTS.items():
            path = folder / f"{content.name}.{suffix}.inter"
            write_lines(path, header, self._columns(content, part), "\t")

    @staticmethod
    def _columns(content: Content, part: str) -> Iterator[list[pa.Array]]:
        for columns in content.columns(part):
            if "time" in columns:
                columns["time"] = seconds(columns["time"], content.log.ticks_per_second)
            yield list(columns.values())

    @staticmethod
    def _features(content: Content, side: EntitySide, folder: Path, loaded: dict[str, list[str]]) -> None:
        features = content.features(side)
        if not features:
            return
        header, columns = [f"{ID[side]}:token"], [content.ids[side]]
        for name, values in features.items():
            if pa.types.is_list(values.type):
                hint = f"has a blank or a quote, which part the values of a bag in RecBole's files; {leave_out(name)}"
                refuse_texts(values.values, NOT_IN_SEQUENCES, f"value of {name}", hint)
                values = joined(values.values, values.offsets.to_numpy())
                header.append(f"{name}:token_seq")
            else:
                _refuse_in_columns(values, name)
                header.append(f"{name}:token")
            columns.append(values)
        write_lines(folder / f"{content.name}.{side}", header, [columns], "\t")
        loaded[side] = [name.partition(":")[0] for name in header]

    @staticmethod
    def _vectors(content: Content, side: EntitySide, folder: Path, loaded: dict[str, list[str]]) -> None:
        if side not in content.vectors:
            return
        names = [ALIAS[side], f"{side}_emb"]
        header = [f"{names[0]}:token", f"{names[1]}:float_seq"]
        write_lines(folder / f"{content.name}.{side}emb", header, _vector_columns(content, side), "\t")
        loaded[f"{side}emb"] = names

    @staticmethod
    def _settings(content: Content, loaded: dict[str, list[str]]) -> str:
        inter = [ID[side] for side in content.sides] + ["label"]
        inter += ["timestamp"] if content.log.has_column("time") else []
        inter += [field.name for field in content.fields("context")] + content.dense
        suffixes = [source for source in loaded if source.endswith("emb")]
        lines = [
            "# recbole: set data_path to the folder above this one.",
            f"dataset: {json.dumps(content.name)}",
            f"benchmark_filename: [{', '.join(PARTS.values())}]",
            'field_separator: "\\t"',
            'seq_separator: " "',
            "LABEL_FIELD: label",
            "load_col:",
            *(f"  {source}: [{', '.join(names)}]" for source, names in {"inter": inter, **loaded}.items()),
        ]
        if suffixes:
            with_vectors = [side for side in content.sides if side in content.vectors]
            lines += [f"additional_feat_suffix: [{', '.join(suffixes)}]"]
            lines += [f"alias_of_{ID[side]}: [{ALIAS[side]}]" for side in with_vectors]
            lines += ["preload_weight:", *(f"  {ALIAS[side]}: {side}_emb" for side in with_vectors)]
        return "\n".join(lines) + "\n"


def _vector_columns(content: Content, side: EntitySide) -> Iterator[list[pa.Array]]:
    """Yield ids and vectors as texts in blocks, since the texts of all vectors may be too long for one column."""
    ids, vectors = content.entity_ids(content.log.schema[side]), content.vectors[side].numpy()
    dim = vectors.shape[1]
    for start in range(0, len(ids), BLOCK_VECTORS):
        own: NDArray[np.float32] = vectors[ids[start : start + BLOCK_VECTORS]]
        texts = joined(pa.array(own.ravel()), np.arange(len(own) + 1) * dim)
        yield [content.ids[side].slice(start, len(own)), texts]


BREAKS = "holds a tab, a line end or a NUL, or begins with a quote, which RecBole's files cannot hold"


def _refuse_in_columns(texts: pa.Array, name: str) -> None:
    refuse_texts(texts, NOT_IN_COLUMNS, f"value of {name}", f"{BREAKS}; {leave_out(name)}")


def seconds(times: pa.Array, ticks_per_second: int) -> pa.Array:
    """Return times in ticks (int64) as texts of seconds, exact to the tick, shape [n].

    >>> seconds(pa.array([1500, -2]), 1000).to_pylist()
    ['1.500', '-0.002']
    """
    if ticks_per_second == 1:
        return times.cast(pa.string())
    n_digits = len(str(ticks_per_second)) - 1
    whole = times.cast(pa.decimal128(19, 0))
    # The same digits with another scale.
    kind = pa.decimal128(38, n_digits)
    return pa.Array.from_buffers(kind, len(whole), whole.buffers(), offset=whole.offset).cast(pa.string())
