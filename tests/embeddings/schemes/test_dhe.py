"""Deep hash embedding: hashes of an id, a network as wide as the budget allows, and its projection."""

import numpy as np
import pytest
import torch

from cadc.data.schema import Field
from cadc.embeddings.base.scheme import TableSpec
from cadc.embeddings.base.table_file import file_bytes
from cadc.embeddings.coding.hashes import PRIME, multipliers, uniform
from cadc.embeddings.schemes.dhe import DeepHash, DeepHashTable
from cadc.errors import UsageError

FIELDS = (Field("user", "user", 400), Field("item", "item", 300))


def table(budget=4000, centred=False, **options):
    return DeepHash(dim=8, small=0, **options).table(TableSpec(FIELDS, budget, centred))


def target(seed=3):
    """Vectors with structure, so that something can be learned of them, and weights."""
    generator = torch.Generator().manual_seed(seed)
    values = torch.randn(700, 2, generator=generator) @ torch.randn(2, 8, generator=generator)
    return values, torch.randint(1, 50, (700,), generator=generator).float()


def test_hashes_are_those_of_whole_numbers_without_overflow():
    a, b = multipliers(5, 6)
    rows = torch.tensor([0, 1, 699, PRIME - 1])
    found = uniform(rows, a, b)
    expected = [[(int(row) * int(x) + int(y)) % PRIME for x, y in zip(a, b, strict=True)] for row in rows]
    assert np.allclose(found.numpy(), np.array(expected) * 2 / PRIME - 1, atol=1e-6)
    assert int(a.min()) > 0 and int(a.max()) < PRIME and int(b.min()) >= 0 and int(b.max()) < PRIME


def test_hashes_are_spread_evenly_and_do_not_follow_each_other():
    found = uniform(torch.arange(5000), *multipliers(0, 8)).double()
    for column in found.T:
        assert np.histogram(column, bins=10, range=(-1, 1))[0].min() > 350
    correlation = np.corrcoef(found.T.numpy()) - np.eye(8)
    assert np.abs(correlation).max() < 0.1


def test_a_vector_is_the_network_of_the_ids_hashes():
    made = table(depth=2, activation="relu", hashes=5)
    made.reset(0.1, torch.Generator().manual_seed(0))
    a, b = multipliers(made.seed, 5)
    rows = [3, 699, 3, 0]
    for row, found in zip(rows, made.vectors(torch.tensor(rows)), strict=True):
        x = np.array([(row * int(x) + int(y)) % PRIME for x, y in zip(a, b, strict=True)]) * 2 / PRIME - 1
        *layers, (last, constant) = [
            (w[0].detach().numpy(), c[0, 0].detach().numpy()) for w, c in made.network.layers()
        ]
        for matrix, bias in layers:
            x = np.maximum(x @ matrix + bias, 0)
        assert np.allclose(found.detach().numpy(), x @ last + constant, atol=1e-5)


def test_each_different_id_goes_through_the_network_once(monkeypatch):
    made, seen = table(), []
    monkeypatch.setattr(made, "_encoded", lambda rows: seen.append(rows) or uniform(rows, made.a, made.b).unsqueeze(0))
    assert made.vectors(torch.tensor([5, 1, 5, 5, 1])).shape == (5, 8)
    assert [part.tolist() for part in seen] == [[1, 5]]
    assert made.vectors(torch.empty(0, dtype=torch.int64)).shape == (0, 8)


@pytest.mark.parametrize("hashes", [None, 7])
@pytest.mark.parametrize("centred", [False, True])
def test_the_network_is_as_wide_as_the_budget_allows(hashes, centred):
    made = table(hashes=hashes, centred=centred)
    size, width = len(file_bytes(made)), made.network.shape.width
    assert size <= 4000
    assert made.hashes == (width if hashes is None else 7)
    plan = made.plan() | {"width": width + 1, "hashes": width + 1 if hashes is None else 7}
    assert len(file_bytes(DeepHashTable(FIELDS, 8, **plan, centred=centred))) > 4000


def test_no_more_hashes_than_the_paper_has():
    fields = (Field("user", "user", 2_000_000),)
    made = DeepHash(dim=16, depth=0).table(TableSpec(fields, 10_000_000))
    assert made.hashes == 1024 < made.network.shape.width


def test_a_budget_that_no_network_keeps_is_refused_with_the_least():
    with pytest.raises(UsageError, match=r"1 units of width take (4|5|6)\d\d already"):
        table(budget=300)


def error(made, values, weight):
    with torch.no_grad():
        return float((weight.unsqueeze(1) * (made.vectors(torch.arange(700)) - values).square()).sum())


def test_a_projection_is_better_than_zero_and_steps_improve_it():
    values, weight = target()
    errors = []
    for steps in (0, 200):
        made = table(steps=steps)
        made.reset(0.05, torch.Generator().manual_seed(0))
        made.project(values, weight)
        errors.append(error(made, values, weight))
    nothing = float((weight.unsqueeze(1) * values.square()).sum())
    assert errors[1] < 0.9 * errors[0] < 0.9 * nothing


def test_rows_of_weight_zero_do_not_count():
    values, weight = target()
    weight[:350] = 0
    found = []
    for noise in (0.0, 9.0):
        changed = values.clone()
        changed[:350] += noise
        made = table(steps=5)
        made.reset(0.05, torch.Generator().manual_seed(0))
        made.project(changed, weight)
        found.append(made.network.weights.detach().clone())
    assert torch.equal(*found)


def test_large_tables_are_projected_from_rows_drawn_by_weight(monkeypatch):
    monkeypatch.setattr("cadc.embeddings.schemes.dhe.PART", 64)
    values, weight = target()
    made = table(steps=100)
    made.reset(0.05, torch.Generator().manual_seed(0))
    made.project(values, weight)
    assert error(made, values, weight) < 0.95 * float((weight.unsqueeze(1) * values.square()).sum())


def test_operations_of_a_look_up():
    shape = (made := table(hashes=5, depth=1)).network.shape
    width = shape.width
    assert made.flops() == 2 * (5 * width + width**2 + width * 8) + 2 * width + 8


@pytest.mark.parametrize(
    ("options", "sentence"),
    [({"hashes": 0}, "embedding.hashes is 0"), ({"depth": -1}, "embedding.depth is -1"),
     ({"learning_rate": 0.0}, "embedding.learning_rate is 0")],
)  # fmt: skip
def test_options_that_make_no_sense_are_refused(options, sentence):
    with pytest.raises(UsageError, match=sentence):
        table(**options)
