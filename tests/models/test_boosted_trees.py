import sys

import numpy as np
import pytest
import torch
from sklearn.ensemble import HistGradientBoostingClassifier

import cadc
from cadc.errors import UsageError
from cadc.models.trees.boosted_trees import BoostedTrees
from cadc.models.trees.forest import Forest
from cadc.models.trees.value_statistics import ValueStatistics
from cadc.testing.logs import log_with
from tests.support.helpers import small_synthetic_log

FOLDS = 4


@pytest.mark.parametrize("n_rows", [60, 2000])
def test_a_forest_equals_the_predictions_of_scikit_learn(n_rows):
    generator = np.random.default_rng(0)
    features = generator.normal(size=(n_rows, 5)).astype("float32")
    features[:, 2] = features[:, 2].round()  # few values, so that thresholds lie close to them
    labels = generator.random(n_rows) < 1 / (1 + np.exp(features[:, 0] * features[:, 1] + features[:, 2]))
    classifier = HistGradientBoostingClassifier(max_iter=12, max_leaf_nodes=7, max_depth=4, early_stopping=False)
    classifier.fit(features, labels)
    forest = Forest(n_trees=20, n_leaves=7, depth=4)
    forest.plant([nodes.nodes for (nodes,) in classifier._predictors], classifier._baseline_prediction.item())
    found = forest(torch.from_numpy(features)).sigmoid().numpy()
    np.testing.assert_allclose(found, classifier.predict_proba(features)[:, 1], rtol=0, atol=1e-12)
    forest.cut(5)
    stages = list(classifier.staged_decision_function(features))
    np.testing.assert_allclose(forest(torch.from_numpy(features)).numpy(), stages[4].ravel(), rtol=0, atol=1e-12)


def naive_features(log, row, others, weights, shrinkage):
    """Counts and shrunk mean labels of one row's values among other rows, one after the other."""
    batch = log.gather(torch.tensor([row]))
    of_others = log.gather(torch.tensor(others))
    labels, weights = of_others.label.double().numpy(), weights[others]
    mean = (weights * labels).sum() / weights.sum()

    def statistics(holds):
        n, s = (weights * holds).sum(), (weights * labels * holds).sum()
        return [np.log1p(n), (s + shrinkage * mean) / (n + shrinkage)]

    found = []
    for column in range(len(log.schema.single)):
        found += statistics((of_others.ids[:, column] == batch.ids[0, column]).numpy())
    for field in log.schema.bags:
        bag = of_others.bags[field.name]
        of_rows = np.split(bag.values.numpy(), bag.offsets.numpy()[1:])
        values = batch.bags[field.name].values.tolist()
        own = [statistics(np.array([(of_row == value).sum() for of_row in of_rows])) for value in values]
        found += list(np.mean(own, 0)) if own else [0.0, 0.0]
    return [*found, *batch.dense[0].tolist()]


@pytest.mark.parametrize("is_weighted", [False, True])
def test_features_equal_a_naive_count_of_the_other_folds(is_weighted):
    log = small_synthetic_log()
    rows = log.rows("train")[:60]
    weights = 0.5 + torch.rand(60, generator=torch.Generator().manual_seed(0)) if is_weighted else torch.ones(60)
    by_row = np.zeros(int(rows.max()) + 1)
    by_row[rows] = weights.double().numpy()
    statistics = ValueStatistics(log.schema, shrinkage=3.0)
    found = statistics.fit(log, rows, weights, FOLDS)
    assert found.shape == (60, statistics.n_features)
    for place in range(0, 60, 7):
        others = [int(row) for at, row in enumerate(rows) if at % FOLDS != place % FOLDS]
        expected = naive_features(log, int(rows[place]), others, by_row, 3.0)
        np.testing.assert_allclose(found[place].numpy(), expected, atol=1e-5)
    test = log.rows("test")[:5]
    by_all = statistics(log.gather(test))
    for place, row in enumerate(test.tolist()):
        expected = naive_features(log, row, rows.tolist(), by_row, 3.0)
        np.testing.assert_allclose(by_all[place].numpy(), expected, atol=1e-5)


def test_no_label_of_a_fold_is_in_the_features_of_its_rows(tmp_path):
    log = small_synthetic_log()
    rows = log.rows("train")[:60]
    statistics = ValueStatistics(log.schema, shrinkage=3.0)
    before = statistics.fit(log, rows, torch.ones(60), FOLDS)
    label = np.concatenate([log.column("label", split) for split in ("train", "validation", "test")])
    label[rows[::FOLDS].numpy()] = 1 - label[rows[::FOLDS].numpy()]
    after = statistics.fit(log_with(log, tmp_path / "other", label=label), rows, torch.ones(60), FOLDS)
    assert torch.equal(before[::FOLDS], after[::FOLDS])
    assert not torch.equal(before, after)


def fitted(log, rows=None, **options):
    model = BoostedTrees(log.schema, **{"trees": 20, "folds": FOLDS} | options)
    model.fit_sample(log, log.rows("train") if rows is None else rows)
    return model


def test_as_many_trees_are_kept_as_validation_prefers():
    log = small_synthetic_log()
    model = fitted(log, trees=40, learning_rate=0.3)
    n_kept = int((model.forest.value != 0).any(1).sum())
    assert 0 < n_kept < 40
    batch = log.gather(log.rows("validation"))
    all_trees = BoostedTrees(log.schema, trees=40, learning_rate=0.3, folds=FOLDS)
    all_trees._best_number = lambda *given: 40
    all_trees.fit_sample(log, log.rows("train"))
    by_tree = all_trees.forest.by_tree(all_trees.statistics(batch))
    losses = [
        float(
            torch.nn.functional.binary_cross_entropy_with_logits(
                all_trees.forest.base + by_tree[:, :n].sum(1), batch.label.double()
            )
        )
        for n in range(41)
    ]
    assert n_kept == int(np.argmin(losses))


def test_the_logit_of_a_balanced_sample_is_shifted_back():
    log = small_synthetic_log()
    rows = log.rows("train")[:500]
    one, two = (BoostedTrees(log.schema, trees=5, folds=FOLDS) for _ in range(2))
    for model, offset in ((one, 0.0), (two, 2.0)):
        model._best_number = lambda *given: 5
        model.fit_sample(log, rows, offset=offset)
    batch = log.gather(log.rows("test"))
    torch.testing.assert_close(one(batch) - two(batch), torch.full((len(batch),), 2.0, dtype=torch.float64))


def test_a_sample_of_one_class_gives_a_constant():
    log = small_synthetic_log()
    rows = log.rows("train")
    model = fitted(log, rows[log.labels(rows) == 1][:9])
    logits = model(log.gather(log.rows("test")))
    torch.testing.assert_close(logits.sigmoid(), torch.full_like(logits, 1 - 0.5 / 9))


def test_a_missing_scikit_learn_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.ensemble", None)
    with pytest.raises(
        UsageError, match=r"needs scikit-learn, which is not installed; run `pip install 'cadc\[trees\]'`"
    ):
        fitted(small_synthetic_log())


def test_a_finished_run_scores_without_scikit_learn(monkeypatch, tmp_path):
    run = cadc.run("data=synthetic", "data.n_rows=3000", "model=boosted_trees", "model.trees=10", runs=tmp_path)
    assert run.record["rows"]["validation"] == run.record["data"]["rows"]["validation"]
    assert run.record["bytes"]["embedding"] > 0
    monkeypatch.setitem(sys.modules, "sklearn.ensemble", None)
    scores, model, log = run.scores, run.model, run.log
    found = model(log.gather(log.rows("test"))).sigmoid().numpy()
    np.testing.assert_allclose(found, scores["probability"], rtol=0, atol=1e-12)


@pytest.mark.parametrize("option", ["trees", "leaves", "folds", "depth", "min_rows"])
def test_options_out_of_range_are_refused(option):
    with pytest.raises(UsageError, match=rf"model\.{option} is 0; it must be at least"):
        BoostedTrees(small_synthetic_log().schema, **{option: 0})


def test_trees_of_more_leaves_than_their_numbers_hold_are_refused():
    with pytest.raises(UsageError, match=r"model\.leaves is 16385; it must be at most 16384"):
        BoostedTrees(small_synthetic_log().schema, trees=1, leaves=16_385)
