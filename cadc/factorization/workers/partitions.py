"""Examples in Parquet files by value of a field, so that a worker reads those of its own values and no others."""

from collections.abc import Sequence
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from torch import Tensor

from cadc.data.grouping import PART_ROWS
from cadc.factorization.blocks import block_cuts
from cadc.factorization.examples import ExampleParts
from cadc.factorization.grouped import GroupedExamples, most_frequent_first

SCHEMA = pa.schema([("value", pa.int32()), ("other", pa.int32()), ("label", pa.bool_())])
"""Id of the file's own field, id of the other field, and label of each example."""


def share_out(counts: Tensor, n_parts: int) -> list[Tensor]:
    """Return the values of each part, int64, so that parts have about equally many cells of blocks.

    A block is never divided: its numbers are then those of one process, bit for bit. So a value with more rows than
    all others is the work of one part, and a small log has fewer parts than were asked for.

    Parameters
    ----------
    counts : number of examples of each value, int64, shape [n_values].
    n_parts : most parts.

    Examples
    --------
    >>> [part.tolist() for part in share_out(torch.tensor([0, 40000, 2, 40000]), 2)]
    [[1], [3, 2]]
    """
    values = most_frequent_first(counts)
    lengths = counts[values]
    cuts = list(block_cuts(lengths))
    n_values = torch.tensor([end - start for start, end in cuts])
    cells = n_values * lengths[[start for start, _ in cuts]]
    part_of = (cells.cumsum(0) - (cells + 1) // 2) * n_parts // cells.sum()
    sizes = torch.zeros(n_parts, dtype=torch.int64).index_add_(0, part_of, n_values)
    return list(values.split(sizes[sizes > 0].tolist()))


def write_partitions(
    examples: ExampleParts, folder: Path, parts: Sequence[Sequence[Tensor]], sizes: Sequence[int]
) -> tuple[list[list[Path]], int]:
    """Write examples into a file for each part of the first field's values, and of the second one's.

    Parameters
    ----------
    examples : read once, part by part, each of which becomes a row group.
    folder : where the files are put.
    parts : values of each part, for both fields.
    sizes : number of values of both fields.

    Returns
    -------
    paths : the files, for both fields, in the order of `parts`.
    n_positive : number of examples with label 1.
    """
    paths = [[folder / f"{side}-{number}.parquet" for number in range(len(own))] for side, own in enumerate(parts)]
    part_of = [torch.zeros(size, dtype=torch.int64) for size in sizes]
    for table, own in zip(part_of, parts, strict=True):
        for number, values in enumerate(own):
            table[values] = number
    n_positive = 0
    with ExitStack() as opened:
        writers = [[opened.enter_context(pq.ParquetWriter(path, SCHEMA)) for path in own] for own in paths]
        for part in examples.parts():
            is_positive = part.labels > 0
            n_positive += int(is_positive.sum())
            for side, own in enumerate(writers):
                numbers = part_of[side][part.ids[side].long()]
                order = torch.argsort(numbers, stable=True)
                columns = [part.ids[side].int(), part.ids[1 - side].int(), is_positive]
                rows = pa.table([column[order].numpy() for column in columns], schema=SCHEMA)
                ends = np.cumsum([0, *torch.bincount(numbers, minlength=len(own)).tolist()])
                for writer, (begin, end) in zip(own, pairwise(ends), strict=True):
                    if end > begin:
                        writer.write_table(rows.slice(begin, end - begin))
    return paths, n_positive


def read_partition(path: Path, n_values: int, n_others: int) -> GroupedExamples:
    """Return the examples of a file that `write_partitions` wrote, grouped by value.

    Parameters
    ----------
    path : the file.
    n_values, n_others : number of values of its own field, and of the other one.
    """
    counts = torch.zeros(n_values, dtype=torch.int64)
    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches(PART_ROWS, columns=["value"]):
            counts += torch.bincount(torch.tensor(batch["value"].to_numpy()), minlength=n_values)
        grouped = GroupedExamples(counts, n_others)
        for batch in file.iter_batches(PART_ROWS):
            # Arrow's memory may only be read, which torch warns of unless it copies.
            columns = (torch.tensor(batch[name].to_numpy(zero_copy_only=False)) for name in SCHEMA.names)
            grouped.add(*columns)
    return grouped
