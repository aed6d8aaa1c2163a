"""Selection of the smallest keys in bounded memory, and samples that do not depend on the parts that keys come in."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cadc.sampling import smallest as smallest_module
from cadc.sampling.label_balanced import LabelBalancedSampler
from cadc.sampling.popularity import PopularitySampler
from cadc.sampling.smallest import Smallest
from cadc.sampling.uniform import UniformSampler
from tests.sampling.samplers import draw
from tests.support.helpers import small_synthetic_log


@given(st.integers(1, 40), st.lists(st.integers(0, 30), max_size=12), st.integers(0, 2**31))
@settings(deadline=None, max_examples=100)
def test_smallest_keys_are_those_of_a_sort_however_they_are_cut_into_parts(n, lengths, seed):
    keys = np.random.default_rng(seed).permutation(sum(lengths) + 1).astype(float)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(smallest_module, "PART_ROWS", 8)
        found, first = Smallest(n), 0
        for length in [*lengths, 1]:
            found.add(keys[first : first + length], np.arange(first, first + length))
            first += length
            assert found._n_held <= 2 * n + 8 + length, "memory is bounded"
    assert found.rows().tolist() == sorted(np.argsort(keys)[:n].tolist())


@pytest.mark.parametrize(
    "sampler",
    [UniformSampler(0.1), PopularitySampler(0.1, weighting="ipw"), LabelBalancedSampler(0.1, weighting="ipw")],
)
def test_sample_does_not_depend_on_the_size_of_parts(monkeypatch, sampler):
    log = small_synthetic_log()
    at_once = draw(sampler, log)
    monkeypatch.setattr(smallest_module, "PART_ROWS", 101)
    in_parts = draw(sampler, log)
    assert in_parts.rows.tolist() == at_once.rows.tolist()
    if at_once.weights is not None:
        assert in_parts.weights.tolist() == at_once.weights.tolist()


def test_uniform_sample_is_that_of_all_keys_at_once():
    log = small_synthetic_log()
    keys = UniformSampler().keys(log, np.random.default_rng(3))
    assert UniformSampler(0.1)(log, np.random.default_rng(3)).rows.tolist() == sorted(np.argsort(keys)[:480].tolist())
