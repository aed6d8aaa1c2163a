"""Examples are shared out to workers in whole blocks, and come out of their files as they went in."""

import sys
from contextlib import contextmanager

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from cadc.errors import MachineTrouble, NotTogether, UsageError
from cadc.factorization.blocks import block_cuts
from cadc.factorization.early_stop import EarlyStop
from cadc.factorization.grouped import counts_of_both, grouped_by_both
from cadc.factorization.logistic import LogisticMF
from cadc.factorization.solvers.logistic_newton import fit_newton
from cadc.factorization.solvers.logistic_solution import Solution
from cadc.factorization.workers.here import ThisProcess
from cadc.factorization.workers.on_ray import Holder, RayWorkers
from cadc.factorization.workers.partitions import read_partition, share_out, write_partitions
from cadc.factorization.workers.workers import Blockwise, Workers
from cadc.provenance.fingerprint import describe
from tests.support.crowded import SIZES, many_examples


@given(st.lists(st.integers(0, 9000), min_size=1, max_size=60).filter(any), st.integers(1, 9))
@settings(deadline=None, max_examples=100)
def test_parts_are_whole_blocks_of_about_equal_work(counts, n_parts):
    counts = torch.tensor(counts)
    parts = share_out(counts, n_parts)
    assert 1 <= len(parts) <= n_parts
    values = torch.cat(parts)
    assert sorted(values.tolist()) == counts.nonzero()[:, 0].tolist()
    assert torch.equal(counts[values], counts[values].sort(descending=True).values)
    whole = list(block_cuts(counts[values]))
    ends = torch.tensor([len(part) for part in parts]).cumsum(0).tolist()
    assert set(ends) <= {end for _, end in whole}
    cells = [(end - start) * int(counts[values[start]]) for start, end in whole]
    starts = [0, *ends[:-1]]
    work = [
        sum(own for own, (start, _) in zip(cells, whole, strict=True) if begin <= start < end)
        for begin, end in zip(starts, ends, strict=True)
    ]
    assert max(work) <= sum(cells) / n_parts + max(cells)


def test_workers_read_their_blocks_from_their_files_alone(tmp_path):
    examples = many_examples()
    whole = grouped_by_both(examples, SIZES)
    parts = [share_out(own, 3) for own in counts_of_both(examples, SIZES)]
    assert [len(own) for own in parts] == [3, 3]
    paths, n_positive = write_partitions(examples, tmp_path, parts, SIZES)
    assert n_positive == int(examples.labels.sum())
    for side, own in enumerate(paths):
        read = [block for path in own for block in read_partition(path, SIZES[side], SIZES[1 - side]).blocks()]
        expected = list(whole[side].blocks())
        assert len(read) == len(expected) > 3
        for found, block in zip(read, expected, strict=True):
            assert all(torch.equal(a, b) for a, b in zip(found, block, strict=True))


class Held(Blockwise):
    """What `OnRay` does, with its holders in this process."""

    def __init__(self, counts, n_positive, side, holders, parts):
        super().__init__(counts)
        self.positives, self.side, self.holders, self.parts = n_positive, side, holders, parts

    @property
    def n_positive(self):
        return self.positives

    def map(self, step, own, shared):
        for holder, values in zip(self.holders, self.parts, strict=True):
            for ids, results in holder.step(self.side, step, own[values].numpy(), [table.numpy() for table in shared]):
                yield torch.from_numpy(ids), tuple(map(torch.from_numpy, results))


class InFiles(Workers):
    """Three workers in this process, each of which knows its files alone."""

    def __init__(self, folder):
        self.folder = folder

    @contextmanager
    def grouped(self, examples, sizes):
        counts = counts_of_both(examples, sizes)
        parts = [share_out(own, 3) for own in counts]
        paths, n_positive = write_partitions(examples, self.folder, parts, sizes)
        holders = [Holder(own, sizes) for own in zip(*paths, strict=True)]
        yield tuple(Held(counts[side], n_positive, side, holders, parts[side]) for side in (0, 1))


def test_a_fit_on_several_workers_has_the_bits_of_one_process(tmp_path):
    examples = many_examples()
    generator = torch.Generator().manual_seed(0)
    start = Solution.at([0.3 * torch.randn(size, 4, generator=generator) for size in SIZES])
    one, several = (
        fit_newton(examples, examples, start, "auto", "auto", True, 1.3, EarlyStop(4, 1), workers)
        for workers in (ThisProcess(), InFiles(tmp_path))
    )
    assert one.penalties == several.penalties
    assert one.global_bias == several.global_bias
    for own, other in zip([*one.vectors, *one.biases], [*several.vectors, *several.biases], strict=True):
        assert torch.equal(own, other)


def test_a_file_that_is_not_there_is_said_with_what_to_do(tmp_path):
    holder = Holder([tmp_path / "0-0.parquet", None], SIZES)
    with pytest.raises(
        MachineTrouble, match=r"0-0\.parquet cannot be read .*CADC_CACHE to a folder that all machines share"
    ):
        holder.step(0, None, torch.zeros(1, 4).numpy(), [])


def test_ray_that_is_not_installed_is_said_and_no_run_counts_as_failed(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with (
        pytest.raises(
            NotTogether, match=r"workers=2 needs Ray, which is not installed; run `pip install 'cadc\[ray\]'`"
        ),
        RayWorkers(2).grouped(many_examples(10), SIZES),
    ):
        pass


def test_a_fit_has_the_same_key_on_any_number_of_workers():
    assert describe(LogisticMF(workers=8)) == describe(LogisticMF())


def test_workers_are_refused_where_the_solver_has_no_blocks():
    with pytest.raises(UsageError, match=r"workers is 2, but factorization\.solver=adam works in one process"):
        LogisticMF(solver="adam", workers=2)
