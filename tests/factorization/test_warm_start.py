"""A factorisation goes on from an earlier one of a log that has grown."""

import numpy as np
import pytest
import torch
from sklearn.metrics import log_loss

from cadc.errors import UsageError
from cadc.factorization.als import ALS
from cadc.factorization.bpr import BPR
from cadc.factorization.cached import factorize
from cadc.factorization.factors import Factors
from cadc.factorization.fm import FactorizationMachine
from cadc.factorization.logistic import LogisticMF
from cadc.factorization.svd import SVD
from cadc.factorization.warm_start import WarmStart
from tests.support.helpers import small_synthetic_log

DIM = 4
METHODS = {
    "als": ALS(iterations=15),
    "als, steps": ALS(iterations=15, cg_steps=3),
    "als, explicit": ALS(feedback="explicit", iterations=15),
    "newton": LogisticMF(l2=2.0),
    "newton, penalties by validation": LogisticMF(l2="auto", l2_bias="auto"),
    "adam": LogisticMF(solver="adam", max_epochs=30),
    "bpr": BPR(max_epochs=30),
    "fm": FactorizationMachine(fields=("user", "item"), l2=2.0),
    "fm, all fields": FactorizationMachine(max_epochs=20),
}


@pytest.fixture(scope="module")
def log():
    return small_synthetic_log()


@pytest.fixture(scope="module")
def earlier(log):
    """The factors of each method, fitted to the first two thirds of the rows, and their penalties."""
    rows, found = log.rows("train")[:3200], {}
    for name, method in METHODS.items():
        factors, cost = method.fit(log, rows, DIM)
        found[name] = WarmStart(factors, {key: cost[key] for key in cost if key.startswith("l2")}, max_passes=1)
    return found


def similarity(one, other):
    """Mean cosine of two tables of vectors, over the rows that neither lacks."""
    kept = (one.norm(dim=1) > 0) & (other.norm(dim=1) > 0)
    return float(torch.cosine_similarity(one[kept], other[kept]).mean())


@pytest.mark.parametrize("name", METHODS)
def test_a_pass_over_the_same_rows_changes_little(name, log, earlier):
    rows = log.rows("train")[:3200]
    before = earlier[name]
    factors, cost = METHODS[name].fit_from(before, log, rows, DIM)
    assert cost["epochs"] == 1 or "validation" in name
    ours, theirs = (own.logits(log, log.rows("test")) for own in (factors, before.factors))
    assert np.corrcoef(ours, theirs)[0, 1] > 0.97


@pytest.mark.parametrize("name", METHODS)
def test_vectors_stay_in_the_basis_of_the_earlier_ones(name, log, earlier):
    factors, _ = METHODS[name].fit_from(earlier[name], log, log.rows("train"), DIM)
    for field in ("user", "item"):
        assert similarity(factors.vectors[field], earlier[name].factors.vectors[field]) > 0.7


@pytest.mark.parametrize("name", ["newton", "fm"])
def test_one_pass_that_goes_on_beats_one_from_the_start(name, log, earlier):
    rows, test = log.rows("train"), log.rows("test")
    on, _ = METHODS[name].fit_from(earlier[name], log, rows, DIM)
    start = Factors(
        {field: 0.3 * torch.randn(own.shape, generator=torch.Generator().manual_seed(0)) for field, own in
         on.vectors.items()},
        {field: torch.zeros_like(own) for field, own in on.biases.items()},
    )  # fmt: skip
    anew, _ = METHODS[name].fit_from(WarmStart(start, max_passes=1), log, rows, DIM)
    losses = [log_loss(log.labels(test), own.logits(log, test).sigmoid()) for own in (on, anew)]
    assert losses[0] < losses[1]


@pytest.mark.parametrize("name", METHODS)
def test_ids_that_have_arrived_since_are_fitted_and_those_without_rows_keep_what_they_had(name, log, earlier):
    rows = log.rows("train")
    item = log.field_ids("item", rows)
    n_before = int(item.max()) // 2
    known = earlier[name].factors
    vectors = {field: own[: n_before + 1] if field == "item" else own for field, own in known.vectors.items()}
    biases = {field: own[: n_before + 1] if field == "item" else own for field, own in known.biases.items()}
    read = rows[(item != 1) & (item != n_before + 1)]
    before = WarmStart(Factors(vectors, biases, kind=known.kind), earlier[name].penalties, max_passes=2)
    factors, _ = factorize(METHODS[name], log, read, DIM, before=before)
    assert torch.equal(factors.vectors["item"][1], known.vectors["item"][1])
    assert factors.biases["item"][1] == known.biases["item"][1]
    assert not factors.vectors["item"][n_before + 1].any()  # it is new, and no row holds it
    is_read = torch.bincount(log.field_ids("item", read), minlength=len(factors.vectors["item"])) > 0
    fitted = factors.vectors["item"][n_before + 1 :][is_read[n_before + 1 :]]
    assert (fitted.norm(dim=1) > 0).float().mean() > 0.9
    assert not factors.vectors["item"][0].any()


def test_what_a_fit_goes_on_from_is_part_of_its_key_in_the_cache(log, earlier):
    rows, method, before = log.rows("train")[:1000], METHODS["newton"], earlier["newton"]
    keys = [
        next(iter(factorize(method, log, rows, DIM, before=own)[1]))
        for own in (None, before, WarmStart(before.factors, before.penalties, max_passes=2))
    ]
    assert len(set(keys)) == 3


def test_the_bias_of_all_rows_is_told_from_those_of_items():
    factors = Factors({"item": torch.zeros(3, 1)}, {"item": torch.tensor([1.0, 2.0, 3.0])})
    biases, of_all = WarmStart(factors).biases({"item": 4}, holds_global="item")
    assert (biases["item"].tolist(), of_all) == ([0.0, 1.0, 2.0, 0.0], 1.0)


def test_a_method_that_cannot_go_on_says_so(log):
    factors, _ = SVD().fit(log, log.rows("train"), DIM)
    with pytest.raises(UsageError, match=r"SVD cannot go on from earlier factors; set stream\.warm=false"):
        SVD().fit_from(WarmStart(factors), log, log.rows("train"), DIM)
