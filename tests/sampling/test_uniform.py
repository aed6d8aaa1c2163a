import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from cadc.errors import UsageError
from cadc.randomness import numpy_generator, torch_generator
from cadc.sampling.uniform import UniformSampler
from tests.support.helpers import small_synthetic_log

RATE = st.floats(1 / 4800, 1, exclude_min=True)


def sample(log, rate, seed=0):
    return UniformSampler(rate)(log, numpy_generator(seed, "sample")).rows


@given(RATE, RATE, st.integers(0, 2**31))
@settings(deadline=None, max_examples=60)
def test_samples_of_one_seed_are_nested(one, two, seed):
    log = small_synthetic_log()
    small, large = (set(sample(log, rate, seed).tolist()) for rate in sorted((one, two)))
    assert small <= large


def test_one_percent_sample_lies_inside_ten_percent_sample():
    log = small_synthetic_log()
    one, ten = set(sample(log, 0.01).tolist()), set(sample(log, 0.1).tolist())
    assert len(one) == 48
    assert len(ten) == 480
    assert one < ten


@given(RATE)
@settings(deadline=None, max_examples=60)
def test_sample_has_the_rounded_share_of_distinct_training_rows_in_order(rate):
    log = small_synthetic_log()
    rows = sample(log, rate)
    assert rows.dtype == torch.int64
    assert len(rows) == round(rate * 4800)
    assert (rows.diff() > 0).all()
    assert rows[0] >= 0
    assert rows[-1] < 4800, "no validation or test row is drawn"


def test_rate_one_keeps_everything():
    log = small_synthetic_log()
    assert torch.equal(sample(log, 1.0), log.rows("train").long())


def test_same_seed_same_sample_and_other_seed_other_sample():
    log = small_synthetic_log()
    assert torch.equal(sample(log, 0.1, 5), sample(log, 0.1, 5))
    assert not torch.equal(sample(log, 0.1, 5), sample(log, 0.1, 6))


def test_every_row_is_equally_likely_to_stay():
    log = small_synthetic_log()
    kept = np.zeros(4800)
    for seed in range(200):
        kept[sample(log, 0.25, seed)] += 1
    # Each count is binomial(200, 1/4): mean 50, standard deviation 6.1.
    assert abs(kept.mean() - 50) < 1e-9
    assert abs(kept.std() - 6.1) < 0.4
    assert np.abs(kept.reshape(10, -1).mean(1) - 50).max() < 1.5


@pytest.mark.parametrize("rate", [0.0, -0.1, 1.0001, float("nan"), float("inf")])
def test_rate_outside_its_range_is_a_usage_error(rate):
    with pytest.raises(UsageError, match=r"sampler\.rate is .*\(0, 1\]"):
        UniformSampler(rate)


def test_rate_that_leaves_no_row_is_a_usage_error_that_names_a_rate_that_works():
    log = small_synthetic_log()
    with pytest.raises(UsageError, match=r"4800 training rows .* at least (\S+)\.") as error:
        sample(log, 1e-5)
    needed = float(str(error.value).split("at least ")[1].rstrip("."))
    assert len(sample(log, needed)) == 1


def test_drawing_a_sample_leaves_the_generator_of_weights_alone():
    log = small_synthetic_log()
    torch.manual_seed(0)
    before = torch.random.get_rng_state()
    weights = torch.randn(5, generator=torch_generator(0, "network"))
    sample(log, 0.3)
    assert torch.equal(torch.randn(5, generator=torch_generator(0, "network")), weights)
    assert torch.equal(torch.random.get_rng_state(), before)
