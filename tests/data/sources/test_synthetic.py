import numpy as np
import pytest
import torch

from cadc.data.prepare import prepare
from cadc.data.sources import synthetic
from cadc.data.sources.synthetic import Synthetic
from cadc.data.split.random import RandomSplit
from cadc.errors import UsageError
from cadc.evaluation.metrics.auc import auc
from cadc.evaluation.metrics.logloss import logloss
from cadc.models.oracle import OracleModel
from tests.support.helpers import small_synthetic_log


@pytest.fixture
def log():
    return prepare(Synthetic(n_rows=40_000, n_users=200, n_items=300), RandomSplit())


def test_same_seed_same_content_and_other_seed_other_content(empty_cache):
    first, other = small_synthetic_log(), small_synthetic_log(seed=1)
    empty_cache.rename(empty_cache.with_name("set aside"))
    assert small_synthetic_log().content_hash == first.content_hash != other.content_hash


def test_log_has_a_bag_a_context_field_and_a_dense_feature(log):
    batch = log.gather(log.rows("train"))
    assert [field.name for field in log.schema.single] == [
        "user",
        "age",
        "gender",
        "item",
        "category",
        "hour",
    ]
    lengths = np.diff([*batch.bags["tags"].offsets.tolist(), len(batch.bags["tags"].values)])
    assert set(lengths.tolist()) == {1, 2, 3, 4}
    assert log.schema["hour"].vocabulary_size == 25
    assert batch.dense.shape == (32_000, 1)
    assert abs(float(batch.dense.mean())) < 0.05
    assert abs(float(batch.dense.std()) - 1) < 0.05


def test_labels_are_drawn_from_the_true_probabilities(log):
    label, oracle = log.column("label"), log.column("oracle")
    for decile in np.array_split(np.argsort(oracle), 10):
        spread = np.sqrt((oracle[decile] * (1 - oracle[decile])).sum()) / len(decile)
        assert abs(label[decile].mean() - oracle[decile].mean()) < 4.5 * spread


def mean_label(log, field):
    """Each test row's mean training label of its user, item or other field; the overall mean where unseen."""
    train, test = (log.field_ids(field, log.rows(split)).numpy() for split in ("train", "test"))
    label = log.column("label", "train")
    sums = np.bincount(train, label, minlength=log.schema[field].vocabulary_size)
    counts = np.bincount(train, minlength=log.schema[field].vocabulary_size)
    return ((sums + label.mean()) / (counts + 1))[test]


def test_no_simple_score_beats_the_true_probabilities(log):
    label, oracle = log.column("label", "test"), log.column("oracle", "test").astype(float)
    means = {field.name: mean_label(log, field.name) for field in log.schema.single}
    rivals = means | {
        "user and item": means["user"] + means["item"],
        "all": sum(means.values()),
        "recency": log.column("dense", "test")[:, 0],
        "noisy truth": oracle + np.random.default_rng(0).normal(scale=0.1, size=len(oracle)),
    }
    best = auc(label, oracle)
    assert best > 0.75
    for name, score in rivals.items():
        assert auc(label, score) < best, name
    for score in means.values():
        assert logloss(label, score.clip(1e-6, 1 - 1e-6)) > logloss(label, oracle)


def test_oracle_model_gives_back_the_true_probabilities(log):
    rows = log.rows("test")
    probability = OracleModel()(log.gather(rows)).sigmoid()
    assert probability.dtype == torch.float64
    np.testing.assert_allclose(probability.numpy(), log.column("oracle", "test"), rtol=1e-6)


def test_popular_users_take_more_rows_than_rare_ones(log):
    counts = np.sort(np.bincount(log.column("user")))[::-1]
    assert counts[:20].sum() > 2 * counts[-60:].sum()


def test_rows_come_in_chunks_of_bounded_size_and_all_of_them_arrive(monkeypatch, empty_cache):
    monkeypatch.setattr(synthetic, "CHUNK_ROWS", 1000)
    source = Synthetic(n_rows=3500, n_users=50, n_items=60)
    sizes = [len(chunk.label) for chunk in source.read().chunks]
    assert sizes == [1000, 1000, 1000, 500]
    log = prepare(source, RandomSplit())
    assert sorted(log.column("time")) == list(range(3500))
    chunks = list(source.read().chunks)
    oracle = np.concatenate([chunk.oracle for chunk in chunks])
    assert (log.column("oracle") == oracle[log.column("row")]).all()
    hours = np.concatenate([chunk.context["hour"] for chunk in chunks])[log.column("row")]
    assert log.vocabulary("hour")[log.column("context_ids")[:, 0] - 1].tolist() == hours.tolist()
    assert len(np.unique(oracle)) > 3000, "chunks do not repeat one another"


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_side_share_says_how_much_side_features_explain(share):
    log = small_synthetic_log(side_share=share, preference_std=0.01, context_std=0.01, bias_std=1.0)
    # With side features explaining everything, users of one age and gender have one bias.
    rows = log.rows("train")
    kinds = log.field_ids("age", rows) * 10 + log.field_ids("gender", rows)
    item = log.field_ids("item", rows)
    logit = torch.logit(torch.from_numpy(log.column("oracle", "train").copy()))
    within = [logit[(kinds == kind) & (item == 1)] for kind in kinds.unique()]
    spread = max(float(values.max() - values.min()) for values in within if len(values) > 1)
    assert (spread < 0.3) == (share == 1)


@pytest.mark.parametrize(
    "wrong",
    [{"n_rows": 0}, {"n_users": 0}, {"n_items": -1}, {"rank": 0}, {"side_share": 1.5}, {"side_share": -0.1}],
)
def test_impossible_sizes_are_usage_errors(wrong):
    with pytest.raises(UsageError, match=f"data.{next(iter(wrong))} is"):
        Synthetic(**wrong)


def test_a_probability_that_was_rounded_to_1_has_a_finite_logit(log):
    batch = log.gather(log.rows("test")[:2])
    batch.oracle = torch.tensor([1.0, 0.25])
    found = OracleModel()(batch)
    assert found.isfinite().all() and found[0] > 16
    assert float(found[1]) == pytest.approx(np.log(1 / 3))
