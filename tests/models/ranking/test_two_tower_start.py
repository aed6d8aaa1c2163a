"""What the two-tower network starts from: a factorisation as its base, whole or cross-fitted, and tables of folds."""

import pytest
import torch

from cadc.evaluation.ranking import DotProduct, HeldOutRanking
from cadc.factorization.crossfit import CrossFitted
from cadc.factorization.factors import Factors
from tests.models.ranking.two_towers import DIM, ENRICHED, SCORERS, factors_of, model_of


@pytest.mark.parametrize("loss", ["softmax", "bce"])
@pytest.mark.parametrize("scorer", SCORERS)
def test_a_residual_starts_from_the_ranking_of_the_factorisation(log, scorer, loss):
    factors = factors_of(log)
    model = model_of(log, scorer=scorer, residual=True, factors=factors, loss=loss).eval()
    ranking = HeldOutRanking(log, "validation")
    with torch.no_grad():
        score = model.item_scorer(log.items(ranking.candidates))
        found = ranking.ranks(lambda users: score(log.users(users)))
    by_id = log.entities["item"].ids[ranking.candidates, 0].long()
    alone = DotProduct(factors.vectors["user"], factors.vectors["item"][by_id], factors.biases["item"][by_id])
    assert torch.equal(found, ranking.ranks(alone))
    assert model.starts_at_base
    assert not model_of(log).starts_at_base


@pytest.mark.parametrize("scorer", SCORERS)
def test_a_residual_learns_beside_its_base_from_the_first_step(log, scorer):
    model = model_of(log, scorer=scorer, residual=True, factors=factors_of(log))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    batch = log.gather(log.rows("train")[:200])
    before = model(batch).detach()
    for _ in range(2):
        optimizer.zero_grad()
        model.loss(batch).mean().backward()
        optimizer.step()
    assert float(model.a.grad) != 0
    for name, weight in model.named_parameters():
        assert weight.grad is not None and weight.grad.any(), name
    assert not torch.allclose(model(batch), before)


def test_a_cross_fitted_residual_trains_each_row_with_its_own_part(log):
    parts = tuple(factors_of(log, seed=seed) for seed in (5, 6, 7))
    rows = log.rows("train")[:30]
    fold = torch.arange(log.n_rows("train")) % 3
    model = model_of(log, residual=True, factors=CrossFitted(parts, fold), loss="margin", margin=100.0)
    batch = log.gather(rows)
    expected = torch.empty(30)
    for number, part in enumerate(parts):
        alone = model_of(log, residual=True, factors=part, loss="margin", margin=100.0)
        alone.spread.copy_(model.spread)
        mine = fold[rows] == number
        expected[mine] = alone.loss(batch)[mine]
    batch.fold = fold[rows]
    torch.testing.assert_close(model.loss(batch), expected)


@pytest.mark.parametrize("in_batch", ["all", 4])
def test_with_cross_fitted_tables_each_row_meets_users_and_items_of_its_own_fold(log, in_batch):
    generator = torch.Generator().manual_seed(3)
    folds = {side: torch.randn(3, log.schema[side].vocabulary_size, DIM, generator=generator) for side in ENRICHED}
    batch = log.gather(log.rows("train")[:30])
    fold = torch.arange(30) % 3
    options = {"frozen": ENRICHED, "in_batch": in_batch, "id_dot": True, "loss": "bpr"}
    expected = torch.empty(30)
    for number in range(3):
        alone = model_of(log, start={side: tables[number] for side, tables in folds.items()}, **options)
        expected[fold == number] = alone.loss(batch)[fold == number]
    batch.fold = fold
    torch.testing.assert_close(model_of(log, start=folds, **options).loss(batch), expected)


def test_scores_of_a_factorisation_are_brought_to_a_spread_of_one(log):
    factors = factors_of(log)
    small = Factors(
        {name: 0.1 * table for name, table in factors.vectors.items()},
        {name: 0.01 * bias for name, bias in factors.biases.items()},
    )
    rows = log.rows("train")[:600]
    models = [model_of(log, rows, residual=True, factors=each).eval() for each in (factors, small)]
    batch = log.gather(rows)
    assert torch.allclose(models[0](batch), models[1](batch), rtol=1e-4, atol=1e-5)
    items = log.items(torch.unique(log.entity_rows("item", rows)).long())
    spread = models[0].item_scorer(items)(batch).detach().std(1).mean()
    assert float(spread) == pytest.approx(1, rel=0.1)
    assert float(model_of(log, residual=True, factors=small, loss="bce").spread) == 1
