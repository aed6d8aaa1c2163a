"""The proxy, its forgetting events and errors, and the cache of scores."""

from shutil import rmtree

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from cadc.data.cold_ids import LogWithColdIds
from cadc.data.prepare import prepare
from cadc.data.sources.criteo import Criteo
from cadc.data.split.random import RandomSplit
from cadc.errors import CadcError, DataError, UsageError
from cadc.randomness import numpy_generator
from cadc.sampling.loss_based import LossBasedSampler
from cadc.sampling.proxy import Proxy
from cadc.sampling.svp_cf import SVPCFSampler, count_events
from tests.data.small_sources import write_criteo
from tests.sampling.samplers import LOGS, changed, draw
from tests.support.helpers import small_synthetic_log

PROXY = Proxy(dim=4, epochs=6, learning_rate=0.02, l2=2.0, batch_size=512)


def trajectory(log, proxy=PROXY, seed=0):
    return [margins.clone() for margins in proxy.margins(log, seed)]


@given(
    st.integers(1, 6).flatmap(
        lambda n: st.lists(st.lists(st.sampled_from([-2.0, -1.0, 0.0, 1.0, 2.0]), min_size=n, max_size=n), min_size=1)
    )
)
@settings(deadline=None)
def test_events_are_those_of_a_plain_loop(epochs):
    margins = [torch.tensor(epoch) for epoch in epochs]
    for row in range(len(epochs[0])):
        path = [epoch[row] for epoch in epochs]
        left, rose, wrong = 0, 0, 0
        for now in range(len(path)):
            wrong += path[now] <= 0
            if now >= 1:
                left += path[now - 1] > 0 and path[now] <= 0
            if now >= 2:
                rose += path[now - 1] > path[now - 2] and path[now] <= path[now - 1]
        found = [float(count_events(iter(margins), event)[row]) for event in ("side", "error", "mistake")]
        assert found == [left, rose, wrong]


def test_proxy_learns_more_than_biases_do():
    log = small_synthetic_log()
    label = log.column("label", "train")
    sign = torch.from_numpy(2 * np.array(label) - 1)
    found = [roc_auc_score(label, sign * trajectory(log, Proxy(dim, 15, 0.02, 2.0, 512))[-1]) for dim in (0, 4)]
    oracle = roc_auc_score(label, log.column("oracle", "train"))
    assert 0.65 < found[0] < found[1] - 0.02
    assert found[1] < oracle + 0.05


def test_proxy_of_biases_finds_the_optimum_of_its_loss():
    """With all rows in every step and no penalty, it ends where scikit-learn's logistic regression does."""
    from sklearn.linear_model import LogisticRegression

    log = small_synthetic_log(n_rows=1500, n_users=5, n_items=6)
    rows = log.rows("train")
    ids = [log.field_ids(name, rows).numpy() for name in ("user", "item")]
    one_hot = np.concatenate([np.eye(values.max() + 1)[values] for values in ids], 1)
    label = log.column("label", "train")
    reference = LogisticRegression(C=1e6, max_iter=10_000).fit(one_hot, label).decision_function(one_hot)
    margins = trajectory(log, Proxy(0, 600, 0.05, 0.0, 10_000))[-1].numpy()
    assert margins == pytest.approx((2 * label - 1) * reference, abs=0.02)


def test_proxy_repeats_itself_by_seed():
    log = small_synthetic_log()
    one, again, other = (trajectory(log, seed=seed)[-1] for seed in (1, 1, 2))
    assert torch.equal(one, again)
    assert not torch.equal(one, other)


def test_without_negatives_it_compares_items(tmp_path):
    log = changed(small_synthetic_log(), tmp_path / "log", label=1)
    path = trajectory(log, Proxy(4, 15, 0.02, 2.0, 512))
    # Popular items win; an item drawn at random may be the row's own.
    assert [round(float((margins > 0).float().mean()), 1) for margins in path][-1] >= 0.6
    assert len(draw(SVPCFSampler(0.1, epochs=3), log).rows) == 480


def test_only_negatives_are_refused(tmp_path):
    log = changed(small_synthetic_log(), tmp_path / "log", label=0)
    with pytest.raises(DataError, match="all training labels of synthetic are 0"):
        draw(SVPCFSampler(0.1), log)


def test_log_of_clicks_makes_a_factorisation_machine_of_its_fields(tmp_path, monkeypatch):
    write_criteo(tmp_path / "criteo", 1000)
    monkeypatch.setenv("CADC_DATA_DIR", str(tmp_path))
    log = prepare(Criteo(min_count=3), RandomSplit())
    path = trajectory(log, Proxy(4, 10, 0.02, 2.0, 64))
    assert path[-1].shape == (800,)
    assert path[-1].mean() > path[0].mean() > 0
    assert len(draw(LossBasedSampler(0.1), log).rows) == 80
    with pytest.raises(DataError, match="the log criteo has no users"):
        draw(SVPCFSampler(0.1, by="user"), log)


@pytest.mark.parametrize("by", ["row", "user"])
@pytest.mark.parametrize("source", ["synthetic", pytest.param("ml-100k", marks=pytest.mark.realdata)])
def test_the_most_forgotten_stay(source, by):
    log = LOGS[source]()
    sampler = SVPCFSampler(0.1, by=by, epochs=5)
    events, _ = sampler.scores(log, numpy_generator(0, "sample"))
    kept = np.zeros(log.n_rows("train"), bool)
    kept[draw(sampler, log).rows] = True
    assert events.sum() > 0
    if by == "row":
        assert events[kept].min() >= events[~kept].max()
        return
    user = log.column("user", "train")
    mean = {number: events[user == number].mean() for number in np.unique(user)}
    share = {number: kept[user == number].mean() for number in mean}
    whole = [number for number in mean if share[number] == 1]
    parted = [number for number in mean if 0 < share[number] < 1]
    gone = [number for number in mean if share[number] == 0]
    assert len(whole) > 2
    assert len(parted) <= 1
    assert min(mean[number] for number in whole) >= max(mean[number] for number in [*parted, *gone])
    for number in parted:
        own = user == number
        assert events[own & kept].min() >= events[own & ~kept].max()


def test_ties_are_broken_at_random():
    log = small_synthetic_log()
    sampler = SVPCFSampler(0.1)
    scores = np.zeros(4800)
    orders = [sampler.order(log, scores, np.random.default_rng(seed).random(4800)) for seed in (0, 1)]
    assert abs(np.corrcoef(*orders)[0, 1]) < 0.06


def test_errors_are_those_of_the_proxies():
    log = small_synthetic_log()
    sampler = LossBasedSampler(0.1, proxies=2, epochs=3)
    seeds = []
    real = Proxy.margins
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Proxy, "margins", lambda self, log, seed: seeds.append(seed) or real(self, log, seed))
        found = {
            error: LossBasedSampler(0.1, proxies=2, epochs=3, error=error).score(log, 7)
            for error in ("absolute", "squared")
        }
    assert seeds[:2] == seeds[2:]
    assert seeds[0] != seeds[1]
    label = log.column("label", "train")
    errors = []
    for seed in seeds[:2]:
        for margins in real(sampler.proxy, log, seed):
            p = 1 / (1 + np.exp(-(2 * label - 1) * margins.numpy()))
            errors.append(np.abs(p - label))
    assert found["absolute"] == pytest.approx(np.mean(errors, 0), rel=1e-4)
    assert found["squared"] == pytest.approx(np.mean(np.square(errors), 0), rel=1e-4)


def test_hard_easy_and_mixed_rows_stay():
    log = small_synthetic_log()
    options = {"proxies": 1, "epochs": 2}
    errors, _ = LossBasedSampler(0.1, **options).scores(log, numpy_generator(0, "sample"))
    hard, easy, mixed = (
        set(draw(LossBasedSampler(0.1, keep=keep, **options), log).rows.tolist()) for keep in ("hard", "easy", "mixed")
    )
    by_error = np.argsort(errors)
    assert errors[sorted(hard)].min() >= errors[by_error[4320 - 1]]
    assert errors[sorted(easy)].max() <= errors[by_error[480]]
    assert mixed <= set(draw(LossBasedSampler(0.05, keep="hard", **options), log).rows.tolist()) | set(
        draw(LossBasedSampler(0.05, keep="easy", **options), log).rows.tolist()
    )
    assert len(mixed & hard) == len(mixed & easy) == 240


@pytest.fixture
def trained(monkeypatch):
    """Names of the logs that a proxy was trained on."""
    found = []
    real = Proxy.margins

    def margins(self, log, seed):
        found.append(log.meta["name"])
        return real(self, log, seed)

    monkeypatch.setattr(Proxy, "margins", margins)
    return found


def test_scores_are_computed_once_for_all_rates(empty_cache, trained):
    log = small_synthetic_log()
    first = draw(SVPCFSampler(0.1, epochs=3), log)
    assert first.seconds < 0.05
    for options in ({"rate": 0.1}, {"rate": 0.2}, {"rate": 0.1, "by": "user"}):
        again = draw(SVPCFSampler(**options, epochs=3), log)
        assert len(trained) == 1
        assert again.seconds > 0
    for options, seed in (({}, 1), ({"dim": 2}, 0), ({"event": "mistake"}, 0)):
        before = len(trained)
        draw(SVPCFSampler(0.1, epochs=3, **options), log, seed)
        assert len(trained) == before + 1


@pytest.mark.parametrize("sampler", [SVPCFSampler, LossBasedSampler])
def test_users_and_items_that_training_lacks_do_not_change_the_scores(sampler, empty_cache):
    log = small_synthetic_log(n_rows=300)
    view = LogWithColdIds(log.folder)
    assert view.schema["item"].vocabulary_size > log.schema["item"].vocabulary_size
    found = []
    for one in (log, view):
        found.append(draw(sampler(0.1, epochs=2), one).rows)
        rmtree(empty_cache / "scores")
    assert torch.equal(*found)


def test_seconds_that_the_cache_saved_are_told(empty_cache, monkeypatch):
    import time

    log = small_synthetic_log()
    real = SVPCFSampler.score
    monkeypatch.setattr(SVPCFSampler, "score", lambda self, log, seed: time.sleep(0.5) or real(self, log, seed))
    assert draw(SVPCFSampler(0.1, epochs=2), log).seconds < 0.1
    assert draw(SVPCFSampler(0.2, epochs=2), log).seconds > 0.4


@pytest.mark.parametrize("content", [b"", b"not an array", None])
def test_damaged_scores_are_computed_anew(content, empty_cache, trained, capfd):
    log = small_synthetic_log()
    first = draw(SVPCFSampler(0.1, epochs=2), log)
    file = next((empty_cache / "scores").glob("*/scores.npy"))
    size = file.stat().st_size
    if content is None:
        np.save(file, np.full((size - 128) // 4, np.nan, np.float32))
    else:
        file.write_bytes(content.ljust(size, b"x"))
    again = draw(SVPCFSampler(0.1, epochs=2), log)
    assert torch.equal(again.rows, first.rows)
    assert len(trained) == 2
    assert f"{file.parent} is damaged (scores.npy has other bytes than were written)" in capfd.readouterr().err


def test_scores_that_are_not_finite_fail_with_a_sentence():
    log = small_synthetic_log()
    with pytest.raises(CadcError, match=r"not finite in epoch \d+; lower sampler\.learning_rate"):
        draw(SVPCFSampler(0.1, learning_rate=1e30), log)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"dim": -1}, r"sampler\.dim is -1; it must be at least 0"),
        ({"epochs": 0}, r"sampler\.epochs is 0; it must be at least 1"),
        ({"learning_rate": 0.0}, r"sampler\.learning_rate is 0\.0; it must be a finite number above 0"),
        ({"l2": -1.0}, r"sampler\.l2 is -1\.0"),
        ({"batch_size": 0}, r"sampler\.batch_size is 0"),
    ],
)
@pytest.mark.parametrize("sampler", [SVPCFSampler, LossBasedSampler])
def test_wrong_options_are_usage_errors(sampler, options, sentence):
    with pytest.raises(UsageError, match=sentence):
        sampler(0.1, **options)
