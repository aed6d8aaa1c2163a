"""Held-out rows that are copies of training rows, so that metrics reward what a model remembers."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cadc.data.disk_columns import RAW_RATING, DiskColumns
from cadc.data.split.split import SPLITS
from cadc.randomness import mixed

SAMPLE_ROWS = 1 << 20
"""Rows that are compared; of more, about so many are, chosen by their content: equal rows are all chosen, or none."""
BLOCK_ROWS = 1 << 18
LEAST_SHARE = 0.01
"""Share of copies among held-out rows below which nothing is said."""
LEAST_COPIES = 5
MOST_TIMES = 10
NOT_INPUTS = ("label", "oracle", "time", "part", RAW_RATING)


@dataclass(frozen=True)
class Copies:
    """Equal rows of a log's parts, counted among the rows that were compared.

    Parameters
    ----------
    counts : rows with each of K inputs that repeat in each of `SPLITS` that have the label 0 and 1, shape [K, 3, 2].
    n_rows : rows of each of `SPLITS` that were compared, those with other inputs included, shape [3].
    is_sample : whether only some rows were compared.
    """

    counts: NDArray[np.int64]
    n_rows: NDArray[np.int64]
    is_sample: bool

    def n_copies(self, part: int) -> int:
        """Number of rows of a part with the inputs and the label of a training row."""
        return int(self.counts[:, part][self.counts[:, 0] > 0].sum())

    def n_conflicts(self, part: int) -> int:
        """Number of rows of a part with the inputs, but not the label, of a training row."""
        return int(self.counts[:, part][self.counts[:, 0, ::-1] > 0].sum())

    def expected_conflicts(self, part: int) -> float:
        """Least number of conflicts to expect if equal inputs had independent labels of their common frequency."""
        matched = self.counts[:, part][(self.counts[:, 0] > 0).any(1)].sum(0)
        n = int(matched.sum())
        return 2.0 * int(matched[0]) * int(matched[1]) / n if n else 0.0

    def is_taken_whole(self, part: int) -> bool:
        """Whether nearly all rows of a part are copies although few training rows are copies of another one."""
        in_training = self.counts[:, 0]
        n_repeated = int(in_training[in_training > 1].sum())
        return self.n_copies(part) >= 0.9 * self.n_rows[part] and n_repeated <= 0.5 * self.n_rows[0]

    @property
    def times(self) -> int:
        """How often nearly every row occurs: the largest number that divides the counts of nine tenths of them."""
        counts = self.counts.sum(1).ravel()
        counts = counts[counts > 0]
        n_counts = len(counts) + int(self.n_rows.sum() - self.counts.sum())
        fitting = [
            n for n in range(2, MOST_TIMES + 1) if n_counts >= 20 and int((counts % n == 0).sum()) >= 0.9 * n_counts
        ]
        return max(fitting, default=1)


def copies_remark(columns: DiskColumns, order: NDArray[np.integer[Any]], sizes: Sequence[int]) -> str:
    """Return a sentence about held-out rows that are copies of training rows, or an empty text.

    Copies are equal in all that the log reads; or in all but the time, which no model reads. Rows that merely repeat,
    such as clicks with few columns, are no reason for a sentence: their labels differ now and then. So it is said only

    - if nearly every row of the log occurs several times;
    - if nearly every row of a part is a copy, and at most half of the training rows repeat, as in files that overlap;
    - or if labels differ for less than a tenth of the rows with equal inputs that chance would make differ. Where too
      few could differ, as where all labels are 1, rows must be equal in user, item and time for it.

    Parameters
    ----------
    columns : raw columns.
    order : numbers of the raw rows: training rows, then validation, then test, shape [n_rows].
    sizes : number of rows of each of `SPLITS`.
    """
    inputs = [name for name in sorted(columns.shapes) if name not in NOT_INPUTS]
    if "time" not in columns:
        return _sentence(count_copies(columns, inputs, order, sizes), inputs)
    untimed = count_copies(columns, inputs, order, sizes)
    if not len(untimed.counts) and not untimed.is_sample:
        return ""  # nor is any row equal to another in the time, too
    timed = [*inputs, "time"]
    is_certain = "user" in columns and "item" in columns
    found = _sentence(count_copies(columns, timed, order, sizes), timed, is_certain=is_certain)
    return found or _sentence(untimed, inputs, may_occur_often=True)


def _sentence(copies: Copies, inputs: Sequence[str], *, is_certain: bool = False, may_occur_often: bool = False) -> str:
    """Return the sentence, if there is reason for one.

    Parameters
    ----------
    copies : of rows that are equal in `inputs`.
    is_certain : whether equal rows are copies even where no label can differ.
    may_occur_often : whether it is no reason that nearly every row occurs several times.
    """
    times = 1 if may_occur_often else copies.times
    said = []
    for part in (2, 1):
        n_copies, n_rows, expected = copies.n_copies(part), int(copies.n_rows[part]), copies.expected_conflicts(part)
        is_evident = copies.n_conflicts(part) <= 0.1 * expected and (is_certain or expected >= LEAST_COPIES)
        is_evident |= copies.is_taken_whole(part)
        if n_copies >= max(LEAST_COPIES, LEAST_SHARE * n_rows) and (is_evident or times > 1):
            share = f"{100 * n_copies / n_rows:.1f} %"
            count = f"about {share} of the" if copies.is_sample else f"{n_copies:,} of {n_rows:,}"
            said.append(f"{count} {SPLITS[part]} rows" + ("" if copies.is_sample else f" ({share})"))
    if not said:
        return ""
    often = f"; nearly every row occurs {times} times" if times > 1 else ""
    return (
        f"{' and '.join(said)} are exact copies of training rows, equal in {_listed(inputs)}{often}: metrics "
        "reward remembering them; unless they are meant to repeat, remove repeated rows from the data and train again"
    )


def _listed(inputs: Sequence[str]) -> str:
    """Return in words what copies are equal in."""
    names = [name for name in ("user", "item") if name in inputs]
    names += ["context"] if {*inputs} - {"user", "item", "time", "dense"} else []
    names += [shown_as for name, shown_as in (("dense", "dense values"), ("time", "time")) if name in inputs]
    return f"{', '.join(names)} and label"


def count_copies(
    columns: DiskColumns, inputs: Sequence[str], order: NDArray[np.integer[Any]], sizes: Sequence[int]
) -> Copies:
    """Count rows that are equal in the columns `inputs`, in blocks; see `Copies`."""
    keep = min(1.0, SAMPLE_ROWS / len(order))
    kept_hashes, kept_cells = [], []
    for part, rows in _blocks(order, sizes):
        hashes = row_hashes(columns, inputs, rows)
        cells = (2 * part + (columns["label"][rows] > 0)).astype(np.uint8)
        if keep < 1:
            kept = hashes < np.uint64(int(keep * 2**64))
            hashes, cells = hashes[kept], cells[kept]
        kept_hashes.append(hashes)
        kept_cells.append(cells)
    # About `SAMPLE_ROWS` at most, however long the log is.
    hashes, cells = np.concatenate(kept_hashes), np.concatenate(kept_cells)
    n_rows = np.bincount(cells // 2, minlength=len(SPLITS))
    ordered = np.sort(hashes)
    repeated = np.unique(ordered[1:][ordered[1:] == ordered[:-1]])
    n_cells = 2 * len(SPLITS)
    if not len(repeated):
        return Copies(np.zeros((0, len(SPLITS), 2), np.int64), n_rows, keep < 1)
    place = np.minimum(repeated.searchsorted(hashes), len(repeated) - 1)
    is_repeated = repeated[place] == hashes
    of_cells = place[is_repeated] * n_cells + cells[is_repeated]
    counts = np.bincount(of_cells, minlength=n_cells * len(repeated))
    return Copies(counts.reshape(-1, len(SPLITS), 2), n_rows, keep < 1)


def _blocks(order: NDArray[np.integer[Any]], sizes: Sequence[int]) -> Iterator[tuple[int, NDArray[Any]]]:
    first = 0
    for part, size in enumerate(sizes):
        for at in range(first, first + size, BLOCK_ROWS):
            yield part, order[at : min(at + BLOCK_ROWS, first + size)]
        first += size


def row_hashes(columns: DiskColumns, inputs: Sequence[str], rows: NDArray[Any]) -> NDArray[np.uint64]:
    """Return a hash of some columns of some raw rows (shape [B]), uint64, shape [B]."""
    hashes = np.zeros(len(rows), np.uint64)
    for name in inputs:
        values = columns[name][rows].reshape(len(rows), -1)
        for own in values.T:
            # Zero is added so that -0.0 and 0.0 are equal.
            bits = (own.astype(np.float64) + 0.0).view(np.uint64) if own.dtype.kind == "f" else own.astype(np.uint64)
            hashes = mixed(hashes + np.uint64(0x9E3779B97F4A7C15) ^ bits)
    return hashes
