"""Quotient and remainder, and products of rank one."""

import numpy as np
import pytest
import torch
from scipy.optimize import minimize

from cadc.data.schema import Field
from cadc.embeddings.base.scheme import TableSpec
from cadc.embeddings.fitting.rank_one import fit_products
from cadc.embeddings.schemes.qr import QuotientRemainder, QuotientRemainderTable
from cadc.errors import UsageError

FIELDS = [Field("user", "user", 30), Field("item", "item", 53)]
N, DIM, M = 83, 4, 11  # the last quotient has 6 of 11 remainders


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("combine", ["multiply", "add", "concat"])
def test_vectors_combine_the_rows_of_quotient_and_remainder(combine):
    table = QuotientRemainderTable(FIELDS, DIM, M, combine).eval()
    table.reset(1.0, generator())
    quotients, remainders = table.weight.detach()[:8], table.weight.detach()[8:]
    assert len(remainders) == M
    found = table.reconstruct()
    for row in range(N):
        q, r = quotients[row // M], remainders[row % M]
        expected = {"multiply": q * r, "add": q + r, "concat": torch.cat([q, r])}[combine]
        assert torch.equal(found[row], expected)


@pytest.mark.parametrize("n", [1, 2, 83, 1000])
@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_no_two_rows_have_the_same_pair(n, share):
    least = int(np.ceil(np.sqrt(n)))
    table = QuotientRemainderTable([Field("user", "user", n)], DIM, least + int(share * (n - least)))
    q, r = table.slots(torch.arange(n))
    assert len({(int(one), int(other)) for one, other in zip(q, r, strict=True)}) == n
    assert q.max() < r.min() and r.max() < len(table.weight)


def test_the_least_budget_is_of_two_roots_of_the_rows():
    scheme = QuotientRemainder(dim=DIM, small=0)
    with pytest.raises(UsageError, match=r"10 remainders take (\d+) already") as caught:
        scheme.table(TableSpec(FIELDS, 100))
    least = int(str(caught.value).split("take ")[1].split()[0])
    assert len(scheme.table(TableSpec(FIELDS, least)).weight) == 10 + 9
    with pytest.raises(UsageError):
        scheme.table(TableSpec(FIELDS, least - 1))


def products(target, weight, q=8, m=M):
    quotients, remainders = torch.zeros(q, target.shape[1]), torch.zeros(m, target.shape[1])
    fit_products(target, weight, quotients, remainders)
    return quotients, remainders


def error(quotients, remainders, target, weight):
    v = torch.arange(len(target))
    found = (quotients[v // M] * remainders[v % M]).double()
    return (weight.double()[:, None] * (found - target.double()) ** 2).sum(0)


def test_without_weights_products_are_the_singular_value_decomposition():
    target = torch.randn(88, DIM, generator=generator())
    found = error(*products(target, torch.ones(88)), target, torch.ones(88))
    for column in range(DIM):
        values = np.linalg.svd(target[:, column].double().numpy().reshape(8, M), compute_uv=False)
        assert float(found[column]) == pytest.approx((values[1:] ** 2).sum(), rel=1e-6)


def test_a_weighted_product_is_found_again():
    quotients, remainders = torch.rand(8, DIM, generator=generator()) + 0.5, torch.randn(M, DIM, generator=generator(1))
    v = torch.arange(N)
    target = quotients[v // M] * remainders[v % M]
    weight = torch.randint(1, 3000, (N,), generator=generator(2)).float()
    assert torch.allclose(error(*products(target, weight), target, weight), torch.zeros(DIM).double(), atol=1e-6)


def test_with_weights_no_other_start_finds_less():
    weight = (3000 / torch.arange(1, N + 1) ** 1.2).float()
    target = torch.randn(N, 1, generator=generator(3))
    found = float(error(*products(target, weight), target, weight))
    t, w, v = target[:, 0].double().numpy(), weight.double().numpy(), np.arange(N)

    def loss(x):
        q, r = x[:8], x[8:]
        rest = q[v // M] * r[v % M] - t
        slope = 2 * w * rest
        gradient = np.concatenate([np.bincount(v // M, slope * r[v % M], 8), np.bincount(v % M, slope * q[v // M], M)])
        return (w * rest**2).sum(), gradient

    rng = np.random.default_rng(0)
    best = min(minimize(loss, rng.normal(size=8 + M), jac=True, method="BFGS").fun for _ in range(20))
    assert found <= best * (1 + 1e-4)


def test_a_column_of_zeros_can_still_be_trained():
    table = QuotientRemainderTable(FIELDS, DIM, M)
    table.reset(1.0, generator())
    table.project(torch.zeros(N, DIM), torch.ones(N))
    assert not table.reconstruct().any()
    table.train().vectors(torch.arange(N)).sum().backward()
    assert table.weight.grad[:8].all()


def test_products_without_a_target_stay():
    quotients, remainders = torch.full((8, DIM), 3.0), torch.full((M, DIM), 5.0)
    weight = torch.zeros(N)
    weight[22:25] = 1.0  # quotient 2, remainders 0 to 2
    fit_products(torch.randn(N, DIM, generator=generator()), weight, quotients, remainders)
    assert (quotients[[0, 1, 3, 4, 5, 6, 7]] == 3).all() and (remainders[3:] == 5).all()
    assert (quotients[2] != 3).all() and (remainders[:3] != 5).all()
