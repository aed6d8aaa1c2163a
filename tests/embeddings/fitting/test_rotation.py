"""Vectors that are turned together before rows are cut short."""

import numpy as np
import pytest
import torch

from cadc.embeddings.base.scheme import TableSpec
from cadc.embeddings.base.statistics import Statistics
from cadc.embeddings.fitting.rotation import rotated
from cadc.embeddings.initializers.mf_bias import MFBiasInitializer
from cadc.embeddings.schemes.row_dimension import RaggedTable, RowDimension
from cadc.factorization.factors import Factors
from cadc.randomness import torch_generator

K = 5


def drawn(n, m, seed=0, rank=K):
    generator = torch.Generator().manual_seed(seed)
    mixing = torch.randn(rank, K, generator=generator, dtype=torch.float64)
    users = torch.randn(n, rank, generator=generator).double() @ mixing
    items = 3 + torch.randn(m, K, generator=generator).double() * torch.arange(1, K + 1)
    return users.float(), items.float()


def weighted_centred(vectors, weight):
    own, mass = vectors.double().numpy(), weight.double().numpy()
    own = own - (mass / mass.sum()) @ own
    return np.sqrt(mass / mass.sum())[:, None] * own


@pytest.mark.parametrize("rank", [K, 3])
def test_products_are_kept_and_prefixes_are_the_best_approximation(rank):
    users, items = drawn(40, 30, rank=rank)
    weights = {"user": torch.rand(40) + 0.1, "item": torch.rand(30) + 0.1}
    turned = rotated({"user": users, "item": items}, weights)
    assert torch.allclose(turned["user"] @ turned["item"].T, users @ items.T, atol=1e-3)
    u, v = weighted_centred(users, weights["user"]), weighted_centred(items, weights["item"])
    left, singular, right = np.linalg.svd(u @ v.T)
    found_u, found_v = (weighted_centred(turned[name], weights[name]) for name in ("user", "item"))
    for width in range(1, K + 1):
        best = (left[:, :width] * singular[:width]) @ right[:width]
        assert np.allclose(found_u[:, :width] @ found_v[:, :width].T, best, atol=1e-4 * singular[0])
    # Both halves carry the same share: their squares are the singular values.
    assert np.allclose(found_u.T @ found_u, np.diag(singular[:K]), atol=1e-4 * singular[0])
    assert np.allclose(found_v.T @ found_v, np.diag(singular[:K]), atol=1e-4 * singular[0])


def test_extra_columns_stay():
    users, items = drawn(20, 15)
    both = {"user": users, "item": items}
    weights = {name: torch.ones(len(vectors)) for name, vectors in both.items()}
    turned = rotated(both, weights, extra_columns=2)
    assert all(torch.equal(turned[name][:, -2:], both[name][:, -2:]) for name in both)
    assert torch.allclose(turned["user"] @ turned["item"].T, users @ items.T, atol=1e-3)


@pytest.mark.parametrize("names", [("item",), ("user", "item", "city")])
def test_one_field_or_many_share_a_rotation_that_keeps_all_products(names):
    parts = {name: drawn(25, 9, seed)[0] for seed, name in enumerate(names)}
    weights = {name: torch.rand(len(vectors)) + 0.1 for name, vectors in parts.items()}
    turned = rotated(parts, weights)
    for one in names:
        for other in names:
            assert torch.allclose(turned[one] @ turned[other].T, parts[one] @ parts[other].T, atol=1e-3)
    stacked = np.concatenate([weighted_centred(parts[name], weights[name]) for name in names])
    found = np.concatenate([weighted_centred(turned[name], weights[name]) for name in names])
    singular = np.linalg.svd(stacked, compute_uv=False)
    assert np.allclose(found.T @ found, np.diag(singular**2), atol=1e-4 * singular[0] ** 2)


@pytest.mark.parametrize("zero", ["user", "both"])
def test_vectors_of_zeros_are_no_obstacle(zero):
    users, items = drawn(20, 15)
    both = {"user": 0 * users, "item": 0 * items if zero == "both" else items}
    turned = rotated(both, {name: torch.ones(len(vectors)) for name, vectors in both.items()})
    assert all(vectors.isfinite().all() for vectors in turned.values())
    assert not (turned["user"] @ turned["item"].T).any()


@pytest.fixture(scope="module")
def factors(log):
    generator = torch.Generator().manual_seed(0)
    sizes = {name: log.schema[name].vocabulary_size for name in ("user", "item")}
    return Factors(
        {name: torch.randn(n, K, generator=generator) for name, n in sizes.items()},
        {name: torch.randn(n, generator=generator) for name, n in sizes.items()},
    )


def test_rows_of_full_size_give_the_logits_of_the_factorisation(log, factors):
    scheme, statistics, initializer = RowDimension(dim=K + 2, dtype="float32"), Statistics.of(log), MFBiasInitializer()
    targets = initializer.targets(log, K + 2, factors, torch_generator(0, "tables"))
    arranged = scheme.arranged(targets, factors.fields, initializer.extra_columns, statistics)
    rows, found = log.rows("train"), {}
    for name in factors.fields:
        kept = initializer.kept_columns(log.schema, factors)
        table = scheme.table(TableSpec([log.schema[name]], None, True, statistics, kept=kept))
        table.initialise_from([arranged[name]], [statistics.counts[name] + 1])
        found[name] = table.reconstruct()[log.field_ids(name, rows).long()]
        assert not torch.allclose(arranged[name][:, :K], targets[name][:, :K])
    assert torch.allclose((found["user"] * found["item"]).sum(1), factors.logits(log, rows), atol=1e-3)


def test_rows_of_the_least_size_still_have_biases_and_ones(log, factors):
    initializer = MFBiasInitializer()
    kept = initializer.kept_columns(log.schema, factors)
    targets = initializer.targets(log, K + 2, factors, torch_generator(0, "tables"))
    for name in factors.fields:
        n = log.schema[name].vocabulary_size
        table = RaggedTable([log.schema[name]], K + 2, n, [[kept[name][0] % (K + 2)]], centred=True)
        table.set_runs(torch.tensor([[0] * K + [0, n, 0]]))
        table.initialise_from([targets[name]])
        assert torch.allclose(table.reconstruct()[:, K:], targets[name][:, K:], atol=1e-5)


def test_tables_of_folds_and_random_ones_are_not_turned():
    scheme = RowDimension(dim=K)
    random, of_folds = torch.randn(9, K), torch.randn(2, 9, K)
    assert scheme.arranged({"user": random, "item": None}, ())["user"] is random
    assert scheme.arranged({"user": of_folds}, ("user",))["user"] is of_folds
