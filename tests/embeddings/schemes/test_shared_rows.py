"""What sums and joins of shared rows have in common: look-up, random starts and least squares."""

import numpy as np
import pytest
import torch
from scipy.sparse.linalg import lsqr

from cadc.data.schema import Field
from cadc.embeddings.base.scheme import TableSpec
from cadc.embeddings.fitting.projection_of_parts import fit_joined, fit_sums
from cadc.embeddings.schemes.binary_code import BinaryCode
from cadc.embeddings.schemes.double_hashing import DoubleHashing
from cadc.embeddings.schemes.qr import QuotientRemainder
from cadc.embeddings.schemes.tensor_train import TensorTrain
from cadc.errors import UsageError

FIELDS = [Field("user", "user", 90), Field("item", "item", 210), Field("genre", "item", 20, True)]
N, DIM, M = 320, 6, 41


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def random_parts(k, seed=0):
    """Return a function to k slots of each row, and these as an array."""
    places = torch.randint(M - 3, (k, N), generator=generator(seed))  # the last 3 are never used
    return (lambda rows: [own[rows] for own in places]), places.numpy()


def target_and_weight(seed=1):
    target = torch.randn(N, DIM, generator=generator(seed))
    weight = torch.randint(0, 50, (N,), generator=generator(seed)).float()
    return target, weight


@pytest.mark.parametrize("k", [1, 2, 5])
def test_sums_are_the_smallest_least_squares_solution(k):
    slots, places = random_parts(k)
    target, weight = target_and_weight()
    features = np.zeros((N, M))
    for part in places:
        np.add.at(features, (np.arange(N), part), 1)
    otherwise = torch.full((M, DIM), 7.0)
    found = fit_sums(slots, target, weight, otherwise).numpy()
    roots = np.sqrt(weight.numpy())[:, None]
    scale = np.linalg.norm(roots * features, axis=0)
    used = scale > 0
    for column in range(DIM):
        right = roots[:, 0] * target[:, column].numpy()
        solution = lsqr(roots * features[:, used] / scale[used], right, atol=1e-14, btol=1e-14)[0] / scale[used]
        assert np.allclose(found[used, column], solution, atol=1e-5)
    assert not used[-3:].any() and (found[~used] == 7).all()


@pytest.mark.parametrize("dim", [6, 5])
def test_joined_parts_are_weighted_means_of_their_own_columns(dim):
    slots, places = random_parts(3)
    target, weight = target_and_weight()
    target = target[:, :dim]
    found = fit_joined(slots, target, weight, torch.full((M, 2), 7.0))
    for slot in range(M):
        for column in range(2):
            pairs = [
                (float(weight[row]), float(target[row, 2 * part + column]))
                for part in range(3)
                for row in range(N)
                if places[part, row] == slot and 2 * part + column < dim and weight[row] > 0
            ]
            mass = sum(w for w, _ in pairs)
            expected = sum(w * t for w, t in pairs) / mass if pairs else 7.0
            assert float(found[slot, column]) == pytest.approx(expected, abs=1e-5)


def schemes(ratio=6.0):
    small = {"dim": DIM, "ratio": ratio, "small": 0}
    yield from (DoubleHashing(combine=combine, **small) for combine in ("sum", "concat"))
    yield from (QuotientRemainder(combine=combine, **small) for combine in ("multiply", "add", "concat"))
    for blocks in ("succession", "skip"):
        yield from (BinaryCode(blocks=blocks, combine=combine, **small) for combine in ("sum", "concat"))
    yield TensorTrain(**small)


def table_of(scheme, fields=FIELDS, **options):
    budget = int(sum(field.vocabulary_size for field in fields) * scheme.dim * 4 / scheme.ratio)
    return scheme.table(TableSpec(fields, max(budget, 1600), **options))


def name_of(scheme):
    return "-".join([type(scheme).__name__, *(getattr(scheme, key, "") for key in ("blocks", "combine"))]).strip("-")


@pytest.mark.parametrize("scheme", schemes(), ids=name_of)
def test_random_vectors_have_the_deviation_that_is_asked_for(scheme):
    table = table_of(scheme)
    squares = []
    for seed in range(30):
        table.reset(0.3, generator(seed))
        squares.append(float(table.reconstruct().square().mean()))
    assert np.sqrt(np.mean(squares)) == pytest.approx(0.3, rel=0.08)


@pytest.mark.parametrize("scheme", schemes(), ids=name_of)
def test_a_row_has_the_same_bits_alone_and_among_others(scheme):
    table = table_of(scheme).eval()
    table.reset(0.3, generator())
    every = table.reconstruct()
    for row in (0, 5, 89, 90, 319):
        assert torch.equal(table.vectors(torch.tensor([row]))[0], every[row])
    rows = torch.tensor([7, 7, 300, 7])
    assert torch.equal(table.vectors(rows), every[rows])


def weighted_error(table, target, weight):
    return float((weight.double()[:, None] * (table.reconstruct() - target).double() ** 2).sum())


@pytest.mark.parametrize("scheme", schemes(), ids=name_of)
def test_a_projected_start_is_better_than_zeros_and_at_a_stationary_point(scheme):
    table = table_of(scheme)
    target, weight = target_and_weight()
    target = target + 0.3  # not centred, so that there is something to find
    table.reset(0.3, generator())
    table.project(target, weight)
    table = table.double()
    assert weighted_error(table, target, weight) < float((weight.double()[:, None] * target.double() ** 2).sum())
    loss = (weight.double()[:, None] * (table.vectors(torch.arange(N)) - target.double()) ** 2).sum()
    loss.backward()
    # Of a tensor train, the last core alone is a closed form.
    closed = [table.third] if isinstance(scheme, TensorTrain) else [own for own in table.parameters() if own.numel()]
    for parameter in closed:
        size = float(weight.sum()) * float(parameter.detach().abs().mean())
        assert float(parameter.grad.abs().max()) < 1e-4 * size


@pytest.mark.parametrize("scheme", schemes(), ids=name_of)
def test_what_rows_without_a_target_use_alone_stays(scheme):
    table = table_of(scheme)
    target, _ = target_and_weight()
    table.reset(0.3, generator())
    before = {name: value.clone() for name, value in table.state_dict().items()}
    table.project(target, torch.zeros(N))
    assert all(torch.equal(value, before[name]) for name, value in table.state_dict().items())


def test_options_that_do_not_exist_are_refused():
    with pytest.raises(UsageError, match=r"embedding\.combine is 'mean'.* sum, concat\."):
        DoubleHashing(combine="mean")
    with pytest.raises(UsageError, match="choose one of multiply, add, concat"):
        QuotientRemainder(combine="sum")
    with pytest.raises(UsageError, match=r"embedding\.blocks is 'all'.* succession, skip"):
        BinaryCode(blocks="all")
    with pytest.raises(UsageError, match=r"embedding\.bits is 33; .* from 1 to 32"):
        BinaryCode(bits=33)
    with pytest.raises(UsageError, match=r"embedding\.own_share is 1\.5; .* from 0 to 1"):
        DoubleHashing(own_share=1.5)
