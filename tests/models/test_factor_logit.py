"""The factorisation's logit inside a model equals its formula, row by row, whatever fields it has."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from cadc.factorization.crossfit import CrossFitted
from cadc.factorization.factor_logit import FactorLogit
from cadc.models.factorization import FactorizationModel
from tests.support.helpers import random_factors

FIELDS = [("user", "item"), ("item",), ("user", "item", "hour"), ("hour", "tags", "item", "user"), ("tags",)]


def naive(schema, factors, batch, row):
    """Σ b_f + Σ_{f<g} v_f·v_g + w·x of one row, in float64."""
    single = [field.name for field in schema.single]
    vectors, logit = [], 0.0
    for name in factors.fields:
        table, biases = factors.vectors[name].double().numpy(), factors.biases[name].double().numpy()
        if name in single:
            number = int(batch.ids[row, single.index(name)])
            vectors.append(table[number])
            logit += biases[number]
            continue
        bag = batch.bags[name]
        bounds = [*bag.offsets.tolist(), len(bag.values)]
        values = bag.values[bounds[row] : bounds[row + 1]].tolist()
        vectors.append(np.mean([table[value] for value in values], 0) if values else np.zeros(factors.dim))
        logit += np.mean([biases[value] for value in values]) if values else 0.0
    for first in range(len(vectors)):
        for second in range(first + 1, len(vectors)):
            logit += vectors[first] @ vectors[second]
    if getattr(factors, "dense", None) is not None:
        logit += float(factors.dense.double() @ batch.dense[row].double())
    return logit


@pytest.mark.parametrize("dense", [False, True])
@pytest.mark.parametrize("fields", FIELDS, ids="+".join)
def test_logits_equal_a_double_loop(fields, dense, log):
    factors = random_factors(log.schema, fields)
    if dense:
        factors.dense = torch.tensor([0.7])
    batch = log.gather(log.rows("test")[:60])
    expected = [naive(log.schema, factors, batch, row) for row in range(60)]
    np.testing.assert_allclose(FactorLogit(factors, log.schema)(batch).numpy(), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("fields", FIELDS, ids="+".join)
def test_a_training_row_gets_its_own_part_and_any_other_the_mean(fields, log):
    parts = tuple(random_factors(log.schema, fields, seed=seed) for seed in range(3))
    logit = FactorLogit(CrossFitted(parts, torch.arange(0)), log.schema)
    batch = log.gather(log.rows("train")[:50])
    fold = torch.arange(50) % 3
    every = [[naive(log.schema, part, batch, row) for part in parts] for row in range(50)]
    own = [values[number] for values, number in zip(every, fold.tolist(), strict=True)]
    np.testing.assert_allclose(logit(replace(batch, fold=fold)).numpy(), own, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(logit(batch).numpy(), np.mean(every, 1), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("n_parts", "by_fold"), [(1, False), (3, False), (3, True)])
@pytest.mark.parametrize("fields", [("user", "item"), ("hour", "tags", "item", "user")], ids="+".join)
def test_scores_of_all_items_differ_from_the_logits_by_a_number_a_user(fields, n_parts, by_fold, log):
    parts = tuple(random_factors(log.schema, fields, seed=seed) for seed in range(n_parts))
    model = FactorizationModel(parts[0] if n_parts == 1 else CrossFitted(parts, torch.arange(0)), log.schema)
    rows = log.rows("test")[:40]
    users, items = log.gather(rows), log.gather(rows.flip(0))
    if by_fold:
        users = replace(users, fold=torch.arange(40) % 3)
    found = model.item_scorer(items)(users)
    assert found.shape == (40, 40)
    single = [field.name for field in log.schema.single]
    of_items = [single.index(field.name) for field in log.schema.of("item", bag=False)]
    for item in range(40):
        # Every user meets this item: its columns and bags stand beside the user's own.
        ids = users.ids.clone()
        ids[:, of_items] = items.ids[item, of_items]
        one = log.gather(rows.flip(0)[[item] * 40])
        logits = model(replace(users, ids=ids, bags=one.bags))
        if item == 0:
            constant = found[:, 0] - logits
        torch.testing.assert_close(found[:, item] - logits, constant, rtol=1e-4, atol=1e-4)
    if fields == ("user", "item") and n_parts == 1:
        assert (constant.std() > 0.1).all()  # the user's own bias


def test_tables_are_saved_and_cut_back_into_the_factors(log):
    factors = random_factors(log.schema, ("user", "item", "tags"))
    factors.kind = "score"
    other_factors = random_factors(log.schema, factors.fields, seed=1)
    other_factors.kind = "score"
    logit, other = (FactorLogit(one, log.schema) for one in (factors, other_factors))
    other.load_state_dict(logit.state_dict())
    batch = log.gather(log.rows("test"))
    assert torch.equal(other(batch), logit(batch))
    (part,) = other.factors()
    assert part.kind == "score"
    for name in factors.fields:
        assert torch.equal(part.vectors[name], factors.vectors[name])
        assert torch.equal(part.biases[name], factors.biases[name])
    assert not list(logit.parameters())
