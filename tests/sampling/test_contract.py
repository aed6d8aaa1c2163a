"""What holds for every sampler."""

from functools import partial

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from cadc.configuration.class_lookup import load_class
from cadc.configuration.components import TARGET, options_of
from cadc.configuration.compose import compose_config
from cadc.configuration.groups import groups
from cadc.errors import CadcError, UsageError
from cadc.pipeline.build import draw_sample, factorize_for_sampler, open_log
from cadc.pipeline.settings import Settings
from cadc.sampling.sampler import Sampler
from cadc.testing import check_sampler
from tests.sampling.samplers import IGNORING_LABELS, LOGS, SAMPLERS, WEIGHTED, changed, draw
from tests.support.commands import TINY, train
from tests.support.helpers import small_synthetic_log

RATE = st.floats(1 / 4800, 0.8, exclude_min=True)


@pytest.mark.parametrize("source", ["synthetic", pytest.param("ml-100k", marks=pytest.mark.realdata)])
@pytest.mark.parametrize("name", SAMPLERS)
class TestSample:
    def test_keeps_the_contract(self, name, source):
        cls = SAMPLERS[name]
        options = {}
        if isinstance(cls, partial):
            cls, options = cls.func, cls.keywords
        check_sampler(cls, LOGS[source](), **options)

    def test_is_another_for_another_seed(self, name, source):
        log = LOGS[source]()
        one, other = (draw(SAMPLERS[name](rate=0.1), log, seed) for seed in (5, 6))
        if name != "recent":  # where times do not tie, the rounding alone is left to chance
            assert len(set(one.rows.tolist()) & set(other.rows.tolist())) < 0.995 * len(one.rows)
        assert not torch.equal(one.rows, other.rows)

    def test_has_weights_where_they_are_asked_for(self, name, source):
        sample = draw(SAMPLERS[name](rate=0.1), LOGS[source]())
        assert (sample.weights is not None) == (name in WEIGHTED)
        if sample.weights is not None:
            assert 1 <= sample.facts["effective_size"] <= len(sample.rows) * (1 + 1e-9)
            assert 0 <= sample.facts["clipped_share"] < 0.2


@pytest.mark.parametrize("name", SAMPLERS)
@given(one=RATE, two=RATE, seed=st.integers(0, 2))
@settings(deadline=None, max_examples=20)
def test_samples_are_nested_and_of_exact_size_at_any_rate(name, one, two, seed):
    log = small_synthetic_log()
    rates = sorted((one, two))
    if name.startswith("label_balanced") and rates[0] < 3 / 4800:
        rates = [rate + 3 / 4800 for rate in rates]  # room for a row of each label
    small, large = (draw(SAMPLERS[name](rate=rate), log, seed).rows for rate in rates)
    assert [len(small), len(large)] == [round(rate * 4800) for rate in rates]
    assert set(small.tolist()) <= set(large.tolist())


@pytest.mark.parametrize("name", SAMPLERS)
@pytest.mark.parametrize("rate", [0.0, -0.1, 1.0001, float("nan"), float("inf")])
def test_rate_outside_its_range_is_a_usage_error(name, rate):
    with pytest.raises(UsageError, match=r"sampler\.rate is .*\(0, 1\]"):
        SAMPLERS[name](rate=rate)


@pytest.mark.parametrize("name", SAMPLERS)
def test_complement_is_allowed_exactly_where_labels_do_not_matter(name, tmp_path):
    log = small_synthetic_log()
    labels = np.random.default_rng(0).permutation(log.column("label", "train"))
    other = changed(log, tmp_path / "log", label=labels)
    sampler = SAMPLERS[name](rate=0.1)
    same = torch.equal(draw(sampler, log).rows, draw(sampler, other).rows)
    assert sampler.allows_complement == (name in IGNORING_LABELS)
    if sampler.allows_complement:
        assert same
    # The latest rows say nothing of labels but are no rows taken one by one; factors here are made up.
    elif not name.startswith(("recent", "leverage")):
        assert not same


def test_every_option_of_the_group_is_tested_here():
    ours = {
        option for option in groups()["sampler"] if load_class(_node(option)[TARGET]).__module__.startswith("cadc.")
    }
    assert ours == {name.split(",")[0].split(" by ")[0] for name in SAMPLERS}


def _node(option):
    return compose_config([f"sampler={option}"])["sampler"]


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        (lambda n: np.arange(n // 2), r"int64 of shape \(2400,\); expected numbers of shape \(4800,\)"),
        (lambda n: np.zeros((n, 1)), r"float64 of shape \(4800, 1\)"),
        (lambda n: None, r"object of shape \(\)"),
        (lambda n: np.where(np.arange(n) < 3, np.nan, 1.0), "NaN for 3 training rows"),
    ],
    ids=["too few", "a table", "nothing", "NaN"],
)
def test_keys_that_are_not_a_number_for_each_row_are_refused(answer, sentence):
    class Broken(Sampler):
        def keys(self, log, generator, factors=None):
            return answer(log.n_rows("train"))

    with pytest.raises(CadcError, match=rf"Broken\.keys returned {sentence}"):
        Broken(rate=0.1)(small_synthetic_log(), np.random.default_rng(0))


@pytest.mark.parametrize("option", ["uniform", "stratified", "recent", "svp_cf", "loss_based"])
def test_weights_are_refused_where_they_would_be_equal_or_no_probability_is_known(option):
    with pytest.raises(UsageError, match=r"sampler\.weighting is not an option of"):
        options_of({**_node(option), "weighting": "ipw"}, "sampler")


@pytest.mark.parametrize("option", sorted({name.split(",")[0].split(" by ")[0] for name in SAMPLERS}))
def test_a_run_draws_by_every_option(option):
    settings = Settings.compose([*TINY, f"sampler={option}", "sampler.rate=0.1", "factorization.max_epochs=2"])
    log = open_log(settings)
    sample = draw_sample(settings, log, factorize_for_sampler(settings, log))
    assert len(sample.rows) == 240


@pytest.mark.parametrize(
    "words",
    [
        ("sampler=popularity", "sampler.weighting=ipw"),
        ("sampler=leverage", "sampler.weighting=ipw"),
        ("sampler=label_balanced",),
        ("sampler=svp_cf", "sampler.epochs=2"),
    ],
)
def test_a_network_trains_on_the_sample(words):
    folder = train(*words, "sampler.rate=0.1")
    assert (folder / "record.json").exists()
