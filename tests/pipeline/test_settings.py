"""Settings: what a configuration comes to, resolved once."""

from dataclasses import FrozenInstanceError

import pytest

from cadc.errors import UsageError
from cadc.pipeline.seeds import Seeds
from cadc.pipeline.settings import Settings


def test_groups_that_a_control_does_not_use_are_left_out():
    bias, network = Settings.compose(["model=bias"]), Settings.compose(["model=dlrm"])
    assert bias.uses == ["model", "factorization"]
    assert (bias.sampler, bias.initializer, bias.scheme, bias.fit) == (None, None, None, None)
    assert network.uses == ["model", "sampler", "initializer", "embedding", "trainer"]
    assert (network.factorization, network.factor_dim) == (None, None)


@pytest.mark.parametrize(
    ("overrides", "dim"),
    [
        (["initializer=mf", "embedding.dim=12"], 12),
        (["initializer=mf_bias", "embedding.dim=12"], 10),
        (["model=bias"], 0),
        (["model=factorization", "factorization.dim=7"], 7),
        (["model=factorization", "embedding.dim=9"], 9),
        (["model=dlrm"], None),
    ],
)
def test_length_of_the_factors_follows_from_tables_model_and_options(overrides, dim):
    assert Settings.compose(overrides).factor_dim == dim


def test_factors_that_no_table_can_start_from_are_refused():
    with pytest.raises(UsageError, match=r"factorization\.dim.*embedding\.dim"):
        Settings.compose(["initializer=mf", "factorization.dim=5", "embedding.dim=12"])


def test_seeds_of_sample_weights_and_factorisation_follow_seed_unless_set():
    assert Settings.compose(["seed=3"]).seeds == Seeds(split=0, sample=3, weights=3, factorization=3)
    found = Settings.compose(["seed=3", "sample_seed=4", "weight_seed=5", "data.split_seed=6", "factorization.seed=7"])
    assert found.seeds == Seeds(split=6, sample=4, weights=5, factorization=7)


@pytest.mark.parametrize("option", ["als", "bpr", "cooccurrence", "fm", "logistic", "svd", "transitions"])
def test_every_factorisation_is_built_with_the_seed_of_the_run(option):
    words = [f"factorization={option}", "initializer=mf", "seed=3"]
    for own, seed in (([], 3), (["factorization.seed=2"], 2)):
        factorization = Settings.compose([*words, *own]).factorization
        assert factorization is not None and factorization.option("seed") == seed


@pytest.mark.parametrize(
    ("words", "seed"),
    [
        ([], 0),
        (["factorization=fm"], 0),
        (["factorization_rows=crossfit"], 3),
        (["factorization.solver=adam"], 3),
        (["factorization.feedback=implicit"], 3),
    ],
)
def test_biases_alone_have_a_seed_only_where_it_matters(words, seed):
    factorization = Settings.compose(["model=bias", "seed=3", *words]).factorization
    assert factorization is not None and factorization.option("seed") == seed


@pytest.mark.parametrize(
    ("overrides", "task"),
    [(["model=dlrm"], "ctr"), (["model=two_tower"], "ranking"), (["model=factorization", "task=ranking"], "ranking")],
)
def test_task_is_the_models_own_unless_it_suits_both(overrides, task):
    assert Settings.compose(overrides).task == task


@pytest.mark.parametrize("override", ["model=dlrm task=ranking", "model=two_tower task=ctr"])
def test_task_that_the_model_is_not_made_for_is_refused(override):
    with pytest.raises(UsageError, match=override.split("=")[-1]):
        Settings.compose(override.split())


def test_a_component_of_another_kind_is_refused_by_name():
    with pytest.raises(UsageError, match=r"model\._target_ .*RandomSplit.* not a Model"):
        Settings.compose(["model=bias", "model._target_=cadc.data.split.random.RandomSplit"])


def test_settings_of_a_record_are_those_of_the_overrides_that_made_it():
    found = Settings.compose(["sampler.rate=0.1", "initializer=mf"])
    assert Settings.of(found.config) == found


def test_settings_cannot_be_changed():
    with pytest.raises(FrozenInstanceError):
        Settings.compose().threads = 2


@pytest.mark.parametrize(
    ("words", "chosen"),
    [
        (["model=bias"], True),
        (["model=platt"], True),
        (["initializer=mf_bias"], True),
        (["initializer=mf", "model.residual=true"], True),
        (["initializer=mf"], False),
        (["sampler=leverage", "sampler.rate=0.5"], False),
    ],
    ids=str,
)
@pytest.mark.parametrize("option", ["logistic", "fm"])
def test_penalties_are_chosen_only_where_the_biases_are_read(words, chosen, option):
    factorization = Settings.compose([f"factorization={option}", *words]).factorization
    assert factorization is not None
    defaults = {"l2": {"logistic": None, "fm": 5.0}[option], "l2_bias": 16.0}
    for name, default in defaults.items():
        assert factorization.option(name) == ("auto" if chosen else default)
