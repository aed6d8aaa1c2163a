"""Sampling by a hash of each row's number: what is drawn of the rows of a log is drawn of them in a longer one."""

import numpy as np

from cadc.data.prepare import prepare
from cadc.data.sources.table import Table
from cadc.data.split.hashed import HashedSplit
from cadc.randomness import hashed_uniform, numpy_generator
from cadc.sampling.hashed import HashedSampler


def written(path, n_rows):
    rows = [f"u{row % 7},i{row % 11},{row % 2}" for row in range(n_rows)]
    path.write_text("\n".join(["user,item,label", *rows]))
    return prepare(Table(str(path), user="user", item="item", label="label"), HashedSplit())


def numbers(log, split):
    return set(log.column("row", split).tolist())


def test_rows_that_are_added_change_neither_parts_nor_keys(tmp_path):
    short, long = written(tmp_path / "a.csv", 2000), written(tmp_path / "b.csv", 3000)
    for split in ("train", "validation", "test"):
        assert numbers(short, split) == {row for row in numbers(long, split) if row < 2000}
    seed = int(numpy_generator(0, "sample").integers(2**63))
    for log in (short, long):
        own = HashedSampler(0.1)(log, numpy_generator(0, "sample")).rows
        row = log.column("row", "train")
        keys = hashed_uniform(row, seed)
        assert set(own.tolist()) == set(np.argsort(keys)[: len(own)].tolist())
