import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from cadc.factorization.solvers.conjugate_gradients import SparseRows, conjugate_gradients


def made_up(n_values, n_others, n_pairs, dim, seed):
    """Distinct pairs in any order, with weights, and a vector of each second id, in float64."""
    rng = np.random.default_rng(seed)
    pairs = rng.permutation(n_values * n_others)[:n_pairs]
    first, second = pairs // n_others, pairs % n_others
    weights, vectors = rng.random(len(pairs)), rng.normal(size=(n_others, dim))
    return first, second, weights, vectors


def sparse(first, second, weights, shape):
    return SparseRows(*(torch.from_numpy(part) for part in (first, second, weights)), shape)


sizes = st.tuples(st.integers(1, 6), st.integers(1, 5), st.integers(1, 30), st.integers(1, 5), st.integers(0, 1000))


@given(sizes)
@settings(deadline=None, max_examples=30)
def test_conjugate_gradients_solve_each_system(size):
    n_values, n_others, _, dim, seed = size
    first, second, weights, vectors = made_up(*size)
    rows = sparse(first, second, weights, (n_values, n_others))
    target = np.random.default_rng(seed).normal(size=(n_values, dim))
    gram = np.eye(dim) + np.ones((dim, dim))
    start = torch.zeros(n_values, dim).double()
    gram_, vectors_, target_ = (torch.from_numpy(part) for part in (gram, vectors, target))
    found = conjugate_gradients(gram_, rows, vectors_, target_, start, 3 * dim + 3)
    assert not start.any(), "the first guess is not changed"
    for value in range(n_values):
        own = first == value
        system = gram + (vectors[second[own]].T * weights[own]) @ vectors[second[own]]
        np.testing.assert_allclose(found[value], np.linalg.solve(system, target[value]), atol=1e-6, rtol=1e-6)


@given(sizes)
@settings(deadline=None, max_examples=30)
def test_sums_and_products_are_those_of_each_pair(size):
    n_values, n_others, _, dim, seed = size
    first, second, weights, vectors = made_up(*size)
    rows = sparse(first, second, weights, (n_values, n_others))
    x = np.random.default_rng(seed).normal(size=(n_values, dim))
    order = np.argsort(first, kind="stable")
    products = rows.products(torch.from_numpy(x), torch.from_numpy(vectors))
    np.testing.assert_allclose(products, (x[first] * vectors[second]).sum(1)[order], atol=1e-12)
    expected = np.zeros((n_values, dim))
    np.add.at(expected, first, weights[:, None] * vectors[second])
    np.testing.assert_allclose(rows.sums(rows.weights, torch.from_numpy(vectors)), expected, atol=1e-12)
