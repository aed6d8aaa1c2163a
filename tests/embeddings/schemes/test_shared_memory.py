"""The look-up that ROBE and LMA share, against plain indexing of a dense memory."""

import pytest
import torch

from cadc.data.schema import Field
from cadc.embeddings.schemes.shared_memory import SharedMemoryTable, distinct

FIELDS = (Field("user", "user", 40), Field("item", "item", 30))
DIM, SLOTS = 5, 23


class Listed(SharedMemoryTable):
    """Slots from a list, which no real scheme would keep."""

    def __init__(self, is_signed=False):
        super().__init__(FIELDS, DIM, SLOTS)
        self.is_signed = is_signed
        self.list = torch.randint(SLOTS * (1 + is_signed), (self.n_rows, DIM), generator=seeded(1))

    def slots_of(self, rows):
        return self.list[rows]

    def dense(self):
        """The matrix that maps the memory to all numbers of all vectors."""
        slots = self.list.flatten()
        found = torch.zeros(len(slots), SLOTS, dtype=torch.float64)
        found[torch.arange(len(slots)), slots % SLOTS] = torch.where(slots < SLOTS, 1.0, -1.0).double()
        return found


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def table(is_signed):
    found = Listed(is_signed)
    found.reset(1.0, seeded())
    return found


@pytest.mark.parametrize("is_signed", [False, True])
def test_vectors_are_signed_numbers_of_the_memory(is_signed):
    own = table(is_signed)
    rows = torch.randint(own.n_rows, (300,), generator=seeded(2))
    expected = (own.dense() @ own.memory.double()).view(-1, DIM)[rows].float()
    assert torch.equal(own.vectors(rows), expected)
    assert torch.equal(own.eval().reconstruct()[rows], expected)
    assert own.vectors(rows[:0]).shape == (0, DIM)


@pytest.mark.parametrize("is_signed", [False, True])
@pytest.mark.parametrize("rows", [[3], [7, 7, 7], [0, 69, 3, 0, 3, 0, 12], []])
def test_gradient_of_the_memory(is_signed, rows):
    own = table(is_signed).double()
    rows = torch.tensor(rows, dtype=torch.int64)
    memory = own.memory.detach().clone().requires_grad_()
    del own.memory

    def look_up(memory):
        own.memory = memory
        return own.vectors(rows)

    assert torch.autograd.gradcheck(look_up, (memory,))


@pytest.mark.parametrize("n_rows", [50, 10**6])
def test_distinct_rows_and_their_places(n_rows):
    rows = torch.randint(n_rows, (400,), generator=seeded()) // 7 * 7
    own, place = distinct(rows, n_rows)
    assert own.tolist() == sorted(set(rows.tolist()))
    assert torch.equal(own[place], rows)


@pytest.mark.parametrize("is_signed", [False, True])
def test_projection_is_the_weighted_least_squares_solution(is_signed):
    own = table(is_signed)
    target = torch.randn(own.n_rows, DIM, generator=seeded(3))
    weight = torch.rand(own.n_rows, generator=seeded(4))
    weight[::5] = 0
    root = weight.double().sqrt().repeat_interleave(DIM)
    expected = torch.linalg.lstsq(root.unsqueeze(1) * own.dense(), root * target.double().flatten()).solution
    own.project(target, weight)
    assert torch.allclose(own.memory.double(), expected, atol=1e-6)


def test_slots_that_no_row_of_positive_weight_has_stay_as_they_were():
    own = table(False)
    before = own.memory.detach().clone()
    weight = torch.zeros(own.n_rows)
    weight[4] = 2.0
    own.project(torch.ones(own.n_rows, DIM), weight)
    used = torch.zeros(SLOTS, dtype=torch.bool)
    used[own.list[4]] = True
    assert torch.equal(own.memory[~used], before[~used])
    assert torch.equal(own.memory[used], torch.ones(int(used.sum())))


def test_random_start_has_the_standard_deviation_that_is_asked_for():
    own = table(False)
    own.memory = torch.nn.Parameter(torch.zeros(100_000))
    own.reset(0.3, seeded())
    assert float(own.memory.detach().std()) == pytest.approx(0.3, rel=0.01)
