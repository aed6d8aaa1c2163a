"""What a seed moves and what it leaves: runs repeat bit for bit, and no stage disturbs another."""

import pandas as pd
import pytest
import torch
from safetensors.torch import load_file

from cadc.pipeline.build import draw_sample, factorize_for_sampler, factorize_log, make_model, open_log
from cadc.pipeline.settings import Settings
from tests.support.commands import TINY, train


def initial(*words):
    """Return the rows that a configuration trains on, and its initial weights."""
    # Ids outside the sample start at zero otherwise, so that the sample shows in the weights.
    settings = Settings.compose([*TINY, "initializer.unseen=random", *words])
    log = open_log(settings)
    sample = draw_sample(settings, log)
    return sample.rows, make_model(settings, log, factorize_log(settings, log, sample), sample).state_dict()


def same_weights(first, second):
    return first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)


@pytest.mark.parametrize("initializer", ["random", "mf"])
def test_the_same_run_gives_the_same_bits(initializer, monkeypatch, tmp_path):
    found = []
    for name in ("first", "second"):
        # Neither the other's record nor its factors can be taken over.
        monkeypatch.setenv("CADC_RUNS", str(tmp_path / name / "runs"))
        monkeypatch.setenv("CADC_CACHE", str(tmp_path / name / "cache"))
        found.append(train(f"initializer={initializer}", "sampler.rate=0.5"))
    first, second = found
    assert first.name == second.name
    assert first != second
    pd.testing.assert_frame_equal(
        pd.read_parquet(first / "scores.parquet"),
        pd.read_parquet(second / "scores.parquet"),
        check_exact=True,
    )
    assert same_weights(load_file(first / "model.safetensors"), load_file(second / "model.safetensors"))


@pytest.mark.parametrize("initializer", ["random", "mf"])
def test_the_sampling_rate_leaves_the_initial_weights(initializer):
    few_rows, few = initial(f"initializer={initializer}", "sampler.rate=0.1")
    all_rows, full = initial(f"initializer={initializer}", "sampler.rate=1")
    assert len(few_rows) < len(all_rows)
    assert same_weights(few, full)


def test_the_seed_of_the_sample_moves_the_rows_alone():
    rows, weights = initial("sampler.rate=0.2")
    other_rows, other_weights = initial("sampler.rate=0.2", "sample_seed=7")
    assert not torch.equal(rows, other_rows)
    assert len(rows) == len(other_rows)
    assert same_weights(weights, other_weights)


def test_the_seed_of_the_weights_moves_the_weights_alone():
    rows, weights = initial("sampler.rate=0.2")
    other_rows, other_weights = initial("sampler.rate=0.2", "weight_seed=7")
    assert torch.equal(rows, other_rows)
    linear = {name for name in weights if name.startswith("linear_terms.")}
    biases = {name for name in weights if name.endswith(".bias")}
    assert (len(linear), len(biases)) == (2, 5)
    zero = linear | biases
    assert not any(weights[name].any() or other_weights[name].any() for name in zero), "they start at 0"
    assert not any(torch.equal(weights[name], other_weights[name]) for name in weights.keys() - zero)


def test_the_one_seed_moves_both_unless_they_are_set_apart():
    rows, weights = initial("sampler.rate=0.2", "seed=7")
    other_rows, other_weights = initial("sampler.rate=0.2", "seed=3", "sample_seed=7", "weight_seed=7")
    assert torch.equal(rows, other_rows)
    assert same_weights(weights, other_weights)


def test_another_seed_trains_another_model():
    scores = [pd.read_parquet(train(f"seed={seed}") / "scores.parquet")["probability"] for seed in (0, 1)]
    assert (scores[0] != scores[1]).mean() > 0.99


def factors(*words):
    """Return the factors of a configuration."""
    settings = Settings.compose([*TINY, "initializer=mf", "initializer.freeze=true", *words])
    log = open_log(settings)
    fitted = factorize_log(settings, log, draw_sample(settings, log))
    assert fitted is not None
    return fitted.factors


def test_the_seed_of_the_factorisation_moves_its_vectors_alone():
    vectors, other, apart = (
        factors(*words).vectors["user"] for words in ((), ("seed=3",), ("seed=3", "factorization.seed=0"))
    )
    assert not torch.equal(vectors, other)
    assert torch.equal(vectors, apart)
    rows, _ = initial("initializer=mf", "sampler.rate=0.2")
    moved, _ = initial("initializer=mf", "sampler.rate=0.2", "factorization.seed=3")
    assert torch.equal(rows, moved)


def test_folds_are_dealt_with_the_seed_of_the_factorisation():
    words = ("factorization_rows=crossfit", "factorization_folds=2", "sampler.rate=0.5")
    first, same, other = (
        factors(*words, *own).fold for own in ((), ("seed=3", "factorization.seed=0"), ("factorization.seed=3",))
    )
    assert torch.equal(first, same)
    assert not torch.equal(first, other)


def test_a_sampler_that_reads_factors_reads_those_of_the_factorisations_seed():
    def rows(*own):
        settings = Settings.compose([*TINY, "sampler=leverage", "sampler.rate=0.3", "sample_seed=0", *own])
        log = open_log(settings)
        return draw_sample(settings, log, factorize_for_sampler(settings, log)).rows

    first, same, other = (rows(*own) for own in ((), ("seed=3", "factorization.seed=0"), ("seed=3",)))
    assert torch.equal(first, same)
    assert not torch.equal(first, other)
