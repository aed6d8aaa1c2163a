"""A walk through a log that is broken off goes on as if it had not been, in this epoch and all later ones."""

import io
import itertools

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from cadc.data import batches as module
from cadc.data.batches import BatchLoader
from tests.support.helpers import small_synthetic_log


class Numbers:
    """Stands for a log whose rows are their own numbers."""

    def gather(self, rows):
        return rows


def loader(n_rows, batch_size, shuffled, seed=7):
    generator = torch.Generator().manual_seed(seed) if shuffled else None
    return BatchLoader(Numbers(), torch.arange(100, 100 + n_rows), batch_size, generator)


def saved(state):
    """Return a state as a checkpoint gives it back."""
    buffer = io.BytesIO()
    torch.save(state, buffer)
    buffer.seek(0)
    return torch.load(buffer, weights_only=True)


def walk(loader):
    return [batch.tolist() for batch in loader]


@given(
    n_rows=st.integers(1, 40),
    batch_size=st.integers(1, 45),
    shuffled=st.booleans(),
    interruptions=st.lists(st.tuples(st.integers(0, 3), st.integers(0, 40), st.integers(0, 2)), max_size=4),
)
@settings(deadline=None, max_examples=200)
def test_what_follows_any_state_is_the_rest_of_an_undisturbed_walk(n_rows, batch_size, shuffled, interruptions):
    plain = loader(n_rows, batch_size, shuffled)
    n_epochs = 2 + sum(epochs + 1 for epochs, _, _ in interruptions)
    expected = [batch for _ in range(n_epochs) for batch in walk(plain)]
    found, current = [], loader(n_rows, batch_size, shuffled)
    for epochs, n_batches, n_saves_at_once in interruptions:
        for _ in range(epochs):
            found += walk(current)
        # The order matters: `zip` takes no batch that it does not hand out.
        for _, batch in zip(range(n_batches), current, strict=False):
            found.append(batch.tolist())
        state = current.state_dict()
        for number in range(n_saves_at_once + 1):
            current = loader(n_rows, batch_size, shuffled, seed=1000 + number)
            current.load_state_dict(saved(state))
            state = current.state_dict()
    while len(found) < len(expected):
        found += walk(current)
    assert found[: len(expected)] == expected


@given(position=st.integers(0, 4))
@settings(deadline=None, max_examples=5)
def test_batches_of_a_real_log_are_the_same_after_an_interruption(position):
    log = small_synthetic_log()
    rows = log.rows("train")[:500]
    undisturbed = list(BatchLoader(log, rows, 120, torch.Generator().manual_seed(1)))
    first = BatchLoader(log, rows, 120, torch.Generator().manual_seed(1))
    batches = iter(first)
    for _ in range(position):
        next(batches)
    second = BatchLoader(log, rows, 120, torch.Generator())
    second.load_state_dict(saved(first.state_dict()))
    rest = list(second)
    assert len(rest) == 5 - position
    for batch, expected in zip(rest, undisturbed[position:], strict=True):
        assert torch.equal(batch.ids, expected.ids)
        assert torch.equal(batch.label, expected.label)


@pytest.mark.parametrize("n_rows", [1, 32, 100, 250, 256])
def test_batches_are_what_each_would_be_gathered_alone_however_many_are_gathered_at_once(n_rows, monkeypatch):
    monkeypatch.setattr(module, "GATHERED_ROWS", 100)
    log = small_synthetic_log()
    rows = log.rows("train")[1000 : 1000 + n_rows]
    fold, weight = torch.arange(n_rows), torch.rand(n_rows)
    for batch, part in zip(
        BatchLoader(log, rows, 32, beside={"fold": fold, "weight": weight}), fold.split(32), strict=True
    ):
        alone = log.gather(rows[part])
        for name in ("ids", "dense", "label"):
            assert torch.equal(getattr(batch, name), getattr(alone, name))
        assert batch.bags.keys() == alone.bags.keys() != set()
        for name, bag in alone.bags.items():
            assert torch.equal(batch.bags[name].values, bag.values)
            assert torch.equal(batch.bags[name].offsets, bag.offsets)
        assert batch.fold.tolist() == part.tolist() and torch.equal(batch.weight, weight[part])
        assert batch.real is None


@given(
    groups=st.lists(st.integers(0, 6), min_size=1, max_size=40),
    batch_size=st.integers(1, 9),
    position=st.integers(0, 5),
)
@settings(deadline=None, max_examples=100)
def test_groups_are_shuffled_and_their_rows_stay_together(groups, batch_size, position):
    def grouped(seed):
        generator = torch.Generator().manual_seed(seed)
        return BatchLoader(Numbers(), torch.arange(len(groups)), batch_size, generator, groups=torch.tensor(groups))

    whole = grouped(7)
    rows = [row for batch in walk(whole) for row in batch]
    assert sorted(rows) == list(range(len(groups)))
    runs = [group for group, _ in itertools.groupby(groups[row] for row in rows)]
    assert len(runs) == len(set(runs))
    for group in runs:
        own = [row for row in rows if groups[row] == group]
        assert own == sorted(own)
    broken_off, other = grouped(7), grouped(1)
    handed_out = [batch.tolist() for _, batch in zip(range(position), broken_off, strict=False)]
    other.load_state_dict(saved(broken_off.state_dict()))
    rest = walk(other)
    if len(handed_out) == len(broken_off):  # all were handed out, so that this is the next epoch
        rest = []
    assert [row for batch in handed_out + rest for row in batch] == rows
