"""Vectors from side features: a ridge regression, checked against scikit-learn, that reaches cold users and items."""

import numpy as np
import pytest
import torch
from sklearn.linear_model import Ridge

from cadc.data.cold_ids import LogWithColdIds
from cadc.data.prepare import prepare
from cadc.data.split.random import RandomSplit
from cadc.embeddings.fitting.completion import complete, side_features
from cadc.embeddings.initializers.content import ContentInitializer
from cadc.errors import UsageError
from cadc.factorization.factors import Factors
from cadc.randomness import torch_generator
from tests.support.helpers import ListSource, random_factors, small_synthetic_log


@pytest.fixture(scope="module")
def log():
    """A log of few rows, in which some items occur in no training row."""
    found = small_synthetic_log(n_rows=300)
    assert (found.entities["item"].ids[1:, 0] == 0).sum() > 2
    return LogWithColdIds(found.folder)


def naive_features(log, side):
    """A dictionary of shares for each entity, by field and value, made by loops."""
    found = []
    features = log.entities[side]
    for entity in range(len(features.ids)):
        row = {}
        for column, field in enumerate(log.schema.of(side, bag=False)):
            if field.name != side and features.ids[entity, column] > 0:
                row[field.name, int(features.ids[entity, column])] = 1.0
        for field in log.schema.of(side, bag=True):
            values, offsets = features.bags[field.name]
            own = values[offsets[entity] : offsets[entity + 1]].tolist()
            for value in own:
                if value > 0:
                    row[field.name, value] = row.get((field.name, value), 0.0) + 1 / len(own)
        found.append(row)
    return found


@pytest.mark.parametrize("side", ["user", "item"])
def test_side_features_are_ones_and_shares(log, side):
    rows = naive_features(log, side)
    matrix = side_features(log, side).toarray()
    names = [
        (field.name, value)
        for field in log.schema.fields
        if field.side == side and field.name != side
        for value in range(1, field.vocabulary_size)
    ]
    expected = [[row.get(name, 0.0) for name in names] for row in rows]
    np.testing.assert_allclose(matrix, expected)
    assert not matrix[0].any()


@pytest.mark.parametrize("weighting", ["none", "sqrt", "count"])
@pytest.mark.parametrize("side", ["user", "item"])
def test_vectors_without_rows_equal_the_predictions_of_sklearn(log, side, weighting):
    factors = random_factors(log.plain.schema, ("user", "item"))
    for name in factors.fields:  # as the factorisation of the log itself gives them to the view
        n_cold = log.schema[name].vocabulary_size - len(factors.biases[name])
        factors.vectors[name] = torch.cat([factors.vectors[name], torch.zeros(n_cold, 3)])
        factors.biases[name] = torch.cat([factors.biases[name], torch.zeros(n_cold)])
        factors.vectors[name][[0, 4]] = 0  # value 4 occurs in no row that was factorised
    completed = complete(factors, log, 2.0, weighting, 0.0)
    counts = np.bincount(log.column(side, "train"), minlength=log.n_entities(side))
    fitted = (counts > 0) & (factors.vectors[side] != 0).any(1).numpy()
    own = torch.cat([factors.vectors[side], factors.biases[side].unsqueeze(1)], 1).double().numpy()
    matrix = side_features(log, side).toarray()
    weights = {"none": np.ones(len(counts)), "sqrt": np.sqrt(counts), "count": counts}[weighting]
    model = Ridge(alpha=2.0, solver="cholesky").fit(matrix[fitted], own[fitted], weights[fitted])
    expected = np.where(fitted[:, None], own, model.predict(matrix))
    expected[0] = own[0]
    found = torch.cat([completed.vectors[side], completed.biases[side].unsqueeze(1)], 1).numpy()
    np.testing.assert_allclose(found, expected, atol=1e-5)
    cold = np.flatnonzero(counts[1:] == 0) + 1
    assert found[cold].any(1).all()
    assert found[4].any()


def test_shrinkage_mixes_own_and_suggested_vectors_by_the_number_of_rows(log):
    factors = random_factors(log.schema, ("user", "item"))
    rows = torch.from_numpy(np.bincount(log.column("item", "train"), minlength=log.n_entities("item")))
    plain, half, all_suggested = (complete(factors, log, 1.0, "sqrt", value) for value in (0.0, 3.0, 1e12))
    for item in (1, 5, 20):
        share = float(rows[item] / (rows[item] + 3))
        expected = share * plain.vectors["item"][item] + (1 - share) * all_suggested.vectors["item"][item]
        torch.testing.assert_close(half.vectors["item"][item], expected)
    assert torch.equal(plain.vectors["item"][rows > 0], factors.vectors["item"][rows > 0])


def test_features_that_decide_the_vectors_give_them_to_cold_items(log):
    category = [field.name for field in log.schema.of("item", bag=False)].index("category")
    of_items = log.entities["item"].ids[:, category].long()
    of_categories = torch.randn(log.schema["category"].vocabulary_size, 3, generator=torch.Generator().manual_seed(1))
    truth = of_categories[of_items]
    cold = log.plain.entities["item"].ids[:, 0] == 0
    vectors = {"item": torch.where(cold.unsqueeze(1), 0.0, truth)}
    found = complete(Factors(vectors, {"item": torch.zeros(len(truth))}), log, 1e-6, "sqrt", 0.0).vectors["item"]
    known = cold & (of_items > 0)
    known[0] = False
    assert known.sum() > 2
    torch.testing.assert_close(found[known], truth[known], atol=1e-3, rtol=0)


@pytest.mark.parametrize("biases", [True, False])
def test_tables_hold_the_completed_factors(log, biases):
    initializer = ContentInitializer(l2=2.0, biases=biases)
    factors = random_factors(log.schema, ("user", "item"))
    tables = initializer.targets(log, 3 + initializer.extra_columns, factors, torch_generator(0, "tables"))
    completed = complete(factors, log, 2.0, "sqrt", 0.0)
    for name in factors.fields:
        assert torch.equal(tables[name][:, :3], completed.vectors[name])
        assert tables[name].shape == (log.n_entities(name), 5 if biases else 3)
    if biases:
        assert torch.equal(tables["item"][:, 4], completed.biases["item"])


def test_a_log_without_side_features_is_a_sentence():
    rows = [(user, item, (user + item) % 2, 3) for user in range(5) for item in range(8)]
    log = prepare(ListSource(rows, [""] * 5, [[]] * 8), RandomSplit())
    # Gender and tags are there, but nothing is known of either; factors of the hour have no entity at all.
    with pytest.raises(UsageError, match=r"initializer=content .*side features and factors"):
        complete(random_factors(log.schema, ("hour",)), log, 1.0, "sqrt", 0.0)


def test_impossible_options_are_usage_errors():
    for options in ({"l2": 0.0}, {"shrinkage": -1.0}):
        with pytest.raises(UsageError, match=rf"initializer\.{next(iter(options))} is"):
            ContentInitializer(**options)
